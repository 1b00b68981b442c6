package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"time"
)

// Store is a place that keeps what must outlive the process. Several collectors may share one. It is safe for concurrent use.
//
// Every text and every byte may come from an attacker: a store keeps them as they are and never interprets them. Errors wrap those of
// this package where they apply (see [ErrUnavailable] and its neighbours); a call that failed changed nothing. A call whose context ends
// fails with its error. Times are nanoseconds since 1970 UTC. A store that was in trouble works again by itself when the trouble is over.
type Store interface {
	Writer
	Log
	Roles
	History
	// Close ends all connections. What Write returned from before is kept. Nothing may be called afterwards.
	Close() error
}

// Writer takes what changed.
type Writer interface {
	// Write commits all of the batch or nothing of it. When it returns without an error, all of it outlives a kill of the process, and a
	// loss of power as far as the device tells the truth. Writing the same batch again changes nothing more. [ErrLost]: the batch has a role
	// that somebody else has claimed since.
	Write(ctx context.Context, b *Batch) error
	// Trim removes rows that were cut, and what is too old or too much, the oldest first, in steps short enough not to hold up others. It
	// does a bounded amount of work; Trimmed.More says that there is more to do.
	Trim(ctx context.Context, l Limits) (Trimmed, error)
}

// Log is what was appended, in one stream for each collector.
//
// A stream has one writer, which numbers its rows from 1 without gaps and does not begin to write a row before the one before is committed. Nobody
// has to read in order to write.
type Log interface {
	// Rows yields the rows of every stream, those of the streams in after only from their positions on: the rows of one stream in the order
	// of their numbers, each once, and of the streams that have more to come always the one whose next row has the lowest At. It yields at least what was committed before the call. Where rows were cut, a stream has a gap; whatever the
	// one who cut them had committed before, or with the cut, is yielded by the same call. An error is the last thing it yields.
	Rows(ctx context.Context, after []Position) iter.Seq2[Row, error]
}

// Roles say which collector does what only one of them may do at a time.
type Roles interface {
	// Claim gives the role to the collector for the time of a lease, by the clock of the store: if nobody has it, if the lease of whoever had it
	// has ended and no [Batch] of its is just being written, or if it is the collector's own, which is then renewed; it may be so even after its end. False:
	// somebody else has it. What a former holder wrote can be read when Claim returns.
	Claim(ctx context.Context, role, collector string, lease time.Duration) (Tenure, bool, error)
	// Holder returns who had the role last, [ErrNotFound] if nobody ever had. Its lease may have ended.
	Holder(ctx context.Context, role string) (Tenure, error)
	// Resign ends the lease, so that others need not wait for its end. [ErrLost]: somebody else has the role.
	Resign(ctx context.Context, t Tenure) error
}

// History is what can be read.
type History interface {
	// Blob returns what is kept under the key, [ErrNotFound] if nothing is.
	Blob(ctx context.Context, key string) ([]byte, error)
	// Record returns the record of the operation with that ID or alias, [ErrNotFound] without one.
	Record(ctx context.Context, namespace, id string) (Record, error)
	// List returns records, those that changed last first, without their facts. It takes about the same time whatever is asked for, so
	// a page may be short, even empty, without being the last one. [ErrInvalid]: the cursor is none of List's.
	List(ctx context.Context, q Query) (Page, error)
	// Incidents returns incidents, those that changed last first: for 0 the open ones and the latest resolved ones, else those resolved ones that
	// changed before that time. Of the resolved ones they are at most limit, but for those that changed at the same time as the last one.
	Incidents(ctx context.Context, before int64, limit int) ([]Incident, error)
	// Incident returns the incident with the ID, [ErrNotFound] without one.
	Incident(ctx context.Context, id string) (Incident, error)
	// Journal returns at most limit entries about the subject, or about everything for "", the latest first, that are older than before; 0 = from the latest.
	Journal(ctx context.Context, subject string, before int64, limit int) ([]Entry, error)
	// Size returns how much is kept. It counts, so it takes longer the more there is.
	Size(ctx context.Context) (Size, error)
}

// Size is how much a store keeps.
type Size struct {
	// Bytes are those of the database, with room in it that is free. Rows are those of the log, Records those of operations.
	Bytes, Rows, Records int64
}

// Key stands for an operation: the beginning of a hash of its namespace and ID.
type Key [16]byte

// KeyOf returns the key of an operation.
func KeyOf(namespace, id string) Key {
	b := binary.AppendUvarint(make([]byte, 0, len(namespace)+len(id)+2), uint64(len(namespace)))
	sum := sha256.Sum256(append(append(b, namespace...), id...))
	return Key(sum[:])
}

// Batch is what is written at once. Of several entries with the same key the last one counts.
type Batch struct {
	// Role is the one by which the batch is written: nothing of it is if somebody else has claimed the role since. nil: none is needed.
	Role *Tenure
	// Rows are appended to their streams. One that is there already is not changed.
	Rows []Row
	// Cut are the positions up to which streams are removed, including the row there.
	Cut []Position
	// Forget are keys of records that are removed, before others are written.
	Forget []Key
	// Records replace those with a lower revision.
	Records []Record
	// Blobs replace those with the same key, Incidents those with the same ID and a lower or equal revision. Entries with an ID that is there already change nothing.
	Blobs     []Blob
	Incidents []Incident
	Entries   []Entry
}

// Row is a row of the log.
type Row struct {
	// Collector names the stream, Seq is the row's number in it, at least 1.
	Collector string
	Seq       int64
	// At is when it was written.
	At int64
	// Data is not nil, and best no more than about 1 MiB.
	Data []byte
}

// Position is one in a stream: behind the row of that number.
type Position struct {
	Collector string
	Seq       int64
}

// Tenure is the time during which a collector has a role.
type Tenure struct {
	Role, Collector string
	// Epoch is greater than those of all tenures of the role before, of other collectors.
	Epoch int64
	// Until is the end of the lease, by the clock of the store. Who has the role counts the lease by its own clock, from before it asked.
	Until int64
}

// Blob is something that is kept whole, as what was learned.
type Blob struct {
	Key  string
	Data []byte
}

// Incident is an incident as whoever groups operations encodes it.
type Incident struct {
	ID   string
	Open bool
	// Revision and UpdatedAt are those of the incident.
	Revision, UpdatedAt int64
	Data                []byte
}

// Entry is a line of the journal: a note, or an action and what became of it.
type Entry struct {
	// ID is unique, so that an entry that is written twice is there once.
	ID string
	At int64
	// Subject is what it is about, as the ID of an operation or incident.
	Subject string
	Data    []byte
}

// Limits say what is too much; 0 is no limit.
type Limits struct {
	// Before is the time of the last change before which records, resolved incidents and entries are removed.
	Before int64
	// MaxBytes bounds the bytes of all records together: texts, facts and terms, without what the database itself needs.
	MaxBytes int64
	// MaxIncidents is about how many resolved incidents are kept, those that changed last.
	MaxIncidents int
}

// Trimmed says what was removed.
type Trimmed struct {
	// Rows are those of the log that were cut, Records, Incidents and Entries those that were too old or too much.
	Rows, Records, Incidents, Entries int64
	// Bytes are those of the records that were removed, of those for which there is a limit.
	Bytes int64
	// More says that there is more to remove.
	More bool
}

package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"iter"
)

// Store is a place that keeps what must outlive the process. Several collectors may share one. It is safe for concurrent use.
//
// Every text and every byte may come from an attacker: a store keeps them as they are and never interprets them. Errors wrap those of
// this package where they apply (see [ErrUnavailable] and its neighbours); a call that failed changed nothing. A call whose context ends
// fails with its error. Times are nanoseconds since 1970 UTC.
type Store interface {
	Writer
	Checkpoints
	History
	// Close ends all connections. What Write returned from before is kept. Nothing may be called afterwards.
	Close() error
}

// Writer takes what changed.
type Writer interface {
	// Write commits all of the batch or nothing of it. When it returns without an error, all of it outlives a kill of the process, and a
	// loss of power as far as the device tells the truth. Writing the same batch again changes nothing more.
	Write(ctx context.Context, b *Batch) (Written, error)
	// Trim removes what is too old or too much, the oldest first, in steps short enough not to hold up others. It does a bounded
	// amount of work; Trimmed.More says that there is more to do.
	Trim(ctx context.Context, l Limits) (Trimmed, error)
}

// Checkpoints are the open operations.
type Checkpoints interface {
	// Parts yields the parts of the collector, or those of all for "", in no particular order: each once, as it was at some time during the call.
	// An error is the last thing it yields. Parts is not to be called from within.
	Parts(ctx context.Context, collector string) iter.Seq2[Part, error]
	// Claim makes the collector the owner of operations that are due, or whose owner's lease has ended: the most urgent first, and none that
	// another call is about to claim. An operation has one owner at a time.
	Claim(ctx context.Context, c Claim) ([]Claimed, error)
	// Blob returns what is kept under the key, [ErrNotFound] if nothing is.
	Blob(ctx context.Context, key string) ([]byte, error)
}

// History is what can be read.
type History interface {
	// Record returns the record of the operation with that ID or alias, [ErrNotFound] without one.
	Record(ctx context.Context, namespace, id string) (Record, error)
	// List returns records, those that changed last first, without their facts. It takes about the same time whatever is asked for, so
	// a page may be short, even empty, without being the last one. [ErrInvalid]: the cursor is none of List's.
	List(ctx context.Context, q Query) (Page, error)
	// Incidents returns the incidents, those that changed last first: the open ones and at most limit resolved ones.
	Incidents(ctx context.Context, limit int) ([]Incident, error)
	// Journal returns at most limit entries about the subject, or about everything for "", the latest first, that are older than before; 0 = from the latest.
	Journal(ctx context.Context, subject string, before int64, limit int) ([]Entry, error)
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
	// Parts replace those of the same operation and collector with a lower or equal version.
	Parts []Part
	// Done are removed, unless a higher version of them was written meanwhile: the operation is over, or goes by another name.
	Done []PartID
	// Records replace those with a lower revision.
	Records []Record
	// Forget are keys of records that are removed.
	Forget []Key
	// Told are the revisions of which the outputs were told.
	Told []Told
	// Releases end claims.
	Releases []Release
	// Blobs replace those with the same key, Incidents those with the same ID and a lower or equal revision. Entries with an ID that is there already change nothing.
	Blobs     []Blob
	Incidents []Incident
	Entries   []Entry
}

// Written says what became of a batch.
type Written struct {
	// Taken tells which of Batch.Records were taken; the others had been overtaken.
	Taken []bool
}

// PartID names a part.
type PartID struct {
	Key Key
	// Collector is the one that wrote it.
	Collector string
	// Version grows with each write of the collector.
	Version int64
}

// Part is what one collector knows of an operation.
type Part struct {
	PartID
	// Due is when the operation is to be judged, 0: the store need not know. The earliest of several counts until it is claimed.
	Due int64
	// Facts are as [AppendFacts] wrote them.
	Facts []byte
}

// Claim asks for operations that are due.
type Claim struct {
	Collector string
	// Now is the time, LeaseUntil when others may take what is claimed.
	Now, LeaseUntil int64
	// Limit is the greatest number of operations.
	Limit int
}

// Claimed is an operation that the collector owns until its lease ends.
type Claimed struct {
	Key Key
	// Parts are those of all collectors.
	Parts []Part
}

// Release ends a claim, if the collector still has it.
type Release struct {
	Key       Key
	Collector string
	// Due is when the operation is to be judged again; 0: never, unless parts come that say so.
	Due int64
}

// Told says that outputs were told of a revision.
type Told struct {
	Key      Key
	Revision uint32
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
}

// Trimmed says what was removed.
type Trimmed struct {
	Records, Incidents, Entries int64
	// Bytes are those of the records that were removed, of those for which there is a limit.
	Bytes int64
	// More says that there is more to remove.
	More bool
}

package console

import (
	"context"
	"net/http"

	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/learn"
)

// Self is how the collector itself is doing.
type Self struct {
	// Version is that of the collector, "" if it is not known. StartedAt is when counting began, in nanoseconds since 1970, as are all times.
	Version   string
	StartedAt int64
	// HeapBytes is the memory that objects occupy, Goroutines how many there are, of the whole process.
	HeapBytes  uint64
	Goroutines uint64

	// Drawn counts the facts that processors drew, by what they came as; Ignored what could not be used of it, by reason.
	Drawn, Ignored map[string]uint64
	// Facts counts them by what they state, Reasons by why they belong to their operation; see Stats.
	Facts, Reasons map[string]uint64
	// Records are those that have a place of their own in the coverage, of all services, by kind.
	Records [coverage.GroupCount]coverage.Tally
	// Waiting are the facts whose operation is not known yet.
	Waiting WaitingFacts
	// Dropped and Evicted are those of Stats. Runaways is the number of operations that reached the bound of facts.
	Dropped, Evicted map[string]uint64
	Runaways         uint64
	// Rooms are what is bounded.
	Rooms []Room
	// Sweeps are the times at which what is new or due is judged.
	Sweeps Sweeps
	// Outputs are those who read what follows from verdicts.
	Outputs []Output
	// Learning says whether anything is learned.
	Learning bool
	Learned  learn.Stats
	Storage  Storage
	// Store is where operations, incidents and their history are kept, nil without one.
	Store *StoreState
}

// WaitingFacts are facts whose operation is not known yet.
type WaitingFacts struct {
	Facts, Limit int
	// OldestAt is when the oldest arrived, 0 without one. Bytes is the room made for them.
	OldestAt, Bytes int64
}

// Room is something that is held, up to a bound.
type Room struct {
	// Name says what is held, Key is that of the configuration that bounds it, "" if the bound is fixed.
	Name, Key string
	// Limit is 0 for what is bounded by something else.
	Used, Limit int64
}

// Sweeps are the times at which what is new or due is judged. Durations are in nanoseconds.
type Sweeps struct {
	Count uint64
	// LastAt is when the last one began, 0 before the first; Took is how long that one was, Longest the longest so far.
	LastAt, Took, Longest, Interval int64
	// Failures counts the steps that ended in a defect.
	Failures uint64
}

// Output is somebody who reads what follows from verdicts.
type Output struct {
	Name string
	// Queued are the changes and events that wait, Taken those that were handed out, Dropped those that had to give way.
	Queued, Limit  int
	Taken, Dropped uint64
}

// Storage is where what is to survive a restart is kept.
type Storage struct {
	// ID is that of the storage extension, "" without one.
	ID string
	// Parts are what is kept, in order.
	Parts []StoredPart
}

// StoredPart is one thing that is kept.
type StoredPart struct {
	Name string
	// SavedAt is when it was saved last, Bytes how much that was; 0: not yet. Failures counts what could not be saved or restored,
	// Failing says that the last attempt failed.
	SavedAt  int64
	Bytes    int
	Failures uint64
	Failing  bool
}

// StoreState is how a store is doing. Durations are in nanoseconds; -1 stands for a size or count that is not known.
type StoreState struct {
	// Driver is sqlite or postgres, Collector the ID of this run, Durability the configured one.
	Driver, Collector, Durability string
	// Judging says that this collector is the judge, Judge is the ID of the one that is, "" if that is not known. LeaseUntil is when another one
	// may become it, 0 if none may.
	Judging    bool
	Judge      string
	LeaseUntil int64
	// Bytes is the size of the database, Rows those of the log, Records the operations in the history.
	Bytes, Rows, Records int64
	// PendingBytes wait to be committed, DroppedRows gave way.
	PendingBytes int64
	DroppedRows  uint64
	// CommittedAt is when the last commit ended, 0 before the first; Took is how long that was, Longest the longest so far.
	CommittedAt, Took, Longest int64
	Commits                    uint64
	// AcknowledgedUncommitted counts the batches that did not wait for their commit though they should have.
	AcknowledgedUncommitted uint64
	// RestoredAt is when what earlier runs left had been read, 0 before; Restoring is how long that took.
	RestoredAt, Restoring int64
	// Trouble is what is wrong, "" if nothing is; TroubleSince is since when. Failures counts by kind.
	Trouble      string
	TroubleSince int64
	Failures     map[string]uint64
	// UnkeptActions are the lines of the journal that wait for the store.
	UnkeptActions int
}

// SelfSource knows how the collector itself is doing.
type SelfSource interface {
	Self(ctx context.Context) (Self, error)
}

func (a *api) self(ctx context.Context, req *request) (reply, error) {
	s, err := a.source.Self(ctx)
	if err != nil {
		return reply{}, err
	}
	return replyJSON(http.StatusOK, newSelfJSON(&s, req.now))
}

var selfFormats = []string{"html", "text"}

// selfPage shows the same to people.
func (a *api) selfPage(ctx context.Context, req *request) (reply, error) {
	text := req.params.choice("format", selfFormats) == "text"
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	s, err := a.source.Self(ctx)
	if err != nil {
		return reply{}, err
	}
	p := newPage(&s, req.now)
	if text {
		return p.text()
	}
	return p.html()
}

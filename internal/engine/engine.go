package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Settings are the engine's bounds and its source of policies.
type Settings struct {
	// MaxOperations bounds the operations held, open and finished together. When it is reached, finished ones leave
	// first, then those for which nothing has come for longest.
	MaxOperations int
	// MaxFacts bounds the facts of one operation; what exceeds it is dropped and the operation marked as runaway.
	MaxFacts int
	// MaxWaiting bounds the facts that wait for their operation to become known, WaitFor how long they wait.
	MaxWaiting int
	WaitFor    time.Duration
	// Retention is how long a finished operation is still held, for late evidence and for reading.
	Retention time.Duration
	// ArrivalGrace is how long nothing may arrive for an operation before a verdict other than in_progress counts:
	// telemetry of one moment arrives over several seconds.
	ArrivalGrace time.Duration
	// DeadLetter and Retry tell the destinations of messages that were given up and of those that are tried again; nil: by
	// their names alone. They must be pure.
	DeadLetter, Retry func(destination string) bool
	// Circumstances are what is known beyond one operation; what is nil is not known.
	Circumstances operation.Circumstances
	// Clocks learn and tell by how much the clocks of services disagree; nil: they are taken to agree.
	Clocks Clocks
	// Policy returns the policy for an operation. It is called under a lock, so it must be quick and must not call back, and it must
	// not keep the view.
	Policy func(*operation.View) *operation.Policy
	// Soonest and Settle are the least times of all policies after which an operation can be stuck, or complete: none need be looked
	// at sooner. Soonest is counted from the first message; 0 if that says nothing.
	Soonest, Settle time.Duration
	// NamedByPolicy says that there are policies that name operations, so that no name is known before the policy is.
	NamedByPolicy bool
	// Matched is told when an operation is judged by a rule for the first time, or by another one than before; nil: nobody is. It
	// is called under a lock, so it must be quick and must not call back.
	Matched func(p *operation.Policy, at int64)
	// Judged is told of each operation whenever it is judged, nil: nobody is. It is called under a lock, so it must be quick and
	// must not call back, and it must not keep the view.
	Judged func(v *operation.View, p *operation.Policy, at int64)
	// Open is told how operations stand that are not over, whenever they are judged; nil: nobody is. See [Engine.RefreshOpen].
	Open Open
	// Observer is told what becomes of each fact; nil: nobody is.
	Observer Observer
}

// Clocks learn from recorded waits by how much the clocks of services disagree. They must be safe for concurrent use, quick,
// and must not call back.
type Clocks interface {
	// Observe takes note of the time in nanoseconds from when one service sent a message to when another one received it,
	// each by its own clock, at a time (nanoseconds since 1970).
	Observe(from, to string, wait, at int64)
	// Offset returns by how many nanoseconds the clock of `to` is behind that of `from`; false if that is not known.
	Offset(from, to string) (int64, bool)
}

// DefaultSettings are finite bounds that suit a collector with 1 GiB of memory.
func DefaultSettings() Settings {
	policy := operation.DefaultPolicy()
	return Settings{
		MaxOperations: 100_000,
		MaxFacts:      10_000,
		MaxWaiting:    50_000,
		WaitFor:       30 * time.Second,
		Retention:     time.Hour,
		ArrivalGrace:  5 * time.Second,
		Policy:        func(*operation.View) *operation.Policy { return &policy },
	}
}

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value int
	}{{"MaxOperations", s.MaxOperations}, {"MaxFacts", s.MaxFacts}, {"MaxWaiting", s.MaxWaiting}} {
		if v.value < 1 {
			errs = append(errs, fmt.Errorf("%s is %d: must be at least 1", v.name, v.value))
		}
	}
	if s.Policy == nil {
		errs = append(errs, errors.New("the source of policies is missing"))
	}
	return errors.Join(errs...)
}

// maxSymbols bounds the names that operations share (services, destinations, span names); further ones cost more memory
// and nothing else.
const maxSymbols = 100_000

// shardCount is the number of shards; a power of two.
const shardCount = 16

// Engine holds the operations. It is safe for concurrent use.
//
// Lock order: identity before shard. Whoever moves facts between operations holds the identity lock; sweeps and readers
// hold one shard at a time.
type Engine struct {
	settings Settings // immutable after New

	mu       sync.Mutex
	identity identity // guarded by mu
	batch    batch    // guarded by mu

	shards [shardCount]shard
	habits habits
	// unpaired has a lock of its own, which is taken last.
	unpaired unpaired
	symbols  *operation.Symbols
	// reducers lends an [operation.Reducer] to each sweep.
	reducers sync.Pool
	// untold has a lock of its own, which is taken last.
	untold untold
	// changes is the number of those that the sweep before found.
	changes atomic.Int64
	// sweepFrom is the number of the shard with which the next sweep begins, sweepMost bounds what one call of SweepSome judges.
	sweepFrom atomic.Uint32
	sweepMost int
	counts    counters
	// replayed says that operations were replayed since the last sweep.
	replayed atomic.Bool
	// chunkSize bounds the operations in a chunk of an export.
	chunkSize int
}

// New returns an empty engine.
func New(settings Settings) (*Engine, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{settings: settings, symbols: operation.NewSymbols(maxSymbols), chunkSize: chunkOperations, sweepMost: sweepMost}
	e.reducers.New = func() any { return new(operation.Reducer) }
	e.identity.init(e)
	e.habits.init(settings, e.symbols)
	e.unpaired.init()
	e.untold.init()
	for i := range e.shards {
		e.shards[i].notes = settings.Open != nil
	}
	return e, nil
}

// Assignment tells the operation that a fact was attached to, as far as it is known by now.
type Assignment struct {
	// ID and Namespace name the operation; ID is "" while nobody set a correlation ID.
	ID, Namespace string
	// Name is the operation's name, "" while it is unknown.
	Name string
}

// Apply attaches the facts to their operations. It returns, appended to out, one assignment for each fact.
func (e *Engine) Apply(now time.Time, facts []operation.Fact, out []Assignment) []Assignment {
	at := now.UnixNano()
	for len(facts) > window {
		out = e.applySome(at, facts[:window], out)
		facts = facts[window:]
	}
	if len(facts) == 0 {
		return out
	}
	return e.applySome(at, facts, out)
}

func (e *Engine) applySome(at int64, facts []operation.Fact, out []Assignment) []Assignment {
	e.mu.Lock()
	defer e.mu.Unlock()
	from := len(out)
	out = slices.Grow(out, len(facts))[:from+len(facts)]
	clear(out[from:])
	for i := range facts {
		e.habits.learn(&facts[i])
	}
	e.batch.fill(&e.identity.index, facts)
	e.identity.at = at
	for i := range e.batch.groups {
		e.identity.takeGroup(&e.batch, &e.batch.groups[i], facts, out[from:])
	}
	e.batch.settle(&e.counts)
	return out
}

// shard returns the shard of an entry.
func (e *Engine) shard(n *entry) *shard { return &e.shards[n.seq%shardCount] }

// Traces appends to out, for each trace, the operation with a correlation ID that the whole trace belongs to, or none.
func (e *Engine) Traces(traces []operation.TraceID, out []Assignment) []Assignment {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range traces {
		out = append(out, e.assignment(e.identity.owner(e.identity.trace(id))))
	}
	return out
}

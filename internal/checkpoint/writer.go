package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// Settings say where and how often a [Writer] commits.
type Settings struct {
	// Store takes the rows, Collector names the stream: no other writer may ever have written under this name.
	Store     store.Writer
	Collector string
	// Interval is the longest time that something waits for its commit while the store is well.
	Interval time.Duration
	// Timeout is how long somebody waits for a commit at most, and how long one may take before that is trouble.
	Timeout time.Duration
	// MaxBytes bounds what waits for its commit; beyond it all of it is dropped.
	MaxBytes int64
	// Observer is told what becomes of commits.
	Observer Observer
}

// Observer is told what becomes of commits. It is called under a lock: it must be quick and must not call back.
type Observer interface {
	// Committed: so many rows are committed, by which the log has grown by so many bytes, of so many bytes in all, and it took so long.
	Committed(rows int, log, bytes int64, took time.Duration)
	// Failed: a commit failed, or takes too long. It is tried again.
	Failed(err error)
	// Dropped: what waited for its commit took too much room, in so many rows. All that is known has to be written again, see [Writer.Incomplete].
	Dropped(rows int, bytes int64)
	// Lost: another collector has the role by now. What was judged is not committed; the facts will be.
	Lost()
}

// ErrUncommitted says that something could not be committed in time. It will be, as soon as that is possible.
var ErrUncommitted = errors.New("not committed yet")

const (
	// firstPause and lastPause are how long the writer rests after the first failure, and after many.
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
	// factsAtOnce and statesAtOnce bound what is encoded into one section.
	factsAtOnce  = 2048
	statesAtOnce = 2048
	// maxScratch bounds the room for encoding that is kept.
	maxScratch = 1 << 20
)

// Writer commits what is appended to it, in the order in which it is. It is safe for concurrent use.
type Writer struct {
	settings Settings
	kick     chan struct{}
	scratch  sync.Pool

	mu      sync.Mutex
	waiting queue // guarded by mu
	// appended counts what was appended; all up to committed is committed.
	appended, committed uint64        // guarded by mu
	trouble             error         // guarded by mu; why the latest commit failed or lasts, nil if all is well
	incomplete          bool          // guarded by mu; something was dropped
	drops               int           // guarded by mu; how often that was so
	under               *transaction  // guarded by mu; the transaction under way, nil without one
	lastCommit          time.Time     // guarded by mu
	changed             chan struct{} // guarded by mu; closed and renewed after each try

	// committing keeps commits one after another and guards what follows. It is taken before mu.
	committing sync.Mutex
	seq, at    int64
	next       *transaction // under way, nil without one
}

// NewWriter returns a writer that commits once [Writer.Run] runs.
func NewWriter(s Settings) *Writer {
	w := &Writer{settings: s, kick: make(chan struct{}, 1), changed: make(chan struct{})}
	w.scratch.New = func() any { return new([]byte) }
	return w
}

// Facts appends facts that arrived at a time, in nanoseconds since 1970, and returns the bytes that they take. They are not retained.
func (w *Writer) Facts(at int64, facts []operation.Fact) (bytes int64) {
	var arrival [arrivalBytes]byte
	binary.LittleEndian.PutUint64(arrival[:], uint64(at))
	scratch := w.scratch.Get().(*[]byte)
	for some := range slices.Chunk(facts, factsAtOnce) {
		*scratch = store.AppendFacts((*scratch)[:0], some)
		w.append(KindFacts, arrival[:], *scratch)
		bytes += int64(len(*scratch))
	}
	if cap(*scratch) <= maxScratch {
		w.scratch.Put(scratch)
	}
	return bytes
}

// Append appends a section of another kind. The data are not retained.
func (w *Writer) Append(kind Kind, data []byte) { w.append(kind, nil, data) }

func (w *Writer) append(kind Kind, first, second []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting.put(kind, first, second)
	w.appended++
	w.bound()
}

// Judge appends a judgement and returns the bytes that its states take. What it holds but for states must not be modified afterwards.
func (w *Writer) Judge(j *Judgement) (bytes int64) {
	var states [][]byte
	for some := range slices.Chunk(j.States, statesAtOnce) {
		encoded := AppendStates(nil, some)
		states, bytes = append(states, encoded), bytes+int64(len(encoded))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting.judge(j, states)
	w.appended++
	w.bound()
	return bytes
}

// position returns the place in the stream behind the last row that was numbered by now, and how often something was dropped.
func (w *Writer) position() (own store.Position, drops int) {
	w.committing.Lock()
	defer w.committing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return store.Position{Collector: w.settings.Collector, Seq: w.seq}, w.drops
}

// bound drops what waits if it takes too much room. Called with mu held.
func (w *Writer) bound() {
	if w.waiting.bytes+w.inWriting() > w.settings.MaxBytes {
		w.settings.Observer.Dropped(len(w.waiting.rows)+len(w.waiting.states), w.waiting.bytes)
		w.waiting, w.incomplete = queue{}, true
		w.drops++
	}
}

// inWriting returns the bytes of the transaction under way. Called with mu held.
func (w *Writer) inWriting() int64 {
	if w.under == nil {
		return 0
	}
	return w.under.bytes
}

// Incomplete reports whether something was dropped since it was asked last, so that all that is known has to be written again.
func (w *Writer) Incomplete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.incomplete
	w.incomplete = false
	return was
}

// Status is how the writer stands.
type Status struct {
	// Pending is how many bytes wait for their commit.
	Pending int64
	// Trouble is why the latest commit failed or lasts, nil if all is well.
	Trouble error
	// LastCommit is when something was committed last, zero if nothing was.
	LastCommit time.Time
	// Incomplete says that something was dropped and [Writer.Incomplete] not asked since.
	Incomplete bool
}

// Status returns how the writer stands.
func (w *Writer) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Status{Pending: w.waiting.bytes + w.inWriting(), Trouble: w.trouble, LastCommit: w.lastCommit, Incomplete: w.incomplete}
}

// Commit waits until all that was appended before the call is committed. The error wraps [ErrUncommitted] if the store is in trouble or
// takes too long, and is that of ctx if ctx ends.
func (w *Writer) Commit(ctx context.Context) error {
	w.mu.Lock()
	ticket := w.appended
	w.mu.Unlock()
	var timer *time.Timer
	for {
		w.mu.Lock()
		committed, trouble, changed := w.committed >= ticket, w.trouble, w.changed
		w.mu.Unlock()
		switch {
		case committed:
			return nil
		case trouble != nil:
			return fmt.Errorf("%w: %w", ErrUncommitted, trouble)
		}
		select {
		case w.kick <- struct{}{}:
		default:
		}
		if timer == nil {
			timer = time.NewTimer(w.settings.Timeout)
			defer timer.Stop()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("%w: %w: there was no commit within %v", ErrUncommitted, store.ErrUnavailable, w.settings.Timeout)
		case <-changed:
		}
	}
}

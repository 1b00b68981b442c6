package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/store"
)

// Store is what the journal needs of a store.
type Store interface {
	Write(ctx context.Context, b *store.Batch) error
	Journal(ctx context.Context, subject string, before int64, limit int) ([]store.Entry, error)
}

// MaxRecent bounds the lines that are held in memory, and so those that wait for the store.
const MaxRecent = 2000

// Journal is the journal. It is safe for concurrent use.
type Journal struct {
	mu sync.Mutex
	// collector is who writes, store where it is kept; nil: memory is all there is. Guarded by mu.
	collector string
	store     Store
	// recent are the latest lines that this collector wrote, the oldest first. Guarded by mu.
	recent []held
	// last is the latest time that was given: no two lines of a collector have the same. Guarded by mu.
	last    int64
	dropped uint64 // guarded by mu
}

// held is a line in memory.
type held struct {
	store.Entry
	// kept says that the store has it.
	kept bool
}

// New returns an empty journal that holds what it is told in memory.
func New() *Journal { return &Journal{} }

// Keep lets the journal continue in the store, under the name of the collector; what it holds by now follows with the next [Journal.Flush].
func (j *Journal) Keep(s Store, collector string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.store, j.collector = s, collector
}

// Add writes an entry, a note as done and all else as pending, and returns it with its ID, its time and whether the store has it. The error
// wraps [ErrInvalid] if the entry is none, and is that of the store if it could not be kept there: then it is in memory, and will be.
func (j *Journal) Add(ctx context.Context, now time.Time, e Entry) (Entry, error) {
	if err := e.Validate(); err != nil {
		return Entry{}, err
	}
	e.State, e.DoneAt, e.Refusal = StatePending, 0, ""
	e.At, e.Collector = j.tick(now)
	e.ID = newID(e.At)
	if e.Action == ActionNote {
		e.State, e.DoneAt = StateDone, e.At
	}
	var err error
	e.Kept, err = j.write(ctx, encode(&e))
	return e, err
}

// Resolve writes what became of an entry: done, or refused for a reason.
func (j *Journal) Resolve(ctx context.Context, now time.Time, e Entry, refusal string) (Entry, error) {
	e.State, e.Refusal = StateDone, refusal
	e.DoneAt, _ = j.tick(now)
	if refusal != "" {
		e.State = StateRefused
	}
	var err error
	e.Kept, err = j.write(ctx, encodeResult(&e))
	return e, err
}

// Flush writes to the store what it could not take before.
func (j *Journal) Flush(ctx context.Context) error {
	j.mu.Lock()
	var b store.Batch
	for i := range j.recent {
		if !j.recent[i].kept {
			b.Entries = append(b.Entries, j.recent[i].Entry)
		}
	}
	s := j.store
	j.mu.Unlock()
	if s == nil || len(b.Entries) == 0 {
		return nil
	}
	if err := s.Write(ctx, &b); err != nil {
		return fmt.Errorf("the journal has %d lines that are not kept: %w", len(b.Entries), err)
	}
	j.mark(b.Entries)
	return nil
}

// Stats tell how the journal stands.
type Stats struct {
	// Recent are the lines in memory, Unkept those of them that the store has not. Dropped counts those that memory let go unkept.
	Recent, Unkept int
	Dropped        uint64
}

// Stats returns the counts.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{Recent: len(j.recent), Dropped: j.dropped}
	for i := range j.recent {
		if !j.recent[i].kept {
			s.Unkept++
		}
	}
	return s
}

// tick returns the time, or the next one that was not given yet, and who writes.
func (j *Journal) tick(now time.Time) (at int64, collector string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = max(j.last+1, now.UnixNano())
	return j.last, j.collector
}

// write takes a line into memory, and into the store if there is one.
func (j *Journal) write(ctx context.Context, line store.Entry) (kept bool, err error) {
	j.mu.Lock()
	s := j.store
	if len(j.recent) == MaxRecent {
		if !j.recent[0].kept && s != nil {
			j.dropped++
		}
		j.recent = slices.Delete(j.recent, 0, 1)
	}
	j.recent = append(j.recent, held{Entry: line})
	j.mu.Unlock()
	if s == nil {
		return false, nil
	}
	if err := s.Write(ctx, &store.Batch{Entries: []store.Entry{line}}); err != nil {
		return false, err
	}
	j.mark([]store.Entry{line})
	return true, nil
}

// mark notes that the store has the lines.
func (j *Journal) mark(lines []store.Entry) {
	ids := make(map[string]struct{}, len(lines))
	for i := range lines {
		ids[lines[i].ID] = struct{}{}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.recent {
		if _, kept := ids[j.recent[i].ID]; kept {
			j.recent[i].kept = true
		}
	}
}

// newID returns an ID that grows with the time.
func newID(at int64) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return fmt.Sprintf("%016x%s", at, hex.EncodeToString(b[:]))
}

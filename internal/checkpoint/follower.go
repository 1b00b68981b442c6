package checkpoint

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// Engine is what a [Follower] applies rows to, an [engine.Engine].
type Engine interface {
	Replay(at int64, facts []operation.Fact)
	Adopt(states []engine.State, told int64) (unknown []engine.State)
	Tidy(now time.Time)
}

// Follower applies the rows of all streams but its collector's own. It is for one goroutine.
type Follower struct {
	// Log is read, Engine is where rows are applied. Collector is whose own stream is left out.
	Log       store.Log
	Engine    Engine
	Collector string
	// Resources and Heard take the content of sections of these kinds; nil: nobody does.
	Resources, Heard func(data []byte) error
	// Progress is told how far it is after each row; nil: nobody is.
	Progress func(Followed)
	// Damaged is told of each row, or part of one, that cannot be read; the rest is applied. Nil: nobody is.
	Damaged func(collector string, seq int64, err error)

	after  map[string]int64
	stats  Followed
	tidied int64
	told   int64
	// all says that the next pass applies the collector's own rows too.
	all bool
	// unknown are states of operations of which no facts have come yet, by the passes in which that was so.
	unknown []unknownState
}

type unknownState struct {
	engine.State
	passes int
}

const (
	// maxUnknown bounds the states of unknown operations, maxPasses the passes for which one is kept.
	maxUnknown = 200_000
	maxPasses  = 20
	// maxStreams bounds the streams whose positions are known.
	maxStreams = 10_000
	// tidyEvery is how much time must have passed in the log before the engine is tidied again.
	tidyEvery = int64(time.Second)
)

// Followed counts what was read so far.
type Followed struct {
	Rows, Bytes, Facts, States int64
	// LastAt is the latest time at which a row was written, by its collector's clock; 0 without one.
	LastAt int64
	// LastOutput is the greatest number of an output.
	LastOutput int64
	// Newer says that a later version of this program wrote some of it.
	Newer bool
}

// Stats returns what was read so far.
func (f *Follower) Stats() Followed { return f.stats }

// Positions returns how far the streams of others were read.
func (f *Follower) Positions() []store.Position {
	positions := make([]store.Position, 0, len(f.after)+1)
	for collector, seq := range f.after {
		positions = append(positions, store.Position{Collector: collector, Seq: seq})
	}
	return positions
}

// Restart lets the next pass apply everything there is, also what the collector wrote itself.
func (f *Follower) Restart() { f.after, f.unknown, f.all = nil, nil, true }

// Pass applies what is new. told is the number of the last output that is known to be dealt with.
func (f *Follower) Pass(ctx context.Context, told int64) error {
	f.told = max(f.told, told)
	if f.after == nil {
		f.after = make(map[string]int64)
	}
	after := f.Positions()
	if !f.all {
		after = append(after, store.Position{Collector: f.Collector, Seq: math.MaxInt64})
	}
	if err := f.readAll(ctx, after); err != nil {
		return err
	}
	f.all = false
	f.retry()
	f.Engine.Adopt(nil, f.told)
	return nil
}

// readAll applies all rows behind the positions.
func (f *Follower) readAll(ctx context.Context, after []store.Position) error {
	ctx, cancel := context.WithCancel(ctx)
	r := read(ctx, f.Log, after)
	defer func() {
		// Nothing is left unless applying met a defect: then the reader must not wait for ever.
		cancel()
		for range r.rows {
		}
	}()
	for read := range r.rows {
		if read.failed != nil {
			return read.failed
		}
		row := &read.row
		f.apply(r, row, read.parts)
		if row.Collector == f.Collector {
			continue
		}
		if _, known := f.after[row.Collector]; !known && len(f.after) >= maxStreams {
			f.forgetStream()
		}
		f.after[row.Collector] = row.Seq
		if f.Progress != nil {
			f.Progress(f.stats)
		}
	}
	return nil
}

// retry gives states again whose operations were not known.
func (f *Follower) retry() {
	again := f.unknown
	f.unknown = nil
	for i := range again {
		left := f.Engine.Adopt([]engine.State{again[i].State}, f.told)
		if again[i].passes++; len(left) > 0 && again[i].passes < maxPasses {
			f.unknown = append(f.unknown, again[i])
		}
	}
}

// forgetStream lets go of some stream: if it goes on, it is read again from its beginning, which changes nothing.
func (f *Follower) forgetStream() {
	for collector := range f.after {
		delete(f.after, collector)
		return
	}
}

func (f *Follower) apply(r *reader, row *store.Row, parts []readPart) {
	f.stats.Rows++
	f.stats.Bytes += int64(len(row.Data))
	f.stats.LastAt = max(f.stats.LastAt, row.At)
	for i := range parts {
		if err := f.part(r, &parts[i]); err != nil {
			f.damaged(row, err)
		}
	}
	if row.At-f.tidied >= tidyEvery {
		f.tidied = row.At
		f.Engine.Tidy(time.Unix(0, row.At))
	}
}

func (f *Follower) damaged(row *store.Row, err error) {
	f.stats.Newer = f.stats.Newer || errors.Is(err, store.ErrNewer)
	if f.Damaged != nil {
		f.Damaged(row.Collector, row.Seq, err)
	}
}

func (f *Follower) part(r *reader, p *readPart) error {
	if p.damaged != nil {
		return p.damaged
	}
	switch p.kind {
	case KindFacts:
		f.stats.Facts += int64(len(p.facts))
		f.Engine.Replay(p.at, p.facts)
		r.applied(p.facts)
	case KindStates:
		f.adopt(p.states)
	case KindResources:
		return hand(f.Resources, p.data)
	case KindHeard:
		return hand(f.Heard, p.data)
	}
	return nil
}

func hand(to func([]byte) error, data []byte) error {
	if to == nil {
		return nil
	}
	return to(data)
}

func (f *Follower) adopt(states []engine.State) {
	f.stats.States += int64(len(states))
	for i := range states {
		f.stats.LastOutput = max(f.stats.LastOutput, states[i].Output)
	}
	for _, s := range f.Engine.Adopt(states, f.told) {
		if len(f.unknown) < maxUnknown {
			f.unknown = append(f.unknown, unknownState{State: s})
		}
	}
}

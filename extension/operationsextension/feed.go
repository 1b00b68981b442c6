package operationsextension

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// Output is what one sweep found: the changes of verdict, what became of incidents, and where telemetry is lacking. It must not be modified.
type Output struct {
	Changes []operation.Change
	// InIncident tells, for each change, the ID of the incident that the operation is in since, or was in before; "" without one.
	InIncident []string
	Incidents  []incident.Event
	// Gaps are the gaps in telemetry that began or are over.
	Gaps []event.Gap
	// number tells outputs apart that are told again after a restart; they grow.
	number int64
}

func (o *Output) size() int { return len(o.Changes) + len(o.Incidents) + len(o.Gaps) }

// pieces divides an output into some that have up to so many changes each, in order, and numbers them from a number on. Gaps come with the first,
// incidents with the last.
func (o *Output) pieces(most int, number int64) []Output {
	pieces := make([]Output, 0, len(o.Changes)/most+1)
	first := Output{Gaps: o.Gaps, number: number}
	rest, in := o.Changes, o.InIncident
	for len(rest) > most {
		first.Changes, first.InIncident = rest[:most:most], in[:most:most]
		rest, in = rest[most:], in[most:]
		pieces = append(pieces, first)
		first = Output{number: first.number + 1}
	}
	first.Changes, first.InIncident, first.Incidents = rest, in, o.Incidents
	return append(pieces, first)
}

// maxQueued bounds the changes and events that wait for one subscriber.
const maxQueued = 100_000

// Subscription receives every output from the moment it was made, in order. One goroutine may read from it.
type Subscription struct {
	feed *feed

	mu      sync.Mutex
	name    string        // guarded by mu; who reads, as it named itself
	taken   uint64        // guarded by mu; changes and events that were handed out
	dropped uint64        // guarded by mu; those that had to give way
	queue   []Output      // guarded by mu
	queued  int           // guarded by mu; changes and events in queue
	busy    bool          // guarded by mu; an output was handed out and is not done
	current int64         // guarded by mu; the number of the one that was handed out last
	closed  bool          // guarded by mu
	changed chan struct{} // closed and renewed under mu whenever the state changes
}

// Next waits for the next output. Asking for it says that the previous one is dealt with. Once ctx has ended it returns
// ctx.Err(), though outputs may be waiting.
func (s *Subscription) Next(ctx context.Context) (Output, error) {
	for {
		s.mu.Lock()
		if err := ctx.Err(); err != nil {
			if s.busy {
				// It may have been given up because the context ended.
				s.feed.abandon(s.current)
			}
			s.busy = false
			s.wake()
			s.mu.Unlock()
			return Output{}, err
		}
		if s.busy {
			s.feed.progress()
		}
		s.busy = false
		if len(s.queue) > 0 {
			next := s.queue[0]
			s.queue[0] = Output{}
			s.queue = s.queue[1:]
			s.queued -= next.size()
			s.taken += uint64(next.size())
			s.busy, s.current = true, next.number
			if s.queued <= maxQueued/2 && s.queued+next.size() > maxQueued/2 {
				// Somebody may wait for room.
				s.wake()
			}
			s.mu.Unlock()
			return next, nil
		}
		s.wake()
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return Output{}, ctx.Err()
		case <-changed:
		}
	}
}

// Name says who reads from it, for those who look at the collector itself.
func (s *Subscription) Name(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
}

// output is how the subscription stands.
func (s *Subscription) output() console.Output {
	s.mu.Lock()
	defer s.mu.Unlock()
	return console.Output{Name: s.name, Queued: s.queued, Limit: maxQueued, Taken: s.taken, Dropped: s.dropped}
}

// Close ends the subscription; what it still held is dropped and counted.
func (s *Subscription) Close() {
	s.feed.remove(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued > 0 {
		s.feed.drop(s.queued)
		s.feed.abandon(s.queue[0].number)
	}
	s.queue, s.queued, s.busy, s.closed = nil, 0, false, true
	s.wake()
}

// wake lets everybody who waits for a change look again. Called with mu held.
func (s *Subscription) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// put queues the outputs of a sweep; the oldest others give way when the subscriber does not keep up.
func (s *Subscription) put(outputs ...Output) (dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for i := range outputs {
		size += outputs[i].size()
	}
	if s.closed {
		// It was closed between being listed and being reached.
		return size
	}
	s.queue = append(s.queue, outputs...)
	s.queued += size
	for s.queued > maxQueued && len(s.queue) > len(outputs) {
		n := s.queue[0].size()
		s.queue[0] = Output{}
		s.queue = s.queue[1:]
		s.queued -= n
		dropped += n
	}
	s.dropped += uint64(dropped)
	s.wake()
	return dropped
}

// idle waits until everything queued was dealt with.
func (s *Subscription) idle(ctx context.Context) error {
	return s.wait(ctx, func() bool { return len(s.queue) == 0 && !s.busy })
}

// wait waits until something is so, which is asked with mu held.
func (s *Subscription) wait(ctx context.Context, so func() bool) error {
	for {
		s.mu.Lock()
		if so() {
			s.mu.Unlock()
			return nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// feed distributes outputs to all subscriptions.
type feed struct {
	drop func(int)
	// moved has a value when something was dealt with since it was read.
	moved chan struct{}
	// abandoned is the least number of an output that somebody did not deal with, 0 without one.
	abandoned atomic.Int64

	mu   sync.Mutex
	subs map[*Subscription]struct{} // guarded by mu
	last int64                      // guarded by mu; the number of the last output
}

func newFeed(drop func(int)) *feed {
	return &feed{drop: drop, moved: make(chan struct{}, 1), subs: make(map[*Subscription]struct{})}
}

func (f *feed) subscribe() *Subscription {
	s := &Subscription{feed: f, changed: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subs[s] = struct{}{}
	return s
}

func (f *feed) remove(s *Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, s)
}

func (f *feed) all() []*Subscription {
	f.mu.Lock()
	defer f.mu.Unlock()
	subs := make([]*Subscription, 0, len(f.subs))
	for s := range f.subs {
		subs = append(subs, s)
	}
	return subs
}

// publish hands out what a sweep found.
func (f *feed) publish(outputs ...Output) {
	outputs = slices.DeleteFunc(outputs, func(o Output) bool { return o.size() == 0 })
	if len(outputs) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = max(f.last, outputs[len(outputs)-1].number)
	for s := range f.subs {
		if n := s.put(outputs...); n > 0 {
			f.drop(n)
		}
	}
}

// progress says that somebody dealt with something.
func (f *feed) progress() {
	select {
	case f.moved <- struct{}{}:
	default:
	}
}

// begin forgets which outputs were told, and returns the number of the last one.
func (f *feed) begin() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.last
	f.last = 0
	f.abandoned.Store(0)
	return last
}

// abandon says that an output is not dealt with, nor those after it.
func (f *feed) abandon(number int64) {
	for {
		least := f.abandoned.Load()
		if (least != 0 && least <= number) || f.abandoned.CompareAndSwap(least, number) {
			return
		}
	}
}

// told returns the number of the last output up to which everybody dealt with all, 0 if there was none.
func (f *feed) told() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := f.last
	for s := range f.subs {
		told = min(told, s.told(f.last))
	}
	if least := f.abandoned.Load(); least != 0 {
		told = min(told, least-1)
	}
	return told
}

// told returns up to which output the subscription dealt with all, if last is the last one.
func (s *Subscription) told(last int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.busy:
		return s.current - 1
	case len(s.queue) > 0:
		return s.queue[0].number - 1
	}
	return last
}

// patience is how long is waited for subscribers that are behind.
const patience = 10 * time.Second

// room waits until every subscriber has room for what half of its queue holds, but not for ever. It reports whether ctx goes on.
func (f *feed) room(ctx context.Context) bool {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, s := range f.all() {
		if s.wait(waiting, func() bool { return s.queued <= maxQueued/2 }) != nil {
			break
		}
	}
	return ctx.Err() == nil
}

// flush waits until all subscribers have dealt with everything, or ctx ends.
func (f *feed) flush(ctx context.Context) error {
	for _, s := range f.all() {
		if err := s.idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

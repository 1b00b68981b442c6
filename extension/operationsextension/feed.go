package operationsextension

import (
	"context"
	"sync"

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
}

func (o *Output) size() int { return len(o.Changes) + len(o.Incidents) + len(o.Gaps) }

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
	closed  bool          // guarded by mu
	changed chan struct{} // closed and renewed under mu whenever the state changes
}

// Next waits for the next output. Asking for it says that the previous one is dealt with. Once ctx has ended it returns
// ctx.Err(), though outputs may be waiting.
func (s *Subscription) Next(ctx context.Context) (Output, error) {
	for {
		s.mu.Lock()
		s.busy = false
		if err := ctx.Err(); err != nil {
			s.wake()
			s.mu.Unlock()
			return Output{}, err
		}
		if len(s.queue) > 0 {
			next := s.queue[0]
			s.queue[0] = Output{}
			s.queue = s.queue[1:]
			s.queued -= next.size()
			s.taken += uint64(next.size())
			s.busy = true
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
	}
	s.queue, s.queued, s.busy, s.closed = nil, 0, false, true
	s.wake()
}

// wake lets everybody who waits for a change look again. Called with mu held.
func (s *Subscription) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// put queues an output; the oldest give way when the subscriber does not keep up.
func (s *Subscription) put(o Output) (dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		// It was closed between being listed and being reached.
		return o.size()
	}
	s.queue = append(s.queue, o)
	s.queued += o.size()
	for s.queued > maxQueued && len(s.queue) > 1 {
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
	for {
		s.mu.Lock()
		if len(s.queue) == 0 && !s.busy {
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

	mu   sync.Mutex
	subs map[*Subscription]struct{} // guarded by mu
}

func newFeed(drop func(int)) *feed {
	return &feed{drop: drop, subs: make(map[*Subscription]struct{})}
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

func (f *feed) publish(o Output) {
	if o.size() == 0 {
		return
	}
	for _, s := range f.all() {
		if n := s.put(o); n > 0 {
			f.drop(n)
		}
	}
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

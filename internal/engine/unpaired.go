package engine

import (
	"slices"
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// unpaired sets messages that were sent without any ID beside consumptions that nothing leads to an operation. Which
// belongs to which cannot be known; but a message that may have been consumed must not be called stuck, and where as many
// were consumed as had been sent, all of them were.
type unpaired struct {
	mu    sync.Mutex
	flows map[string]*flowState // guarded by mu
	// keys are the flows of each operation.
	keys map[*entry][]string // guarded by mu
	// again are operations to be judged once more, because a consumption came that may be theirs, or turned out not to be.
	again []*entry // guarded by mu
	// known are the consumptions of an operation as long as it is brought up to date.
	known []consumption // guarded by mu
}

// flowState is what is unpaired among the messages of one type, or of one destination where no type is known.
type flowState struct {
	// pending are the operations that wait, with the time their message was sent; consumed those that nothing leads to,
	// with the time they show.
	pending, consumed map[*entry]int64
	lastConsumed      int64
}

// consumption is one that nothing leads to, of a flow and with the time it shows.
type consumption struct {
	key string
	at  int64
}

const (
	// maxFlows bounds the types of messages that are followed, maxUnpaired the operations for each.
	maxFlows    = 10_000
	maxUnpaired = 10_000
	// maxMatched bounds the operations that are matched by number; more are all taken for uncertain.
	maxMatched = 1_000
)

func (u *unpaired) init() {
	u.flows, u.keys = make(map[string]*flowState), make(map[*entry][]string)
}

// flowOf returns the flow of a message that waits.
func flowOf(h *operation.Hop) string {
	if h.Type != "" {
		return "type " + h.Type
	}
	if h.Destination != "" {
		return "destination " + h.Destination
	}
	return ""
}

// flowsOf are the flows that a consumption can belong to. A consumer may be named for the type.
func flowsOf(h *operation.Hop, a *operation.Attempt) []string {
	keys := []string{"type " + a.Name}
	for _, key := range [...]string{"type " + h.Type, "destination " + h.Destination} {
		if key != "type " && key != "destination " && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// waits reports whether a hop is a message that nobody can be seen to consume because nothing names it.
func waits(h *operation.Hop) bool {
	return h.MessageID == "" && h.State == operation.HopWaiting && len(h.Consumers) == 0 && len(h.Sends) > 0
}

// orphaned returns the attempt by which a message was consumed that nothing leads to its sender.
func orphaned(h *operation.Hop) (*operation.Attempt, bool) {
	if len(h.Sends) > 0 || h.State != operation.HopDone || len(h.Consumers) != 1 {
		return nil, false
	}
	a := &h.Consumers[0].Attempts[0]
	return a, a.Parent.IsZero() && !a.Linked && !a.Inferred
}

// concerns reports whether anything in the view may be unpaired.
func concerns(v *operation.View) bool {
	for i := range v.Hops {
		if _, ok := orphaned(&v.Hops[i]); (ok && v.Implicit) || waits(&v.Hops[i]) {
			return true
		}
	}
	return false
}

// update brings what is known of an operation up to date. It is called with its shard's lock held.
func (u *unpaired) update(n *entry, v *operation.View) {
	if !n.unpaired && !concerns(v) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.recollect(n)
	u.drop(n)
	for i := range v.Hops {
		h := &v.Hops[i]
		if waits(h) {
			u.note(n, flowOf(h), h.SentAt(), false)
		} else if a, ok := orphaned(h); ok && v.Implicit {
			for _, key := range flowsOf(h, a) {
				u.note(n, key, a.StartedAt, true)
			}
		}
	}
	u.retract(n)
}

// recollect lists the consumptions of an operation. It must be called with mu held.
func (u *unpaired) recollect(n *entry) {
	u.known = u.known[:0]
	for _, key := range u.keys[n] {
		if f := u.flows[key]; f != nil {
			if at, ok := f.consumed[n]; ok {
				u.known = append(u.known, consumption{key, at})
			}
		}
	}
}

// retract has operations judged once more that a consumption was presumed to be of, if it is known by now whose it was. It must be called
// with mu held.
func (u *unpaired) retract(n *entry) {
	for _, c := range u.known {
		if f := u.flows[c.key]; f != nil {
			if at, ok := f.consumed[n]; !ok || at > c.at {
				u.wake(f, c.at)
			}
		}
	}
	clear(u.known)
}

// wake has operations judged once more whose message may have been consumed at the given time. It must be called with mu held.
func (u *unpaired) wake(f *flowState, at int64) {
	if len(u.again) >= maxUnpaired {
		return
	}
	for waiting, sent := range f.pending {
		if sent < at {
			u.again = append(u.again, waiting)
		}
	}
}

// note must be called with mu held.
func (u *unpaired) note(n *entry, key string, at int64, consumed bool) {
	f := u.flows[key]
	if f == nil {
		if key == "" || len(u.flows) >= maxFlows {
			return
		}
		f = &flowState{pending: make(map[*entry]int64), consumed: make(map[*entry]int64)}
		u.flows[key] = f
	}
	list := f.pending
	if consumed {
		list = f.consumed
		f.lastConsumed = max(f.lastConsumed, at)
	}
	if known, ok := list[n]; (ok && known <= at) || len(list) >= maxUnpaired {
		return
	}
	list[n] = at
	u.keys[n] = append(u.keys[n], key)
	n.unpaired = true
	if consumed {
		u.wake(f, at)
	}
}

// forget lets go of an operation; left says that it gives way, and does not become another one. It is called with its shard's lock held.
func (u *unpaired) forget(n *entry, left bool) {
	if !n.unpaired {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known = u.known[:0]
	if !left {
		u.recollect(n)
	}
	u.drop(n)
	u.retract(n)
}

// drop must be called with mu held, and the lock of the operation's shard.
func (u *unpaired) drop(n *entry) {
	for _, key := range u.keys[n] {
		if f := u.flows[key]; f != nil {
			delete(f.pending, n)
			delete(f.consumed, n)
			if len(f.pending)+len(f.consumed) == 0 {
				delete(u.flows, key)
			}
		}
	}
	delete(u.keys, n)
	n.unpaired = false
}

// presume completes a view by what can be presumed of messages that nobody can be seen to consume.
func (u *unpaired) presume(v *operation.View) {
	for i := range v.Hops {
		h := &v.Hops[i]
		if !waits(h) {
			continue
		}
		u.mu.Lock()
		f := u.flows[flowOf(h)]
		if f != nil && f.lastConsumed > h.SentAt() {
			if at, sure := f.consumedAt(h.SentAt()); sure {
				h.PresumeConsumed(at)
			} else if at != 0 {
				h.Uncertain = true
			}
		}
		u.mu.Unlock()
	}
}

// consumedAt returns when a message that was sent at the given time had been consumed at the latest, if that is sure: by a
// time at which as many were consumed as had been sent. Otherwise it returns a time at which it may have been, 0 if it
// cannot.
func (f *flowState) consumedAt(sent int64) (int64, bool) {
	consumed := times(f.consumed)
	later := slices.IndexFunc(consumed, func(at int64) bool { return at > sent })
	if later < 0 {
		return 0, false
	}
	if len(f.pending) > maxMatched || len(consumed) > maxMatched {
		return consumed[later], false
	}
	pending := times(f.pending)
	for i := later; i < len(consumed); i++ {
		before, _ := slices.BinarySearch(pending, consumed[i])
		if i+1 >= before {
			return consumed[i], true
		}
	}
	return consumed[later], false
}

func times(of map[*entry]int64) []int64 {
	all := make([]int64, 0, len(of))
	for _, at := range of {
		all = append(all, at)
	}
	slices.Sort(all)
	return all
}

// addAgain lets operations be judged once more.
func (u *unpaired) addAgain(entries []*entry) {
	if len(entries) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.again = append(u.again, entries...)
}

// takeAgain returns the operations to be judged once more.
func (u *unpaired) takeAgain() []*entry {
	u.mu.Lock()
	defer u.mu.Unlock()
	again := u.again
	u.again = nil
	return again
}

package engine

import "github.com/throughline/throughline/internal/operation"

// waiting holds facts whose operation is not known yet, oldest first, bounded in number and age. Room is made in chunks
// and then used over and over, so that in the steady state waiting allocates nothing.
type waiting struct {
	chunks []*[chunkSize]waiter
	limit  uint64
	// first is the position of the oldest fact, next the one after the newest. A position is a running number; its place
	// is the remainder by limit.
	first, next uint64
	// newest has the newest fact by its home.
	newest map[key]uint64
	// byMessage and byLink tell the home of a fact that waits for a message or another trace to become known.
	byMessage, byLink map[key]key
	live              int
	// lose is told of what is removed without having found its operation.
	lose func(*operation.Fact, standing, Drop)
}

const chunkSize = 256

type waiter struct {
	fact operation.Fact
	at   int64
	// home is what the fact waits under; see homeOf.
	home key
	// before is the position of the previous fact with the same home, or own position if there is none.
	before uint64
	live   bool
	// known is what the observer knows of the fact, spent what is spent of it.
	known standing
	spent spent
}

func (w *waiting) init(limit int, lose func(*operation.Fact, standing, Drop)) {
	w.lose = lose
	chunks := (limit + chunkSize - 1) / chunkSize
	w.chunks = make([]*[chunkSize]waiter, chunks)
	w.limit = uint64(chunks * chunkSize)
	w.newest, w.byMessage, w.byLink = make(map[key]uint64), make(map[key]key), make(map[key]key)
}

// homeOf returns what a fact waits under: its trace, or for a record that was written in none its message, so that such records
// do not all wait in one place. It is zero for a fact that nothing can ever connect.
func homeOf(f *operation.Fact) key {
	if f.Trace.IsZero() {
		return messageKey(f)
	}
	return traceKey(f.Trace)
}

func (w *waiting) slot(pos uint64) *waiter {
	i := pos % w.limit
	c := w.chunks[i/chunkSize]
	if c == nil {
		c = new([chunkSize]waiter)
		w.chunks[i/chunkSize] = c
	}
	return &c[i%chunkSize]
}

// add lets a copy of the fact wait. If there is no room, the oldest one gives way.
func (w *waiting) add(f *operation.Fact, at int64, known standing, of spent) {
	if w.live == 0 {
		w.reset()
	}
	if w.next-w.first == w.limit {
		w.pop(DropWaitingFull)
	}
	pos, home := w.next, homeOf(f)
	s := w.slot(pos)
	s.fact, s.at, s.live, s.home, s.before, s.known, s.spent = *f, at, true, home, pos, known, of
	if newest, ok := w.newest[home]; ok {
		s.before = newest
	}
	w.newest[home] = pos
	if k := messageKey(f); !k.isZero() {
		w.byMessage[k] = home
	}
	if !f.LinkTrace.IsZero() {
		w.byLink[traceKey(f.LinkTrace)] = home
	}
	w.next++
	w.live++
}

// reset begins at the first place once more when nothing waits, so that no more room is made than was ever needed at a time.
func (w *waiting) reset() {
	for w.first < w.next {
		w.pop(DropNoOperation)
	}
	w.first, w.next = 0, 0
}

// drop lets go of all that waits, without a word.
func (w *waiting) drop() {
	for pos := w.first; pos < w.next; pos++ {
		w.slot(pos).live = false
	}
	w.live = 0
	w.reset()
}

// pop removes the oldest; if it was still waiting, it is lost for the given reason.
func (w *waiting) pop(why Drop) {
	s := w.slot(w.first)
	if s.live {
		w.live--
		w.lose(&s.fact, s.known, why)
	}
	if newest, ok := w.newest[s.home]; ok && newest == w.first {
		delete(w.newest, s.home)
	}
	if k := messageKey(&s.fact); w.byMessage[k] == s.home {
		delete(w.byMessage, k)
	}
	if link := traceKey(s.fact.LinkTrace); w.byLink[link] == s.home {
		delete(w.byLink, link)
	}
	s.fact, s.live = operation.Fact{}, false
	w.first++
}

// expire removes what has waited since before the given time.
func (w *waiting) expire(before int64) {
	for w.first < w.next {
		s := w.slot(w.first)
		if s.live && s.at >= before {
			return
		}
		w.pop(DropNoOperation)
	}
}

// each calls see for the facts that wait at one place, the newest first.
func (w *waiting) each(home key, see func(*waiter)) {
	w.drain(home, func(s *waiter) bool {
		see(s)
		return false
	})
}

// drain calls take for the facts that wait at one place, the newest first, and removes those for which it returns true. take must
// not add to the waiting ones.
func (w *waiting) drain(home key, take func(*waiter) bool) {
	pos, ok := w.newest[home]
	if !ok {
		return
	}
	left := 0
	for {
		s := w.slot(pos)
		if s.live {
			if take(s) {
				s.live = false
				w.live--
			} else {
				left++
			}
		}
		if s.before == pos || s.before < w.first {
			break
		}
		pos = s.before
	}
	if left == 0 {
		delete(w.newest, home)
	}
}

// wantedMessage returns the home of a fact that waits for the message.
func (w *waiting) wantedMessage(message key) (key, bool) {
	home, ok := w.byMessage[message]
	return home, ok
}

// wantedLink returns the home of a fact that waits for the trace it is linked with.
func (w *waiting) wantedLink(trace key) (key, bool) {
	home, ok := w.byLink[trace]
	return home, ok
}

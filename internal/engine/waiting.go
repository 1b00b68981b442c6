package engine

import (
	"encoding/binary"

	"github.com/throughline/throughline/internal/operation"
)

// waiting holds facts whose operation is not known yet, oldest first, bounded in number and age. Room is made in chunks
// and then used over and over, so that in the steady state waiting allocates nothing.
type waiting struct {
	chunks []*[chunkSize]waiter
	limit  uint64
	// first is the position of the oldest fact, next the one after the newest. A position is a running number; its place
	// is the remainder by limit.
	first, next uint64
	// byTrace has the newest fact by its home.
	byTrace map[operation.TraceID]uint64
	// byMessage and byLink tell the home of a fact that waits for a message or another trace to become known.
	byMessage map[messageKey]operation.TraceID
	byLink    map[operation.TraceID]operation.TraceID
	live      int
	// lose is told of what is removed without having found its operation.
	lose func(*operation.Fact, standing, Drop)
}

const chunkSize = 256

type waiter struct {
	fact operation.Fact
	at   int64
	// home is what the fact waits under: its trace, or what stands for one (see homeOf).
	home operation.TraceID
	// before is the position of the previous fact with the same home, or own position if there is none.
	before uint64
	live   bool
	// known is what the observer knows of the fact.
	known standing
}

func (w *waiting) init(limit int, lose func(*operation.Fact, standing, Drop)) {
	w.lose = lose
	chunks := (limit + chunkSize - 1) / chunkSize
	w.chunks = make([]*[chunkSize]waiter, chunks)
	w.limit = uint64(chunks * chunkSize)
	w.byTrace = make(map[operation.TraceID]uint64)
	w.byMessage = make(map[messageKey]operation.TraceID)
	w.byLink = make(map[operation.TraceID]operation.TraceID)
}

// homeOf returns what a fact waits under: its trace, or for a record that was written in none something that stands for its
// message, so that such records do not all wait in one place. It is zero for a fact that nothing can ever connect.
func homeOf(f *operation.Fact) operation.TraceID {
	home := f.Trace
	if key, ok := keyOf(f); ok && home.IsZero() {
		binary.LittleEndian.PutUint64(home[:], uint64(key))
	}
	return home
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
func (w *waiting) add(f *operation.Fact, at int64, known standing) {
	if w.next-w.first == w.limit {
		w.pop(DropWaitingFull)
	}
	pos, home := w.next, homeOf(f)
	s := w.slot(pos)
	s.fact, s.at, s.live, s.home, s.before, s.known = *f, at, true, home, pos, known
	if newest, ok := w.byTrace[home]; ok {
		s.before = newest
	}
	w.byTrace[home] = pos
	if key, ok := keyOf(f); ok {
		w.byMessage[key] = home
	}
	if !f.LinkTrace.IsZero() {
		w.byLink[f.LinkTrace] = home
	}
	w.next++
	w.live++
}

// pop removes the oldest; if it was still waiting, it is lost for the given reason.
func (w *waiting) pop(why Drop) {
	s := w.slot(w.first)
	if s.live {
		w.live--
		w.lose(&s.fact, s.known, why)
	}
	if newest, ok := w.byTrace[s.home]; ok && newest == w.first {
		delete(w.byTrace, s.home)
	}
	if key, ok := keyOf(&s.fact); ok && w.byMessage[key] == s.home {
		delete(w.byMessage, key)
	}
	if w.byLink[s.fact.LinkTrace] == s.home {
		delete(w.byLink, s.fact.LinkTrace)
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

// each calls see for the facts of a trace, the newest first.
func (w *waiting) each(trace operation.TraceID, see func(*waiter)) {
	w.drain(trace, func(s *waiter) bool {
		see(s)
		return false
	})
}

// drain calls take for the facts of a trace, the newest first, and removes those for which it returns true. take must
// not add to the waiting ones.
func (w *waiting) drain(trace operation.TraceID, take func(*waiter) bool) {
	pos, ok := w.byTrace[trace]
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
		delete(w.byTrace, trace)
	}
}

// wantedMessage returns the trace of a fact that waits for the message.
func (w *waiting) wantedMessage(key messageKey) (operation.TraceID, bool) {
	trace, ok := w.byMessage[key]
	return trace, ok
}

// wantedLink returns the trace of a fact that waits for the trace it is linked with.
func (w *waiting) wantedLink(trace operation.TraceID) (operation.TraceID, bool) {
	waiting, ok := w.byLink[trace]
	return waiting, ok
}

package engine

import "unsafe"

// Usage is how much room an engine uses, beside the operations in [Stats].
type Usage struct {
	// Waiting are the facts that wait for their operation to become known, OldestWaiting is when the oldest of them arrived, in
	// nanoseconds since 1970, 0 without one. WaitingBytes is the room made for such facts, in bytes.
	Waiting       int
	OldestWaiting int64
	WaitingBytes  int64
	// Leads are the traces, messages and correlation IDs that lead to an operation; they leave with it.
	Leads int
	// Names are the names of services, destinations and spans that operations share, at most MaxNames.
	Names, MaxNames int
}

// Usage returns how much room is used now.
func (e *Engine) Usage() Usage {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &e.identity.parked
	return Usage{
		Waiting: w.live, OldestWaiting: w.oldest(), WaitingBytes: w.bytes(),
		Leads: e.identity.index.live, Names: e.symbols.Len(), MaxNames: maxSymbols,
	}
}

// oldest is when the oldest fact that waits arrived, 0 without one.
func (w *waiting) oldest() int64 {
	if w.live == 0 {
		return 0
	}
	for pos := w.first; pos < w.next; pos++ {
		if s := w.slot(pos); s.live {
			return s.at
		}
	}
	return 0
}

// bytes is the room that was made. What names are longer than usual is not counted.
func (w *waiting) bytes() int64 {
	var made int64
	for _, c := range w.chunks {
		if c != nil {
			made += int64(unsafe.Sizeof(*c))
		}
	}
	return made
}

package measure

import (
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// Board keeps what gauges need of each open operation, as it stood when it was last noted, so that a collection need not look
// at the operations themselves: for each series that an operation counts in, which one it is and since when. That is 16 bytes,
// in pages that are used again and never given back. It is safe for concurrent use, and implements engine.Open.
type Board struct {
	mu     sync.Mutex
	labels labelTable
	// pages hold the records by number; 0 is none. used is the highest number that was ever in use, free the first of the
	// records that are not.
	pages      []*[pageSize]record
	used, free uint32
	// marks is room for what is being noted.
	marks []mark
}

// record is a mark of one operation. Records of one operation, and those not in use, are chained by number. It is laid out
// anew because a mark in it would be padded.
type record struct {
	since       int64
	label, next uint32
}

// mark says that something counts in the series of a label (0: in none), since a time in nanoseconds since 1970 (0: unknown).
type mark struct {
	since int64
	label uint32
}

// pageSize bounds for how many records a lock is held at a time.
const pageSize = 4096

// boardSeries bounds the series of each gauge on a board.
const boardSeries = gaugeRoom * DefaultMaxSeries

// NewBoard returns an empty board.
func NewBoard() *Board { return newBoard(boardSeries) }

func newBoard(limit int) *Board { return &Board{labels: newLabelTable(limit)} }

// Note takes note of an operation as [Gauges.Add] does, in the place of what was noted before under the number (0: nothing).
// It returns the new number, 0 if the operation does not count.
func (b *Board) Note(number uint32, name string, v *operation.View, verdict *operation.Verdict) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.marks = b.marks[:0]
	eachLevel(name, v, verdict, func(g gauge, k key, since int64) {
		b.marks = append(b.marks, mark{since, b.labels.hold(g, k)})
	})
	first := number
	at := &first
	for _, m := range b.marks {
		if *at == 0 {
			*at = b.take()
		}
		r := b.record(*at)
		b.labels.release(r.label)
		r.since, r.label = m.since, m.label
		at = &r.next
	}
	rest := *at
	*at = 0
	b.drop(rest)
	return first
}

// Forget lets go of what was noted under the number.
func (b *Board) Forget(number uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(number)
}

// Fill adds up all that is noted. Operations that are noted meanwhile count as before or as after it.
func (b *Board) Fill(g *Gauges) {
	b.labels.keep(&b.mu)
	var levels []level
	for page := 0; ; page++ {
		var more bool
		if levels, more = b.addPage(page, levels); !more {
			break
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range levels {
		if l := &levels[i]; l.count != 0 {
			of := &b.labels.all[i]
			g.of(of.gauge).at(of.key, 0).add(l.count, l.oldest)
		}
	}
	b.labels.unkeep()
}

// addPage adds the records of a page to the levels, which are by label; false if there is no such page.
func (b *Board) addPage(page int, levels []level) ([]level, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if page >= len(b.pages) {
		return levels, false
	}
	if n := len(b.labels.all) - len(levels); n > 0 {
		levels = append(levels, make([]level, n)...)
	}
	for i := range b.pages[page] {
		if r := &b.pages[page][i]; r.label != 0 {
			levels[r.label].add(1, r.since)
		}
	}
	return levels, true
}

func (b *Board) record(number uint32) *record { return &b.pages[number/pageSize][number%pageSize] }

// take returns the number of a record that is not in use.
func (b *Board) take() uint32 {
	if number := b.free; number != 0 {
		r := b.record(number)
		b.free, r.next = r.next, 0
		return number
	}
	b.used++
	if int(b.used/pageSize) >= len(b.pages) {
		b.pages = append(b.pages, new([pageSize]record))
	}
	return b.used
}

// drop lets go of a chain of records.
func (b *Board) drop(number uint32) {
	for number != 0 {
		r := b.record(number)
		next := r.next
		b.labels.release(r.label)
		*r = record{next: b.free}
		b.free, number = number, next
	}
}

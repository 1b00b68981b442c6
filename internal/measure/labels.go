package measure

import (
	"strings"
	"sync"
)

// labelTable holds the series of gauges by number, from 1, as long as something counts in them.
type labelTable struct {
	all    []label
	byKey  map[labelKey]uint32
	unused []uint32
	// limit bounds the series of each gauge, named counts them without those of the overflow.
	limit int
	named [gaugeCount]int
	// kept counts those who rely on what a number stands for, retired are those of which nothing was left meanwhile.
	kept    int
	retired []uint32
}

type label struct {
	labelKey
	count int
}

type labelKey struct {
	gauge gauge
	key   key
}

func newLabelTable(limit int) labelTable {
	return labelTable{all: make([]label, 1), byKey: make(map[labelKey]uint32), limit: limit}
}

// hold returns the number of a series in which one more thing counts: that of the overflow if there is no room for it.
func (l *labelTable) hold(g gauge, k key) uint32 {
	number, ok := l.byKey[labelKey{g, k}]
	if !ok && l.named[g] >= l.limit-1 {
		k = overflowKey
		number, ok = l.byKey[labelKey{g, k}]
	}
	if !ok {
		number = l.add(g, k)
	}
	l.all[number].count++
	return number
}

func (l *labelTable) add(g gauge, k key) uint32 {
	for i := range k.values {
		// It outlives the operation that it comes from.
		k.values[i] = strings.Clone(k.values[i])
	}
	if !k.overflow {
		l.named[g]++
	}
	var number uint32
	if last := len(l.unused) - 1; last >= 0 {
		number, l.unused = l.unused[last], l.unused[:last]
	} else {
		l.all = append(l.all, label{})
		number = uint32(len(l.all) - 1)
	}
	l.all[number] = label{labelKey: labelKey{g, k}}
	l.byKey[labelKey{g, k}] = number
	return number
}

// release takes back one hold, of 0 none.
func (l *labelTable) release(number uint32) {
	if number == 0 {
		return
	}
	l.all[number].count--
	if l.all[number].count > 0 {
		return
	}
	if l.kept > 0 {
		l.retired = append(l.retired, number)
		return
	}
	l.remove(number)
}

// remove forgets a series in which nothing counts.
func (l *labelTable) remove(number uint32) {
	of := l.all[number].labelKey
	if !of.key.overflow {
		l.named[of.gauge]--
	}
	delete(l.byKey, of)
	l.all[number] = label{}
	l.unused = append(l.unused, number)
}

// keep lets each number stand for the same series until unkeep.
func (l *labelTable) keep(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	l.kept++
}

// unkeep undoes one keep. Called with the lock held.
func (l *labelTable) unkeep() {
	l.kept--
	if l.kept > 0 {
		return
	}
	for _, number := range l.retired {
		// It may have been taken up again, and then have been retired twice.
		if of := &l.all[number]; of.count == 0 && l.byKey[of.labelKey] == number {
			l.remove(number)
		}
	}
	l.retired = l.retired[:0]
}

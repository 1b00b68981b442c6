package measure

import (
	"cmp"
	"maps"
	"slices"
)

// memory remembers the series of a gauge that were written before: a series that vanished would keep its last value in
// a backend, so it is written as zero for as long as there is room.
type memory struct {
	// lastSeen is the number of the collection in which a series was last not zero.
	lastSeen map[key]uint64
	// overflow says that the overflow series was written before.
	overflow bool
}

// admit decides which series a collection writes and returns them in order: those that were written before, then new
// ones, then those that have become zero, as far as the limit goes.
func (m *memory) admit(present []key, collection uint64, limit int) []key {
	slices.SortFunc(present, func(a, b key) int {
		_, knownA := m.lastSeen[a]
		_, knownB := m.lastSeen[b]
		if knownA != knownB {
			if knownA {
				return -1
			}
			return 1
		}
		return a.compare(b)
	})
	for _, k := range present[:min(len(present), limit)] {
		m.lastSeen[k] = collection
	}
	m.forget(limit)
	return slices.SortedFunc(maps.Keys(m.lastSeen), key.compare)
}

// forget drops the series that have been zero the longest, until no more than limit are left.
func (m *memory) forget(limit int) {
	excess := len(m.lastSeen) - limit
	if excess <= 0 {
		return
	}
	all := slices.SortedFunc(maps.Keys(m.lastSeen), func(a, b key) int {
		return cmp.Or(cmp.Compare(m.lastSeen[a], m.lastSeen[b]), a.compare(b))
	})
	for _, k := range all[:excess] {
		delete(m.lastSeen, k)
	}
}

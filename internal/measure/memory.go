package measure

import (
	"cmp"
	"maps"
	"slices"
)

// memory remembers the series of a gauge that were written before: a series that vanished would keep its last value in
// a backend, so it is written as zero until it expires, for as long as there is room.
type memory struct {
	// lastSeen is the time at which a series was last not zero, in nanoseconds since 1970.
	lastSeen map[key]int64
	// overflowAt is the same for the overflow series, 0 if it was never written.
	overflowAt int64
}

// admit decides which series a collection writes and returns them in order: those that were written before, then new
// ones, then those that have become zero, as far as the limit goes. What leaves for good is returned as gone.
func (m *memory) admit(present []key, now, expired int64, limit int) (admitted, gone []key) {
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
		m.lastSeen[k] = now
	}
	gone = m.forget(limit)
	for k, at := range m.lastSeen {
		if at < expired {
			gone = append(gone, k)
			delete(m.lastSeen, k)
		}
	}
	slices.SortFunc(gone, key.compare)
	return slices.SortedFunc(maps.Keys(m.lastSeen), key.compare), gone
}

// forget drops the series that have been zero the longest, until no more than limit are left, and returns them.
func (m *memory) forget(limit int) []key {
	excess := len(m.lastSeen) - limit
	if excess <= 0 {
		return nil
	}
	all := slices.SortedFunc(maps.Keys(m.lastSeen), func(a, b key) int {
		return cmp.Or(cmp.Compare(m.lastSeen[a], m.lastSeen[b]), a.compare(b))
	})
	for _, k := range all[:excess] {
		delete(m.lastSeen, k)
	}
	return all[:excess]
}

package measure

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxAttributes is how many attributes a metric has at most.
const maxAttributes = 4

// key is what tells the series of one metric apart: the values of its attributes.
type key struct {
	values   [maxAttributes]string
	overflow bool
}

// overflowKey is the series of what there is no room for.
var overflowKey = key{overflow: true}

func makeKey(values ...string) key {
	var k key
	for i, v := range values {
		k.values[i] = clip(v)
	}
	return k
}

// compare puts the overflow series last.
func (k key) compare(other key) int {
	if k.overflow != other.overflow {
		if k.overflow {
			return 1
		}
		return -1
	}
	return slices.Compare(k.values[:], other.values[:])
}

// maxValue bounds each attribute value, in bytes.
const maxValue = 256

// clip bounds a value from telemetry and makes it valid UTF-8. The result shares no memory with a longer text.
func clip(s string) string {
	if len(s) > maxValue {
		end := maxValue
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s = strings.Clone(s[:end])
	}
	return strings.ToValidUTF8(s, "?")
}

// series holds the state of each series of one metric. Of limit series the last is that of the overflow.
type series[T any] struct {
	limit int
	byKey map[key]*entry[T]
	// since is from when on a series counts that is new now, in nanoseconds since 1970.
	since int64
	// zeros are the series in which nothing was counted yet, which give way to others; displaced are those that did since the last
	// collection.
	zeros, displaced []key
	// undelivered is what was handed out and is not known to have arrived, for delta temporality.
	undelivered map[key]*entry[T]
	// overflowed counts how often the overflow series stood in for another one.
	overflowed uint64
}

// entry is one series: it counts from since on and was last touched at a time, both in nanoseconds since 1970.
type entry[T any] struct {
	state          T
	since, touched int64
	// zero says that nothing was counted in it yet.
	zero bool
}

func newSeries[T any](limit int, since int64) series[T] {
	return series[T]{limit: limit, byKey: make(map[key]*entry[T]), since: since}
}

// at returns the state of the series, or of the overflow series if there is no room for it.
func (s *series[T]) at(k key, now int64) *T {
	e, ok := s.byKey[k]
	if !ok {
		e = s.add(k)
	}
	e.touched, e.zero = max(e.touched, now), false
	return &e.state
}

// begin lets the series exist before there is anything to count in it, as long as there is plenty of room. It keeps one that
// exists from expiring.
func (s *series[T]) begin(k key, now int64) {
	e, ok := s.byKey[k]
	if !ok {
		if len(s.byKey) >= s.limit/2 {
			return
		}
		e = s.add(k)
		e.zero = true
		s.zeros = append(s.zeros, k)
	}
	e.touched = max(e.touched, now)
}

// add returns a new series, or that of the overflow.
func (s *series[T]) add(k key) *entry[T] {
	if named(s.byKey) >= s.limit-1 && !s.displace() {
		s.overflowed++
		if e, ok := s.byKey[overflowKey]; ok {
			return e
		}
		k = overflowKey
	}
	for i := range k.values {
		// It outlives the operation that it comes from.
		k.values[i] = strings.Clone(k.values[i])
	}
	e := &entry[T]{since: s.since}
	s.byKey[k] = e
	return e
}

// displace makes room by a series in which nothing was counted; false if there is none.
func (s *series[T]) displace() bool {
	for len(s.zeros) > 0 {
		last := len(s.zeros) - 1
		k := s.zeros[last]
		s.zeros = s.zeros[:last]
		if e, ok := s.byKey[k]; ok && e.zero {
			delete(s.byKey, k)
			s.displaced = append(s.displaced, k)
			return true
		}
	}
	return false
}

// expire forgets the series that nothing has touched since then, and returns all that have left since the call before.
func (s *series[T]) expire(then int64) []key {
	gone := slices.DeleteFunc(s.displaced, func(k key) bool {
		_, back := s.byKey[k]
		return back
	})
	s.displaced = nil
	for k, e := range s.byKey {
		if e.touched < then {
			gone = append(gone, k)
			delete(s.byKey, k)
		}
	}
	s.zeros = slices.DeleteFunc(s.zeros, func(k key) bool {
		e, ok := s.byKey[k]
		return !ok || !e.zero
	})
	slices.SortFunc(gone, key.compare)
	return slices.Compact(gone)
}

// settle hands out what was counted since the call before, together with what did not arrive of that.
func (s *series[T]) settle(merge func(to, from *T)) map[key]*entry[T] {
	counted := s.byKey
	s.byKey = make(map[key]*entry[T])
	if len(s.undelivered) == 0 {
		s.undelivered = counted
		return counted
	}
	union := series[T]{limit: s.limit, byKey: s.undelivered}
	for _, k := range sorted(counted) {
		merge(union.at(k, counted[k].touched), &counted[k].state)
	}
	s.overflowed += union.overflowed
	return s.undelivered
}

// delivered says that what was handed out last has arrived.
func (s *series[T]) delivered() { s.undelivered = nil }

// named is the number of series without that of the overflow.
func named[T any](byKey map[key]*entry[T]) int {
	if _, ok := byKey[overflowKey]; ok {
		return len(byKey) - 1
	}
	return len(byKey)
}

// sorted returns the keys in a fixed order.
func sorted[T any](byKey map[key]*entry[T]) []key {
	return slices.SortedFunc(maps.Keys(byKey), key.compare)
}

// before is the time so long before now, or that of nothing if duration is 0.
func before(now time.Time, duration time.Duration) int64 {
	if duration == 0 {
		return 0
	}
	return now.Add(-duration).UnixNano()
}

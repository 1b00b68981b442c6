package measure

import (
	"maps"
	"slices"
	"strings"
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
	byKey map[key]*T
	// overflowed counts how often the overflow series stood in for another one.
	overflowed uint64
}

func newSeries[T any](limit int) series[T] {
	return series[T]{limit: limit, byKey: make(map[key]*T)}
}

// at returns the state of the series, or of the overflow series if there is no room for it.
func (s *series[T]) at(k key) *T {
	if state, ok := s.byKey[k]; ok {
		return state
	}
	if s.named() >= s.limit-1 {
		s.overflowed++
		k = overflowKey
	}
	state, ok := s.byKey[k]
	if !ok {
		state = new(T)
		s.byKey[k] = state
	}
	return state
}

// named is the number of series without that of the overflow.
func (s *series[T]) named() int {
	if _, ok := s.byKey[overflowKey]; ok {
		return len(s.byKey) - 1
	}
	return len(s.byKey)
}

// keys returns the keys in a fixed order.
func (s *series[T]) keys() []key {
	return slices.SortedFunc(maps.Keys(s.byKey), key.compare)
}

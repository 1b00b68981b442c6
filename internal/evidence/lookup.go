package evidence

import (
	"cmp"
	"maps"
	"slices"
)

// lookup finds what a name stands for. It is a map that is made once: a hash over the length and three bytes leads to the
// few names that share it, so that most names that it does not have are turned away by one look at a small index.
type lookup[T any] struct {
	// first has for each hash the place of the first of its names, plus 1; 0 = none. They stand together, the last is marked.
	first [lookupSlots]uint16
	names []entry[T]
}

type entry[T any] struct {
	name  string
	last  bool
	value T
}

// lookupSlots is a power of two.
const lookupSlots = 2048

// newLookup returns the lookup of at most 65,535 names, none of them empty.
func newLookup[T any](of map[string]T) *lookup[T] {
	l := &lookup[T]{}
	byHash := func(a, b string) int { return cmp.Or(cmp.Compare(slot(a), slot(b)), cmp.Compare(a, b)) }
	for i, name := range slices.SortedFunc(maps.Keys(of), byHash) {
		at := slot(name)
		if l.first[at] == 0 {
			l.first[at] = uint16(i) + 1
		}
		if i > 0 {
			l.names[i-1].last = slot(l.names[i-1].name) != at
		}
		l.names = append(l.names, entry[T]{name: name, last: true, value: of[name]})
	}
	return l
}

// slot returns the hash of a name that is not empty.
func slot(name string) int {
	n := len(name)
	return (n*37 + int(name[0])*5 + int(name[n/2])*64 + int(name[n-1])) & (lookupSlots - 1)
}

// find returns what the name stands for, nil if it is not known.
func (l *lookup[T]) find(name string) *T {
	if name == "" {
		return nil
	}
	first := l.first[slot(name)]
	if first == 0 {
		return nil
	}
	return l.among(name, first)
}

// among looks for the name among those that share its hash; the first has the given place, plus 1.
func (l *lookup[T]) among(name string, first uint16) *T {
	for i := int(first) - 1; i < len(l.names); i++ {
		if l.names[i].name == name {
			return &l.names[i].value
		}
		if l.names[i].last {
			break
		}
	}
	return nil
}

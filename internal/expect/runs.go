package expect

import (
	"slices"
	"sort"
)

// run is a series of starts no two neighbours of which are further apart than a given distance. Only the ends are kept, so
// that a flood of starts needs no room. Times are nanoseconds since 1970.
type run struct{ first, last int64 }

// runs are in order of time and further apart than that distance.
type runs []run

// add puts a start into its place, whichever order starts come in.
func (r runs) add(at, distance int64) runs {
	i := sort.Search(len(r), func(i int) bool { return r[i].last+distance >= at })
	if i == len(r) {
		return append(r, run{at, at})
	}
	if at+distance < r[i].first {
		return slices.Insert(r, i, run{at, at})
	}
	r[i].first, r[i].last = min(r[i].first, at), max(r[i].last, at)
	if i+1 < len(r) && r[i].last+distance >= r[i+1].first {
		r[i].last = r[i+1].last
		r = slices.Delete(r, i+1, i+2)
	}
	return r
}

// within reports whether a start lies between the two times, both included. It is exact as long as they are at least as far
// apart as starts of a run may be.
func (r runs) within(from, until int64) bool {
	return slices.ContainsFunc(r, func(n run) bool { return n.first <= until && n.last >= from })
}

// firstAfter returns the start of the first run that goes on after the given time.
func (r runs) firstAfter(at int64) (int64, bool) {
	for _, n := range r {
		if n.last > at {
			return max(n.first, at+1), true
		}
	}
	return 0, false
}

// prune forgets runs that ended before the given time.
func (r runs) prune(before int64) runs {
	return slices.DeleteFunc(r, func(n run) bool { return n.last < before })
}

package cause

import (
	"container/list"
	"slices"
	"strings"
	"time"
)

// Deployment is a change of a service's version.
type Deployment struct {
	Service, Version, Previous string
	// At is when the version was first seen at work, in nanoseconds since 1970.
	At int64
}

const (
	// maxVersions is how many versions of one service are remembered.
	maxVersions = 8
	// awayNanos is how long a version is not at work, while another one is, before it counts as deployed anew.
	awayNanos = int64(30 * time.Minute)
)

// versions are those that were seen of each service.
type versions struct {
	limit    int
	services map[string]*list.Element
	heard    *list.List
	evicted  int64
}

type history struct {
	service string
	seen    []sighting
}

// sighting is a version with when it was first and last seen at work.
type sighting struct {
	version     string
	first, last int64
}

func newVersions(limit int) versions {
	return versions{limit: limit, services: make(map[string]*list.Element), heard: list.New()}
}

func (v *versions) saw(service, version string, at int64) {
	h := v.history(clip(service))
	version = clip(version)
	for i := range h.seen {
		s := &h.seen[i]
		if s.version != version {
			continue
		}
		switch {
		case at > s.last+awayNanos && slices.ContainsFunc(h.seen, func(o sighting) bool { return o.last > s.last }):
			s.first = at
		case at < s.first && at > s.first-awayNanos:
			s.first = at
		}
		s.last = max(s.last, at)
		return
	}
	if len(h.seen) >= maxVersions {
		oldest := slices.IndexFunc(h.seen, func(s sighting) bool {
			return !slices.ContainsFunc(h.seen, func(o sighting) bool { return o.last < s.last })
		})
		h.seen = slices.Delete(h.seen, oldest, oldest+1)
	}
	h.seen = append(h.seen, sighting{version: strings.Clone(version), first: at, last: at})
}

func (v *versions) history(service string) *history {
	if e := v.services[service]; e != nil {
		v.heard.MoveToFront(e)
		return e.Value.(*history)
	}
	if len(v.services) >= v.limit {
		oldest := v.heard.Remove(v.heard.Back()).(*history)
		delete(v.services, oldest.service)
		v.evicted++
	}
	h := &history{service: strings.Clone(service)}
	v.services[h.service] = v.heard.PushFront(h)
	return h
}

// deployment returns the latest change of a service's version between two times; false if there was none. The first version that
// was ever seen of a service is no change.
func (v *versions) deployment(service string, from, until int64) (Deployment, bool) {
	e := v.services[service]
	if e == nil {
		return Deployment{}, false
	}
	seen := e.Value.(*history).seen
	latest, previous := -1, -1
	for i := range seen {
		if seen[i].first >= from && seen[i].first <= until && (latest < 0 || seen[i].first > seen[latest].first) {
			latest = i
		}
	}
	if latest < 0 {
		return Deployment{}, false
	}
	for i := range seen {
		if seen[i].first < seen[latest].first && (previous < 0 || seen[i].first > seen[previous].first) {
			previous = i
		}
	}
	if previous < 0 {
		return Deployment{}, false
	}
	return Deployment{Service: e.Value.(*history).service, Version: seen[latest].version, Previous: seen[previous].version, At: seen[latest].first}, true
}

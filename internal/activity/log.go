package activity

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

const (
	// maxGroups bounds the groups that are remembered of one destination.
	maxGroups = 16
	// maxName bounds names, in bytes. Longer ones are not remembered.
	maxName = 255
	// memory is how long a destination is remembered at least once there is no room for others.
	memory = 24 * time.Hour
	// pruneEvery is how often it is looked for room.
	pruneEvery = time.Minute
)

// DefaultMaxDestinations is the number of destinations that a [Log] remembers by default.
const DefaultMaxDestinations = 10_000

// Log remembers who consumed last. It is safe for concurrent use.
type Log struct {
	max     int // immutable after New
	refused atomic.Uint64

	mu           sync.Mutex
	destinations map[string][]operation.Sighting // guarded by mu, as is all that follows
	// latest is the time of the latest sign, pruned that when it was last looked for room; in nanoseconds since 1970.
	latest, pruned int64
}

// New returns a log of at most so many destinations.
func New(maxDestinations int) *Log {
	return &Log{max: maxDestinations, destinations: make(map[string][]operation.Sighting)}
}

// Refused returns how many signs were not noted, for want of room or because a name is too long or made up.
func (l *Log) Refused() uint64 { return l.refused.Load() }

// Observe takes note of who consumed the messages of an operation. Times are those of the consumers; none counts as later
// than now, in nanoseconds since 1970. The view is not retained.
func (l *Log) Observe(v *operation.View, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Consumers {
			if at := min(lastSign(&h.Consumers[k]), now); at > 0 {
				l.note(h.Destination, h.Consumers[k].Group, h.Consumers[k].Service, at)
			}
		}
	}
}

// lastSign is when the group last gave a sign of being at work on the message, 0 if it never did.
func lastSign(c *operation.Consumer) (last int64) {
	for i := range c.Attempts {
		if a := &c.Attempts[i]; !a.Inferred {
			last = max(last, a.ReceivedAt, a.StartedAt, a.EndedAt, a.ProgressAt, a.AliveAt)
		}
	}
	return last
}

func (l *Log) note(destination, group, service string, at int64) {
	l.latest = max(l.latest, at)
	seen, known := l.destinations[destination]
	for i := range seen {
		if seen[i].Group == group && seen[i].Service == service {
			seen[i].At = max(seen[i].At, at)
			return
		}
	}
	if !fit(destination) || !fit(group) || len(service) > maxName || operation.TemporaryName(destination) || (!known && !l.room()) {
		l.refused.Add(1)
		return
	}
	if len(seen) >= maxGroups {
		oldest := 0
		for i := range seen {
			if seen[i].At < seen[oldest].At {
				oldest = i
			}
		}
		if seen[oldest].At >= at {
			return
		}
		seen = slices.Delete(seen, oldest, oldest+1)
	}
	// The names may be parts of something bigger.
	l.destinations[strings.Clone(destination)] = append(seen, operation.Sighting{
		Group: strings.Clone(group), Service: strings.Clone(service), At: at,
	})
}

func fit(name string) bool { return name != "" && len(name) <= maxName }

// room reports whether there is room for one more destination, and makes some from time to time.
func (l *Log) room() bool {
	if len(l.destinations) >= l.max && l.latest-l.pruned >= int64(pruneEvery) {
		l.pruned = l.latest
		for destination, seen := range l.destinations {
			if last(seen).At < l.latest-int64(memory) {
				delete(l.destinations, destination)
			}
		}
	}
	return len(l.destinations) < l.max
}

// Last returns who of a group consumed last from the destination, or who of any group if that is ""; its At is 0 if nobody is
// remembered.
func (l *Log) Last(destination, group string) operation.Sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.destinations[destination]
	if group == "" {
		return last(seen)
	}
	var found operation.Sighting
	for _, s := range seen {
		if s.Group == group && s.At > found.At {
			found = s
		}
	}
	return found
}

// last is the latest sighting; of two at the same time the one whose name comes first.
func last(seen []operation.Sighting) (latest operation.Sighting) {
	for i, s := range seen {
		if i == 0 || s.At > latest.At || (s.At == latest.At && cmp.Or(cmp.Compare(s.Group, latest.Group), cmp.Compare(s.Service, latest.Service)) < 0) {
			latest = s
		}
	}
	return latest
}

package originals

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// kept are the attributes of a resource that are kept beside its name and instance: what tells one deployment of a service apart
// from another (semantic conventions 1.44; deployment.environment is the former name).
var kept = [...]string{
	"service.namespace", "service.version", "deployment.environment.name", "deployment.environment", "telemetry.sdk.language",
	"host.name", "cloud.region", "cloud.availability_zone", "k8s.cluster.name", "k8s.namespace.name", "k8s.node.name", "k8s.pod.name",
}

const (
	// maxServices bounds the service instances that are known, maxText their names and values, in bytes.
	maxServices = 10_000
	maxText     = 256
	// refresh is how often it is looked whether the attributes of an instance are other ones, and memory how long one is
	// remembered that is not heard of, once there is no room; in nanoseconds.
	refresh = int64(60e9)
	memory  = int64(3600e9)
)

// Attribute is one attribute of a resource.
type Attribute struct{ Key, Value string }

// Resource is what is known of a service instance. It is immutable.
type Resource struct {
	Service, Instance string
	Attributes        []Attribute
}

type identity struct{ service, instance string }

// entry is a resource and when it was last looked at.
type entry struct {
	resource *Resource
	seen     int64
}

// resources are the service instances that were heard of.
type resources struct {
	mu      sync.RWMutex
	known   map[identity]*entry // guarded by mu, as is all that follows
	pruned  int64
	refused uint64
	// news are those that others have not been told of, once shared says that somebody asks.
	news   map[identity]struct{}
	shared bool

	// telling keeps those apart who tell. It is taken before mu. told says that there is nothing to tell.
	telling sync.Mutex
	told    atomic.Bool
}

// Saw takes note of a resource, under the names by which facts know it, at a time in nanoseconds since 1970. Nothing is
// retained of the attributes given.
func (s *Store) Saw(service, instance string, attributes pcommon.Map, now int64) *Resource {
	r := &s.resources
	who := identity{service, instance}
	r.mu.RLock()
	if e := r.known[who]; e != nil && now-e.seen < refresh {
		defer r.mu.RUnlock()
		return e.resource
	}
	r.mu.RUnlock()
	return r.look(who, attributes, now)
}

// ResourceOf returns what is known of a service instance, nil if that is nothing.
func (s *Store) ResourceOf(service, instance string) *Resource {
	s.resources.mu.RLock()
	defer s.resources.mu.RUnlock()
	if e := s.resources.known[identity{service, instance}]; e != nil {
		return e.resource
	}
	return nil
}

// look reads the attributes. What they were before stays as it is, for spans refer to it.
func (r *resources) look(who identity, attributes pcommon.Map, now int64) *Resource {
	found := read(who, attributes)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.known[who]
	switch {
	case e == nil && !r.room(now):
		r.refused++
		return found
	case e == nil:
		who = identity{found.Service, found.Instance}
		r.known[who] = &entry{found, now}
		r.note(who)
		return found
	case !slices.Equal(e.resource.Attributes, found.Attributes):
		e.resource = found
		r.note(identity{found.Service, found.Instance})
	}
	e.seen = max(e.seen, now)
	return e.resource
}

// room reports whether there is room for one more, and makes some from time to time.
func (r *resources) room(now int64) bool {
	if len(r.known) >= maxServices && now-r.pruned >= refresh {
		r.pruned = now
		for who, e := range r.known {
			if now-e.seen > memory {
				delete(r.known, who)
			}
		}
	}
	return len(r.known) < maxServices
}

func read(who identity, attributes pcommon.Map) *Resource {
	found := &Resource{Service: strings.Clone(who.service), Instance: strings.Clone(who.instance)}
	for _, key := range kept {
		if v, ok := attributes.Get(key); ok {
			if value := cut(v.AsString(), maxText); value != "" {
				found.Attributes = append(found.Attributes, Attribute{key, value})
			}
		}
	}
	return found
}

// cut returns a copy of a text from telemetry, bounded and valid.
func cut(text string, limit int) string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit]
	}
	return strings.Clone(strings.ToValidUTF8(text, "?"))
}

func (r *resources) stats(s *Stats) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s.Services = len(r.known)
	s.Dropped[DropService] = r.refused
}

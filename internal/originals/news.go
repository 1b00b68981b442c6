package originals

import (
	"slices"

	"github.com/throughline/throughline/internal/snapshot"
)

// Known is a resource and when it was last looked at, in nanoseconds since 1970: what one collector tells others, and what is kept over
// a restart.
type Known struct {
	*Resource
	Seen int64
}

// News returns the resources that are new or changed since it was asked last. What was known before it was asked for the first time is
// new as well. There are at most as many as are known.
func (s *Store) News() []Known {
	r := &s.resources
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.shared {
		r.shared = true
		r.news = make(map[identity]struct{}, len(r.known))
		for who := range r.known {
			r.news[who] = struct{}{}
		}
	}
	var all []Known
	for who := range r.news {
		if e := r.known[who]; e != nil {
			all = append(all, Known{e.resource, e.seen})
		}
	}
	clear(r.news)
	return all
}

// Tell hands over the news, if there are any, and returns when they were dealt with, by whoever took them: what follows a resource must not
// be told before it. Without news it costs next to nothing. tell must not call back.
func (s *Store) Tell(tell func([]Known)) {
	r := &s.resources
	if r.told.Load() {
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	if news := s.News(); len(news) > 0 {
		tell(news)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told.Store(len(r.news) == 0)
}

// Learn takes note of what another collector, or an earlier run, knows of resources. What was seen later stays; nothing counts as seen
// later than now, in nanoseconds since 1970. What is learned is no news.
func (s *Store) Learn(all []Known, now int64) {
	r := &s.resources
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range all {
		k.Seen = min(k.Seen, now)
		who := identity{k.Service, k.Instance}
		e := r.known[who]
		switch {
		case e != nil && e.seen > k.Seen:
		case e != nil && slices.Equal(e.resource.Attributes, k.Attributes):
			e.seen = k.Seen
		case e != nil:
			*e = entry{k.Resource, k.Seen}
		case r.room(now):
			r.known[who] = &entry{k.Resource, k.Seen}
		default:
			r.refused++
		}
	}
}

// note makes a resource one of the news, for whom there is somebody to ask. Called with the lock held.
func (r *resources) note(who identity) {
	// Who was forgotten meanwhile is still among them.
	if r.shared && len(r.news) < 2*maxServices {
		r.news[who] = struct{}{}
		r.told.Store(false)
	}
}

// resourcesName is how errors name resources.
const resourcesName = "service instances"

// AppendResources appends resources, for [DecodeResources].
func AppendResources(data []byte, all []Known) []byte {
	w := snapshot.Append(data)
	writeResources(w, all)
	return w.Bytes()
}

// DecodeResources returns what [AppendResources] appended to nothing.
func DecodeResources(data []byte) ([]Known, error) {
	r := snapshot.Read(data, resourcesName)
	all := readResources(r)
	return all, r.Close()
}

// writeResources writes each attribute by its place among those that are kept.
func writeResources(w *snapshot.Writer, all []Known) {
	w.Count(len(all))
	for _, k := range all {
		w.Text(k.Service)
		w.Text(k.Instance)
		w.Number(k.Seen)
		known := 0
		for _, a := range k.Attributes {
			if slices.Contains(kept[:], a.Key) {
				known++
			}
		}
		w.Count(known)
		for _, a := range k.Attributes {
			if at := slices.Index(kept[:], a.Key); at >= 0 {
				w.Count(at)
				w.Text(a.Value)
			}
		}
	}
}

// maxRead bounds the names that are read; those of services are as long as the facts have them.
const maxRead = 64 << 10

func readResources(r *snapshot.Reader) (all []Known) {
	for range r.List(maxServices) {
		k := Known{&Resource{Service: r.Text(maxRead), Instance: r.Text(maxRead)}, r.Number(0, maxTime)}
		for range r.List(len(kept)) {
			k.Attributes = append(k.Attributes, Attribute{kept[r.Count(len(kept)-1)], r.Text(maxText)})
		}
		if r.Bad() {
			return nil
		}
		all = append(all, k)
	}
	return all
}

const (
	// snapshotVersion changes whenever older programs cannot read a snapshot, with what is kept of a resource too.
	snapshotVersion = 1
	// maxTime bounds times: the year 2116.
	maxTime = int64(1) << 62
)

// Snapshot returns what is known of resources in a form that [Store.Restore] reads. Spans are not in it.
func (s *Store) Snapshot() []byte {
	r := &s.resources
	r.mu.RLock()
	all := make([]Known, 0, len(r.known))
	for _, e := range r.known {
		all = append(all, Known{e.resource, e.seen})
	}
	r.mu.RUnlock()
	w := snapshot.NewWriter(resourcesName, snapshotVersion)
	writeResources(w, all)
	return w.Close()
}

// Restore continues from a snapshot of an earlier run, at a time in nanoseconds since 1970, as [Store.Learn] does. When it returns an
// error, nothing was restored.
func (s *Store) Restore(data []byte, now int64) error {
	r, err := snapshot.Open(data, resourcesName, snapshotVersion)
	if err != nil {
		return err
	}
	all := readResources(r)
	if err := r.Close(); err != nil {
		return err
	}
	s.Learn(all, now)
	return nil
}

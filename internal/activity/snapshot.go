package activity

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/snapshot"
)

const (
	// snapshotName is how errors name a snapshot; its version changes whenever older programs cannot read it.
	snapshotName    = "who consumed last"
	snapshotVersion = 1
	// maxRead bounds the destinations that are read, whatever is kept of them.
	maxRead = 1_000_000
	// maxTime bounds times: the year 2116.
	maxTime = int64(1) << 62
)

// Snapshot returns what is remembered in a form that [Log.Restore] reads.
func (l *Log) Snapshot() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := snapshot.NewWriter(snapshotName, snapshotVersion)
	w.Count(len(l.destinations))
	for destination, seen := range l.destinations {
		w.Text(destination)
		w.Count(len(seen))
		for _, s := range seen {
			w.Text(s.Group)
			w.Text(s.Service)
			w.Number(s.At)
		}
	}
	return w.Close()
}

// Restore continues from a snapshot of an earlier run, or of another collector, at a time in nanoseconds since 1970; nobody was seen later
// than that. What is remembered already stays, and of who was seen twice the later time. If there is no room for all, those stay who were
// seen last. When it returns an error, nothing was restored.
func (l *Log) Restore(data []byte, now int64) error {
	r, err := snapshot.Open(data, snapshotName, snapshotVersion)
	if err != nil {
		return err
	}
	read := readSightings(r)
	if err := r.Close(); err != nil {
		return err
	}
	slices.SortStableFunc(read, func(a, b sighting) int { return cmp.Compare(b.At, a.At) })
	l.mu.Lock()
	defer l.mu.Unlock()
	refused := l.refused.Load()
	for _, s := range read {
		l.note(s.destination, s.Group, s.Service, min(s.At, now))
	}
	// These were noted once.
	l.refused.Store(refused)
	return nil
}

// sighting is who was seen where.
type sighting struct {
	destination string
	operation.Sighting
}

func readSightings(r *snapshot.Reader) (all []sighting) {
	for range r.List(maxRead) {
		destination := r.Text(maxName)
		for range r.List(maxGroups) {
			s := operation.Sighting{Group: r.Text(maxName), Service: r.Text(maxName), At: r.Number(1, maxTime)}
			all = append(all, sighting{destination, s})
		}
		if r.Bad() {
			return nil
		}
	}
	return all
}

package alert

import (
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Known is what a backend is known to have been told about one alert, in a form that can be kept over a restart.
type Known struct {
	ID       string `json:"id"`
	Revision int64  `json:"revision"`
	Firing   bool   `json:"firing,omitempty"`
	Severity string `json:"severity,omitempty"`
	Priority int    `json:"priority,omitempty"`
	Owner    string `json:"owner,omitempty"`
	// Acknowledged is who was said to take care of it.
	Acknowledged string `json:"acknowledged,omitempty"`
	// Held says that the backend holds the alert as firing, or may.
	Held bool `json:"held,omitempty"`
	// Untold says that the backend was told nothing of it, Latest is the revision of what it is to be told.
	Untold bool  `json:"untold,omitempty"`
	Latest int64 `json:"latest,omitempty"`
}

// Known returns what the backend knows of the alerts that are picked, or is to be told of them, in no order.
func (b *Book) Known(pick func(id string) bool) []Known {
	b.mu.Lock()
	defer b.mu.Unlock()
	var known []Known
	for id, e := range b.entries {
		if !pick(id) || (!e.held && !e.known.any && e.told >= e.alert.Revision) {
			continue
		}
		known = append(known, Known{
			ID: id, Revision: e.told, Firing: e.known.any && e.known.status == StatusFiring, Held: e.held,
			Untold: !e.known.any, Latest: e.alert.Revision,
			Severity: e.known.routing.Severity.String(), Priority: e.known.routing.Priority, Owner: e.known.routing.Owner,
			Acknowledged: e.known.acknowledged,
		})
	}
	return known
}

// Restore takes over what was known before a restart. What the book has heard of since is left alone, and so is what
// exceeds its bounds. Events that had been overtaken by then are still outdated.
func (b *Book) Restore(known []Known, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range known {
		if b.entries[k.ID] != nil || k.ID == "" || !b.room() {
			continue
		}
		severity, ok := operation.ParseSeverity(k.Severity)
		if !ok {
			continue
		}
		routing := Routing{Severity: severity, Priority: k.Priority, Owner: k.Owner}
		e := &entry{told: k.Revision, held: k.Held, handed: k.Held, heardAt: now, touchedAt: now}
		if !k.Untold {
			e.known = gist{any: true, status: StatusResolved, routing: routing, acknowledged: k.Acknowledged}
		}
		if k.Firing {
			e.known.status = StatusFiring
		}
		e.alert = Alert{ID: k.ID, Revision: max(k.Revision, k.Latest-1), Routing: routing}
		b.entries[k.ID] = e
		b.close(e)
	}
}

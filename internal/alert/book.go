package alert

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"
)

// maxFormer bounds the former routings of one alert.
const maxFormer = 8

// Book holds the present truth of each alert and knows what the backend has been told. What is put in twice, late or out of
// order makes no difference. It is safe for concurrent use.
type Book struct {
	settings Settings // immutable after NewBook

	mu      sync.Mutex
	entries map[string]*entry
	// resolved lists the alerts that do not fire, the one that ended first in front; closed of them are closed.
	resolved *list.List
	closed   int
	stats    Stats
}

// NewBook returns an empty book.
func NewBook(settings Settings) (*Book, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	return &Book{settings: settings, entries: make(map[string]*entry), resolved: list.New()}, nil
}

// entry is one alert with what the backend knows of it.
type entry struct {
	alert Alert
	// heardAt is when the alert was put in, touchedAt when it was last put in or handed out or acknowledged.
	heardAt, touchedAt time.Time
	// told is the revision that the backend acknowledged, known the gist of it. held says that the backend has been told of the
	// alert, or may have been.
	told  int64
	known gist
	held  bool
	// over is when the backend first acknowledged that the alert is resolved.
	over time.Time
	// handed says that the alert was handed out firing with its present routing, so that the backend may hold it.
	handed bool
	former []former
	// closed says that there is nothing more to tell. The entry stays as long as there is room, so that an event that was
	// held up somewhere does not pass for news.
	closed bool
	// place is the element in the list of resolved ones, nil while firing.
	place *list.Element
}

type former struct {
	Former
	// told is when the backend first acknowledged its end.
	told time.Time
}

// Outcome says what became of an alert that was put into a book.
type Outcome uint8

// The outcomes.
const (
	// OutcomeTaken: it is the present truth.
	OutcomeTaken Outcome = iota
	// OutcomeOutdated: the book holds the same or a later revision.
	OutcomeOutdated
	// OutcomeOverflow: there was no room.
	OutcomeOverflow
)

// Put makes the alert the present truth of its ID, unless a later one is known.
func (b *Book) Put(a Alert, now time.Time) Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[a.ID]
	switch {
	case e == nil:
		if !b.room() {
			b.stats.Overflow++
			return OutcomeOverflow
		}
		e = newEntry(&a)
		b.entries[a.ID] = e
	case a.Revision <= e.alert.Revision:
		return OutcomeOutdated
	default:
		b.reopen(e)
		b.reroute(e, a.Routing, now)
	}
	e.alert, e.heardAt, e.touchedAt, e.over = a, now, now, time.Time{}
	e.alert.Former = nil
	switch {
	case a.Status == StatusResolved && e.place == nil:
		e.place = b.resolved.PushBack(e)
	case a.Status == StatusFiring && e.place != nil:
		b.resolved.Remove(e.place)
		e.place = nil
	}
	return OutcomeTaken
}

// newEntry returns an entry for an alert of which nothing is known. Somebody else told the backend what is no news, and of what
// is over it must have known.
func newEntry(a *Alert) *entry {
	e := &entry{told: a.Revision - 1, held: a.Status == StatusResolved}
	if !a.News && a.Status == StatusFiring {
		e.known, e.held = a.gist(), true
	}
	return e
}

// untold says that the backend has yet to be told how the alert now is.
func (b *Book) untold(e *entry) bool {
	switch {
	case e.closed:
		return false
	case !b.settings.Once:
		return e.told < e.alert.Revision
	case e.alert.Status == StatusResolved && !e.held, e.alert.Status == StatusFiring && e.alert.Muted:
		return false
	}
	return e.known != e.alert.gist()
}

// room makes room for one more alert if it can.
func (b *Book) room() bool {
	if len(b.entries) < b.settings.MaxAlerts {
		return true
	}
	oldest := b.resolved.Front()
	if oldest == nil {
		return false
	}
	e := b.resolved.Remove(oldest).(*entry)
	delete(b.entries, e.alert.ID)
	if e.closed {
		b.closed--
	} else {
		b.stats.Evicted++
	}
	return true
}

// close ends the telling of an alert and keeps no more of it than its revision and routing.
func (b *Book) close(e *entry) {
	e.closed = true
	b.closed++
	e.alert = Alert{ID: e.alert.ID, Revision: e.alert.Revision, Routing: e.alert.Routing, Status: StatusResolved}
	e.former = nil
	if e.place == nil {
		e.place = b.resolved.PushBack(e)
	}
}

func (b *Book) reopen(e *entry) {
	if e.closed {
		e.closed = false
		b.closed--
	}
}

// reroute remembers the routing that the backend may hold if the new one differs.
func (b *Book) reroute(e *entry, routing Routing, now time.Time) {
	if e.alert.Routing == routing {
		return
	}
	same := func(f former) bool { return f.Routing == routing }
	// What the backend held under this routing before, it may hold still: nobody tells it the end while the routing is the present one.
	held := slices.ContainsFunc(e.former, same)
	e.former = slices.DeleteFunc(e.former, same)
	if e.handed {
		e.former = append(e.former, former{Former: Former{Routing: e.alert.Routing, EndsAt: now}})
	}
	if len(e.former) > maxFormer {
		e.former = slices.Delete(e.former, 0, 1)
		b.stats.Overflow++
	}
	e.handed = held
}

// Changed returns those of the named alerts that the backend has not acknowledged as they now are.
func (b *Book) Changed(ids []string, now time.Time) []Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	var alerts []Alert
	for _, id := range ids {
		if e := b.entries[id]; e != nil && b.untold(e) {
			alerts = append(alerts, b.hand(e, now))
		}
	}
	return alerts
}

// Due returns the alerts that are to be told now, in the order of IDs: firing and lately resolved ones whose repeat
// interval is over, and changes that could not be told. It closes those that need not be told any more.
func (b *Book) Due(now time.Time) []Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	var alerts []Alert
	for _, e := range b.entries {
		switch {
		case e.closed:
		case e.alert.Status == StatusFiring && now.Sub(e.heardAt) >= b.settings.StaleAfter:
			b.close(e)
			b.stats.Stale++
		case e.alert.Recalled && e.told >= e.alert.Revision:
			b.close(e)
		case !e.over.IsZero() && now.Sub(e.over) >= b.settings.ResolvedRepeat:
			b.close(e)
		case b.settings.Once && !b.untold(e):
			if e.alert.Status == StatusResolved {
				b.close(e)
			}
		case now.Sub(e.touchedAt) >= b.settings.RepeatInterval:
			alerts = append(alerts, b.hand(e, now))
		}
	}
	slices.SortFunc(alerts, func(x, y Alert) int { return cmp.Compare(x.ID, y.ID) })
	return alerts
}

// hand returns the alert as the backend is to be told it.
func (b *Book) hand(e *entry, now time.Time) Alert {
	e.touchedAt = now
	e.handed = e.handed || e.alert.Status == StatusFiring
	e.former = slices.DeleteFunc(e.former, func(f former) bool {
		return !f.told.IsZero() && now.Sub(f.told) >= b.settings.ResolvedRepeat
	})
	a := e.alert
	for _, f := range e.former {
		a.Former = append(a.Former, f.Former)
	}
	return a
}

// Told takes note that the backend acknowledged the alerts.
func (b *Book) Told(alerts []Alert, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range alerts {
		e := b.entries[a.ID]
		if e == nil {
			continue
		}
		if a.Revision >= e.told {
			e.told, e.known, e.held = a.Revision, a.gist(), a.Status == StatusFiring
		}
		if e.closed {
			// It was handed over while it was told.
			continue
		}
		e.touchedAt = now
		if e.over.IsZero() && e.alert.Status == StatusResolved && e.told >= e.alert.Revision {
			e.over, e.handed = now, false
		}
		for k := range e.former {
			if e.former[k].told.IsZero() && slices.Contains(a.Former, e.former[k].Former) {
				e.former[k].told = now
			}
		}
	}
}

// Release ends the telling of an alert as it stands: somebody else tells of it from now on. What the backend was told stays known.
func (b *Book) Release(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[id]; e != nil && !e.closed {
		b.close(e)
	}
}

// Holds reports whether the alert fires, or did when the backend was last told of it.
func (b *Book) Holds(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	return e != nil && (e.held || (!e.closed && e.alert.Status == StatusFiring))
}

// Uncertain takes note that the alerts were sent and it is not known whether the backend has them.
func (b *Book) Uncertain(alerts []Alert) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range alerts {
		if e := b.entries[alerts[i].ID]; e != nil && !e.closed && alerts[i].Status == StatusFiring {
			e.held = true
		}
	}
}

// Next returns when the next alert becomes due, zero if there is nothing to tell.
func (b *Book) Next() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var next time.Time
	for _, e := range b.entries {
		if e.closed || (b.settings.Once && !b.untold(e)) {
			continue
		}
		if due := e.touchedAt.Add(b.settings.RepeatInterval); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}

// Stats returns the counts.
func (b *Book) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Resolved = b.resolved.Len() - b.closed
	s.Firing = len(b.entries) - b.resolved.Len()
	return s
}

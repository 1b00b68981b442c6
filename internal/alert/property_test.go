package alert

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// identity is what a backend that routes by labels knows an alert by.
type identity struct {
	id string
	Routing
}

// backend holds the alerts that fire, as Alertmanager does, as long as it is not told otherwise.
type backend map[identity]bool

func (b backend) take(a *Alert) {
	for _, f := range a.Former {
		delete(b, identity{a.ID, f.Routing})
	}
	if a.Status == StatusFiring {
		b[identity{a.ID, a.Routing}] = true
	} else {
		delete(b, identity{a.ID, a.Routing})
	}
}

// TestPropertyTheBackendLearnsTheTruth: however events are repeated and reordered, and whatever requests are lost, once the
// backend is reachable it holds exactly what fires.
func TestPropertyTheBackendLearnsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, held, truth := newBook(t, nil), backend{}, map[string]Alert{}
		var all []Alert
		for i := range rapid.IntRange(1, 12).Draw(t, "alerts") {
			a := firing(strconv.Itoa(rapid.IntRange(0, 1).Draw(t, "id")), int64(i), operation.Severity(rapid.IntRange(0, 2).Draw(t, "severity")))
			if before, ok := truth[a.ID]; ok && before.Status == StatusFiring && rapid.Bool().Draw(t, "resolved") {
				// An incident keeps its last severity when it is resolved.
				a.Status, a.Routing = StatusResolved, before.Routing
			}
			truth[a.ID] = a
			all = append(all, a, a)
		}
		now := start
		for _, a := range jumble(t, all) {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")))
			book.Put(a, now)
			alerts := book.Changed([]string{a.ID}, now)
			if rapid.IntRange(0, 3).Draw(t, "due") == 0 {
				alerts = book.Due(now)
			}
			deliver(t, book, held, alerts, now)
		}
		now = now.Add(time.Minute)
		alerts := book.Due(now)
		for i := range alerts {
			held.take(&alerts[i])
		}
		book.Told(alerts, now)
		requireTruth(t, truth, held)
		for id := range truth {
			require.Empty(t, book.Changed([]string{id}, now), "nothing is left to say")
		}
	})
}

// jumble moves some of the alerts to later places.
func jumble(t *rapid.T, alerts []Alert) []Alert {
	for i := range alerts {
		k := rapid.IntRange(i, min(len(alerts)-1, i+4)).Draw(t, "swap")
		alerts[i], alerts[k] = alerts[k], alerts[i]
	}
	return alerts
}

// deliver sends, and loses the request or the answer now and then.
func deliver(t *rapid.T, book *Book, held backend, alerts []Alert, now time.Time) {
	fate := rapid.IntRange(0, 2).Draw(t, "fate")
	if fate > 0 {
		for i := range alerts {
			held.take(&alerts[i])
		}
	}
	if fate > 1 {
		book.Told(alerts, now)
	}
}

func requireTruth(t *rapid.T, truth map[string]Alert, held backend) {
	want := backend{}
	for _, a := range truth {
		want.take(&a)
	}
	require.Equal(t, want, held)
}

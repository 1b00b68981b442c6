package alert

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newBook(t require.TestingT, change func(*Settings)) *Book {
	settings := DefaultSettings()
	if change != nil {
		change(&settings)
	}
	book, err := NewBook(settings)
	require.NoError(t, err)
	return book
}

func firing(id string, revision int64, severity operation.Severity) Alert {
	return Alert{ID: id, Revision: revision, Routing: Routing{Severity: severity}, StartsAt: start}
}

func resolved(id string, revision int64) Alert {
	a := firing(id, revision, operation.SeverityError)
	a.Status, a.EndsAt = StatusResolved, start
	return a
}

func TestTheBackendIsToldOnceAndReminded(t *testing.T) {
	book := newBook(t, nil)
	require.Equal(t, OutcomeTaken, book.Put(firing("a", 1, operation.SeverityError), start))
	require.Equal(t, OutcomeOutdated, book.Put(firing("a", 1, operation.SeverityError), start), "a duplicate")
	alerts := book.Changed([]string{"a", "unknown"}, start)
	require.Equal(t, []Alert{firing("a", 1, operation.SeverityError)}, alerts)
	book.Told(alerts, start)
	require.Empty(t, book.Changed([]string{"a"}, start), "it knows")
	require.Empty(t, book.Due(start.Add(59*time.Second)))
	require.Equal(t, start.Add(time.Minute), book.Next())
	require.Equal(t, alerts, book.Due(start.Add(time.Minute)))
	require.Empty(t, book.Due(start.Add(time.Minute+time.Second)), "a failed reminder waits for its turn")
}

func TestOlderTruthIsIgnored(t *testing.T) {
	book := newBook(t, nil)
	require.Equal(t, OutcomeTaken, book.Put(resolved("a", 9), start))
	require.Equal(t, OutcomeOutdated, book.Put(firing("a", 8, operation.SeverityError), start))
	require.Equal(t, []Alert{resolved("a", 9)}, book.Changed([]string{"a"}, start))
}

func TestWhatCouldNotBeToldBecomesDue(t *testing.T) {
	book := newBook(t, nil)
	book.Put(firing("a", 1, operation.SeverityError), start)
	require.Len(t, book.Changed([]string{"a"}, start), 1)
	book.Put(resolved("a", 2), start.Add(time.Second))
	require.Empty(t, book.Due(start.Add(time.Minute)))
	require.Equal(t, []Alert{resolved("a", 2)}, book.Due(start.Add(time.Minute+time.Second)), "the present truth alone")
}

func TestResolvedIsRepeatedThenClosed(t *testing.T) {
	book := newBook(t, nil)
	book.Put(resolved("a", 1), start)
	told := start.Add(time.Hour)
	alerts := book.Due(told)
	require.Len(t, alerts, 1, "a resolve is not lost, however long the backend is down")
	book.Told(alerts, told)
	for minute := 1; minute <= 4; minute++ {
		alerts = book.Due(told.Add(time.Duration(minute) * time.Minute))
		require.Len(t, alerts, 1)
		book.Told(alerts, told.Add(time.Duration(minute)*time.Minute))
	}
	require.Equal(t, 1, book.Stats().Resolved)
	require.Empty(t, book.Due(told.Add(5*time.Minute)))
	require.Equal(t, Stats{}, book.Stats())
	require.Zero(t, book.Next())

	late := told.Add(10 * time.Minute)
	require.Equal(t, OutcomeOutdated, book.Put(firing("a", 0, operation.SeverityError), late), "held up somewhere, no news")
	require.Empty(t, book.Changed([]string{"a"}, late))
	require.Equal(t, OutcomeTaken, book.Put(firing("a", 2, operation.SeverityError), late))
	require.Len(t, book.Changed([]string{"a"}, late), 1)
	require.Equal(t, Stats{Firing: 1}, book.Stats())
}

func TestOfWhoseIncidentNothingIsHeardIsLetGo(t *testing.T) {
	book := newBook(t, nil)
	book.Put(firing("a", 1, operation.SeverityError), start)
	book.Put(firing("b", 1, operation.SeverityError), start)
	book.Put(firing("b", 2, operation.SeverityError), start.Add(10*time.Minute))
	alerts := book.Due(start.Add(15 * time.Minute))
	require.Len(t, alerts, 1)
	require.Equal(t, "b", alerts[0].ID)
	require.Equal(t, Stats{Firing: 1, Stale: 1}, book.Stats())
}

func TestFormerRoutings(t *testing.T) {
	tell := func(book *Book, now time.Time) []Alert {
		alerts := book.Changed([]string{"a"}, now)
		book.Told(alerts, now)
		return alerts
	}
	former := func(severity operation.Severity, endsAt time.Time) []Former {
		return []Former{{Routing: Routing{Severity: severity}, EndsAt: endsAt}}
	}
	t.Run("ended for a while", func(t *testing.T) {
		book := newBook(t, nil)
		book.Put(firing("a", 1, operation.SeverityError), start)
		tell(book, start)
		book.Put(firing("a", 2, operation.SeverityCritical), start.Add(time.Second))
		require.Equal(t, former(operation.SeverityError, start.Add(time.Second)), tell(book, start.Add(2*time.Second))[0].Former)
		now := start.Add(time.Minute + 2*time.Second)
		require.NotEmpty(t, book.Due(now)[0].Former, "repeated")
		now = start.Add(5*time.Minute + 2*time.Second)
		require.Empty(t, book.Due(now)[0].Former, "and done with")
	})
	t.Run("never seen by the backend", func(t *testing.T) {
		book := newBook(t, nil)
		book.Put(firing("a", 1, operation.SeverityError), start)
		book.Put(firing("a", 2, operation.SeverityCritical), start)
		require.Empty(t, tell(book, start)[0].Former)
	})
	t.Run("seen perhaps", func(t *testing.T) {
		book := newBook(t, nil)
		book.Put(firing("a", 1, operation.SeverityError), start)
		book.Changed([]string{"a"}, start)
		book.Put(firing("a", 2, operation.SeverityCritical), start)
		require.Equal(t, former(operation.SeverityError, start), tell(book, start)[0].Former)
	})
	t.Run("there and back", func(t *testing.T) {
		book := newBook(t, nil)
		for i, severity := range []operation.Severity{operation.SeverityError, operation.SeverityCritical, operation.SeverityError} {
			book.Put(firing("a", int64(i), severity), start)
			if i == 2 {
				require.Equal(t, former(operation.SeverityCritical, start), tell(book, start)[0].Former)
			} else {
				tell(book, start)
			}
		}
	})
	t.Run("bounded", func(t *testing.T) {
		book := newBook(t, nil)
		for i := range 20 {
			a := firing("a", int64(i), operation.SeverityError)
			a.Priority = i
			book.Put(a, start)
			require.LessOrEqual(t, len(tell(book, start)[0].Former), maxFormer)
		}
		require.Equal(t, int64(20-1-maxFormer), book.Stats().Overflow)
	})
}

// A severity that came back and left again before anything could be told is still what the backend holds an alert under.
func TestARoutingThatCameBackIsEndedAgain(t *testing.T) {
	book := newBook(t, nil)
	book.Put(firing("a", 1, operation.SeverityWarning), start)
	require.Len(t, book.Changed([]string{"a"}, start), 1, "the backend holds a warning")
	book.Put(firing("a", 2, operation.SeverityInfo), start)
	book.Put(firing("a", 3, operation.SeverityWarning), start)
	book.Put(firing("a", 4, operation.SeverityInfo), start)
	alerts := book.Changed([]string{"a"}, start)
	require.Len(t, alerts, 1)
	require.Equal(t, []Former{{Routing: Routing{Severity: operation.SeverityWarning}, EndsAt: start}}, alerts[0].Former)
}

func TestBookBounds(t *testing.T) {
	book := newBook(t, func(s *Settings) { s.MaxAlerts = 2 })
	require.Equal(t, OutcomeTaken, book.Put(firing("a", 1, operation.SeverityError), start))
	require.Equal(t, OutcomeTaken, book.Put(resolved("b", 1), start))
	require.Equal(t, OutcomeTaken, book.Put(firing("c", 1, operation.SeverityError), start), "resolved ones make room")
	require.Equal(t, OutcomeOverflow, book.Put(firing("d", 1, operation.SeverityError), start))
	require.Equal(t, OutcomeTaken, book.Put(resolved("c", 2), start), "what is known stays known")
	require.Equal(t, Stats{Firing: 1, Resolved: 1, Overflow: 1, Evicted: 1}, book.Stats())

	book.Told(book.Changed([]string{"c"}, start), start)
	book.Due(start.Add(5 * time.Minute))
	require.Equal(t, OutcomeTaken, book.Put(firing("e", 1, operation.SeverityError), start))
	require.Equal(t, int64(1), book.Stats().Evicted, "what is done with leaves without a loss")
}

func TestBookSettingsValidate(t *testing.T) {
	for message, breakIt := range map[string]func(*Settings){
		"MaxAlerts is 0":        func(s *Settings) { s.MaxAlerts = 0 },
		"RepeatInterval is 0s":  func(s *Settings) { s.RepeatInterval = 0 },
		"ResolvedRepeat is -1s": func(s *Settings) { s.ResolvedRepeat = -time.Second },
		"StaleAfter is 1s":      func(s *Settings) { s.StaleAfter = time.Second },
	} {
		settings := DefaultSettings()
		breakIt(&settings)
		_, err := NewBook(settings)
		require.ErrorContains(t, err, message)
	}
}

func BenchmarkDue(b *testing.B) {
	book := newBook(b, nil)
	for i := range 10_000 {
		book.Put(firing(strconv.Itoa(i), 1, operation.SeverityError), start)
	}
	b.ReportAllocs()
	for b.Loop() {
		book.Due(start)
	}
}

func TestWhatIsReleasedIsNotToldAgain(t *testing.T) {
	book := newBook(t, nil)
	book.Put(firing("a", 5, operation.SeverityError), start)
	tell(book, start, "a")
	book.Release("a")
	book.Release("unknown")
	require.Empty(t, book.Due(start.Add(time.Hour)))
	require.Zero(t, book.Stats().Firing)
	require.Equal(t, OutcomeOutdated, book.Put(firing("a", 5, operation.SeverityError), start))
	require.Equal(t, OutcomeTaken, book.Put(firing("a", 6, operation.SeverityError), start.Add(time.Hour)))
	require.Len(t, tell(book, start.Add(time.Hour), "a"), 1, "it is ours again")
	require.Len(t, book.Due(start.Add(time.Hour+time.Minute)), 1)
}

func TestWhatWaitedSomewhereIsToldOnce(t *testing.T) {
	book := newBook(t, nil)
	recalled := firing("a", 5, operation.SeverityError)
	recalled.Recalled = true
	book.Put(recalled, start)
	require.Len(t, book.Changed([]string{"a"}, start), 1, "and the backend refuses")
	require.Len(t, book.Due(start.Add(time.Minute)), 1)
	require.Len(t, tell(book, start.Add(time.Minute), "a"), 1)
	require.Empty(t, book.Due(start.Add(time.Hour)), "whether it still is so nobody knows")
	book.Put(firing("a", 6, operation.SeverityError), start.Add(time.Hour))
	tell(book, start.Add(time.Hour), "a")
	require.Len(t, book.Due(start.Add(time.Hour+time.Minute)), 1)
}

func TestWhatWasOvertakenBeforeARestartIsOutdatedAfterIt(t *testing.T) {
	before := newBook(t, nil)
	before.Put(firing("a", 1, operation.SeverityError), start)
	before.Put(resolved("a", 2), start)
	after := newBook(t, nil)
	after.Restore(before.Known(func(string) bool { return true }), start)
	require.Equal(t, OutcomeOutdated, after.Put(firing("a", 1, operation.SeverityError), start))
	require.Equal(t, OutcomeTaken, after.Put(resolved("a", 2), start))
	require.Len(t, tell(after, start, "a"), 1)
}

package alert

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func newOnceBook(t require.TestingT) *Book {
	return newBook(t, func(s *Settings) { s.Once = true })
}

func news(id string, revision int64, severity operation.Severity) Alert {
	a := firing(id, revision, severity)
	a.News = true
	return a
}

// tell brings everything untold to a backend that takes it, and returns that.
func tell(book *Book, now time.Time, ids ...string) []Alert {
	alerts := book.Changed(ids, now)
	book.Told(alerts, now)
	return alerts
}

func TestOnceIsOnce(t *testing.T) {
	book := newOnceBook(t)
	book.Put(news("a", 1, operation.SeverityError), start)
	require.Len(t, tell(book, start, "a"), 1)
	book.Put(firing("a", 2, operation.SeverityError), start.Add(time.Second))
	require.Empty(t, tell(book, start.Add(time.Second), "a"), "other numbers are no news")
	require.Empty(t, book.Due(start.Add(time.Hour-time.Second*3500)), "nothing is repeated")
	require.Zero(t, book.Next())

	book.Put(news("a", 3, operation.SeverityCritical), start.Add(2*time.Second))
	alerts := tell(book, start.Add(2*time.Second), "a")
	require.Len(t, alerts, 1)
	require.Equal(t, operation.SeverityError, alerts[0].Former[0].Severity, "it says what it was before")

	over := resolved("a", 4)
	over.Severity = operation.SeverityCritical
	book.Put(over, start.Add(3*time.Second))
	require.Len(t, tell(book, start.Add(3*time.Second), "a"), 1)
	require.Empty(t, book.Due(start.Add(time.Hour)))

	book.Put(news("a", 5, operation.SeverityCritical), start.Add(2*time.Hour))
	require.Len(t, tell(book, start.Add(2*time.Hour), "a"), 1, "opened again")
}

func TestWhatBeganAndEndedDuringAnOutageIsNotTold(t *testing.T) {
	book := newOnceBook(t)
	book.Put(news("a", 1, operation.SeverityError), start)
	require.Len(t, book.Changed([]string{"a"}, start), 1, "and the backend refuses")
	book.Put(resolved("a", 2), start.Add(time.Second))
	require.Empty(t, book.Changed([]string{"a"}, start.Add(time.Second)))
	require.Empty(t, book.Due(start.Add(time.Hour)))
	require.Equal(t, Stats{}, book.Stats(), "there is nothing left to say")
}

func TestWhatMayHaveArrivedIsResolved(t *testing.T) {
	book := newOnceBook(t)
	book.Put(news("a", 1, operation.SeverityError), start)
	book.Uncertain(book.Changed([]string{"a"}, start))
	book.Put(resolved("a", 2), start.Add(time.Second))
	require.Len(t, book.Changed([]string{"a"}, start.Add(time.Second)), 1)
}

func TestWhatCouldNotBeToldOnceIsTriedAgain(t *testing.T) {
	book := newOnceBook(t)
	book.Put(news("a", 1, operation.SeverityError), start)
	require.Len(t, book.Changed([]string{"a"}, start), 1)
	require.Equal(t, start.Add(time.Minute), book.Next())
	require.Len(t, book.Due(start.Add(time.Minute)), 1)
	require.Empty(t, book.Due(start.Add(time.Minute)))
}

func TestSomebodyElseToldWhatIsNoNews(t *testing.T) {
	book := newOnceBook(t)
	book.Put(firing("a", 5, operation.SeverityError), start)
	require.Empty(t, tell(book, start, "a"))
	book.Put(resolved("a", 6), start)
	require.Len(t, tell(book, start, "a"), 1, "its end is news")
	book.Put(resolved("b", 6), start)
	require.Len(t, tell(book, start, "b"), 1, "so is the end of what was told before a restart")
}

func TestARestartTellsNothingTwice(t *testing.T) {
	before := newOnceBook(t)
	before.Put(news("a", 1, operation.SeverityInfo), start)
	before.Put(news("b", 1, operation.SeverityError), start)
	tell(before, start, "a", "b")
	before.Put(resolved("b", 2), start)
	tell(before, start, "b")
	before.Put(news("c", 1, operation.SeverityError), start)

	after := newOnceBook(t)
	after.Restore(before.Known(func(string) bool { return true }), start)
	require.Equal(t, OutcomeOutdated, after.Put(news("a", 1, operation.SeverityInfo), start))
	after.Put(news("a", 2, operation.SeverityInfo), start)
	after.Put(news("b", 3, operation.SeverityError), start)
	after.Put(news("c", 1, operation.SeverityError), start)
	require.Len(t, tell(after, start, "a", "b", "c"), 2, "b is open again, c had never been told")
	after.Put(resolved("a", 3), start)
	require.Len(t, tell(after, start, "a"), 1, "a resolve is not lost")

	after.Restore([]Known{{ID: ""}, {ID: "d", Severity: "nonsense"}}, start)
	require.Empty(t, after.Known(func(id string) bool { return id == "" || id == "d" }))
}

// Whatever happens and however often the backend fails, in the end its readers know the present truth, were never told the
// same thing twice in a row, and heard of no end of what they had not heard of.
func TestOnceConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, now := newOnceBook(t), start
		truth, known := map[string]Alert{}, map[string]gist{}
		deliver := func(alerts []Alert) {
			if rapid.Bool().Draw(t, "refused") {
				return
			}
			for _, a := range alerts {
				require.NotEqual(t, known[a.ID], a.gist(), "told twice")
				require.False(t, a.Status == StatusResolved && !known[a.ID].any, "the end of nothing")
				known[a.ID] = a.gist()
			}
			book.Told(alerts, now)
		}
		ids := []string{"a", "b", "c"}
		for revision := range rapid.Int64Range(0, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
			id := rapid.SampledFrom(ids).Draw(t, "id")
			a := news(id, revision+1, operation.Severity(rapid.IntRange(0, 3).Draw(t, "severity")))
			switch _, open := truth[id]; {
			case open && rapid.Bool().Draw(t, "over"):
				a.Status, a.EndsAt = StatusResolved, now
				delete(truth, id)
			default:
				truth[id] = a
			}
			book.Put(a, now)
			deliver(book.Changed([]string{id}, now))
			deliver(book.Due(now))
		}
		for range 20 {
			now = now.Add(2 * time.Minute)
			for _, a := range book.Due(now) {
				known[a.ID] = a.gist()
				book.Told([]Alert{a}, now)
			}
		}
		for _, id := range ids {
			a, open := truth[id]
			require.Equal(t, open, known[id].any && known[id].status == StatusFiring, id)
			if open {
				require.Equal(t, a.gist(), known[id])
			}
		}
	})
}

func TestKnownIsBounded(t *testing.T) {
	book := newBook(t, func(s *Settings) { s.Once, s.MaxAlerts = true, 3 })
	var known []Known
	for i := range 10 {
		known = append(known, Known{ID: strconv.Itoa(i), Revision: 1, Firing: true, Severity: "error", Held: true})
	}
	book.Restore(known, start)
	require.Len(t, book.Known(func(string) bool { return true }), 3)
}

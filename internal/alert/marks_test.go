package alert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

func TestMutedAlertsAreNotToldOnce(t *testing.T) {
	book := newOnceBook(t)
	muted := news("a", 1, operation.SeverityError)
	muted.Muted = true
	book.Put(muted, start)
	require.Empty(t, tell(book, start, "a"))
	require.Empty(t, book.Due(start.Add(time.Hour)))
	book.Put(news("a", 2, operation.SeverityError), start)
	require.Len(t, tell(book, start, "a"), 1, "it is not muted any more")

	muted.Revision, muted.Severity = 3, operation.SeverityCritical
	book.Put(muted, start)
	require.Empty(t, tell(book, start, "a"))
	over := resolved("a", 4)
	over.Muted = true
	book.Put(over, start)
	require.Len(t, tell(book, start, "a"), 1, "who was told hears that it is over")
}

func TestAcknowledgingIsTold(t *testing.T) {
	book := newOnceBook(t)
	book.Put(news("a", 1, operation.SeverityError), start)
	tell(book, start, "a")
	acknowledged := news("a", 2, operation.SeverityError)
	acknowledged.Acknowledged = "ann"
	book.Put(acknowledged, start)
	require.Equal(t, "ann", tell(book, start, "a")[0].Acknowledged)
	acknowledged.Revision = 3
	book.Put(acknowledged, start)
	require.Empty(t, tell(book, start, "a"))
}

func TestMarksInAlerts(t *testing.T) {
	e := incident.Event{Incident: incident.Incident{
		ID: "i", Rate: 12.34, Hop: incident.Hop{Index: -1},
		Acknowledged: &incident.Mark{By: "ann", At: 1, Note: "on it"}, Muted: &incident.Mark{At: 1, Until: start.UnixNano()},
	}}
	a := Framing{}.Of(&e)
	require.Equal(t, "ann", a.Acknowledged)
	require.True(t, a.Muted)
	require.Equal(t, start, a.MutedUntil)
	require.Equal(t, "by ann: on it", a.Annotations[AnnotationAcknowledged])
	require.Equal(t, "by somebody until 2026-03-01T12:00:00Z", a.Annotations[AnnotationMuted])
	require.Equal(t, "12.3", a.Annotations["operations_per_minute"])
}

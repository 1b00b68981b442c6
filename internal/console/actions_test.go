package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/store"
)

// lines reads the texts of the notes in a response, or the actions where there is none.
func lines(t *testing.T, w *httptest.ResponseRecorder) (texts, warnings []string) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var page struct {
		Notes, Actions []struct {
			Action string
			Note   *string
		}
		Warnings []string
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	for _, e := range append(page.Notes, page.Actions...) {
		text := e.Action
		if e.Note != nil {
			text = *e.Note
		}
		texts = append(texts, text)
	}
	return texts, page.Warnings
}

func TestNotes(t *testing.T) {
	s := example()
	h := handler(s)
	target := "/api/v1/operations/order%2F42/notes"
	w := post(t, h, target, `{"note": "called the customer", "by": "ann"}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	requireSchema(t, "Action", w.Body.Bytes())
	w = post(t, h, "/api/v1/operations/corr-7/notes", `{"note": "<b>again</b>"}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.NotContains(t, w.Body.String(), "<b>")

	w = do(t, h, http.MethodGet, "/api/v1/operations/order-42/notes")
	requireSchema(t, "NotePage", w.Body.Bytes())
	texts, warnings := lines(t, w)
	require.Equal(t, []string{"<b>again</b>", "called the customer"}, texts, "whichever of its IDs is used")
	require.Equal(t, []string{"there is no store: the latest are held in memory, and a restart forgets them"}, warnings)

	first := do(t, h, http.MethodGet, "/api/v1/operations/order-42/notes?limit=1")
	texts, _ = lines(t, first)
	require.Equal(t, []string{"<b>again</b>"}, texts)
	texts, _ = lines(t, do(t, h, http.MethodGet, "/api/v1/operations/order-42/notes?limit=9&cursor="+nextCursor(t, first)))
	require.Equal(t, []string{"called the customer"}, texts)

	texts, _ = lines(t, do(t, h, http.MethodGet, "/api/v1/operations/refund-1/notes"))
	require.Empty(t, texts)

	known := Handler(Settings{Source: s, User: func(context.Context) string { return "bob" }})
	require.Contains(t, post(t, known, target, `{"note": "n", "by": "ann"}`).Body.String(), `"by":"bob"`)
}

func TestNotesThatAreRefused(t *testing.T) {
	s := example()
	h := handler(s)
	for _, tc := range []struct {
		id, body string
		status   int
		detail   string
	}{
		{"order-42", `{"note": ""}`, 400, "`note` is empty"},
		{"order-42", `{}`, 400, "`note` is empty"},
		{"order-42", `{"note": "` + strings.Repeat("x", audit.MaxNote+1) + `"}`, 400, "`note` has 16385 bytes, at most 16384 are allowed"},
		{"order-42", `{"note": "x", "by": "` + strings.Repeat("x", 300) + `"}`, 400, "`by` has 300 bytes"},
		{"order-42", `{"note": "x", "z": 1}`, 400, "the body is not as expected"},
		{"nobody", `{"note": "x"}`, 404, "no operation has the ID \"nobody\""},
	} {
		w := post(t, h, "/api/v1/operations/"+tc.id+"/notes", tc.body)
		require.Equal(t, tc.status, w.Code, tc.body)
		require.Contains(t, problemDetail(t, w), tc.detail)
	}
	target := "/api/v1/operations/order-42/notes"
	require.Equal(t, http.StatusForbidden, post(t, h, target, `{"note": "x"}`, "Origin", "https://evil.example").Code)
	require.Equal(t, http.StatusUnsupportedMediaType, post(t, h, target, `{"note": "x"}`, "Content-Type", "text/plain").Code)
	require.Equal(t, http.StatusNotFound, do(t, h, http.MethodGet, "/api/v1/operations/nobody/notes").Code)
	texts, _ := lines(t, do(t, h, http.MethodGet, target))
	require.Empty(t, texts, "nothing of this was kept")
}

func TestActions(t *testing.T) {
	s := example()
	ctx, at := t.Context(), time.Unix(0, now)
	add := func(action string, subject audit.Subject, after time.Duration) audit.Entry {
		e, err := s.journal.Add(ctx, at.Add(after), audit.Entry{Action: action, Subject: subject, Note: "note of " + action, By: "ann", Until: now + 1})
		require.NoError(t, err)
		return e
	}
	acked := add("acknowledge", audit.Subject{Kind: audit.KindIncident, ID: "inc/2"}, -2*time.Hour)
	_, err := s.journal.Resolve(ctx, at.Add(-time.Hour), acked, "")
	require.NoError(t, err)
	add("mute", audit.Subject{Kind: audit.KindIncident, ID: "inc-1"}, -time.Hour)
	add("retry", audit.Subject{Kind: audit.KindOperation, Namespace: "tenant a", ID: "x"}, -time.Second)
	h := handler(s)
	for query, want := range map[string][]string{
		"":                         {"note of retry", "note of mute", "note of acknowledge"},
		"?subject=":                {"note of retry", "note of mute", "note of acknowledge"},
		"?subject=incident/inc/2":  {"note of acknowledge"},
		"?subject=incident/nobody": nil,
		"?subject=operation/x":     nil,
		"?subject=operation/x&namespace=tenant+a": {"note of retry"},
	} {
		w := do(t, h, http.MethodGet, "/api/v1/actions"+query)
		texts, _ := lines(t, w)
		requireSchema(t, "ActionPage", w.Body.Bytes())
		require.Equal(t, want, texts, query)
	}
	body := do(t, h, http.MethodGet, "/api/v1/actions").Body.String()
	require.Equal(t, 1, strings.Count(body, `"state":"pending"`))
	require.Equal(t, 1, strings.Count(body, `"state":"done"`))
	require.Equal(t, 1, strings.Count(body, `"state":"expired"`))
	for query, detail := range map[string]string{
		"?subject=inc-1":                  "it must be incident/ or operation/ with the ID after it",
		"?subject=incident/":              "it must be incident/ or operation/",
		"?limit=0":                        "a whole number from 1 to 1000",
		"?cursor=" + url.QueryEscape("x"): "only a next_cursor from an earlier response",
	} {
		w := do(t, h, http.MethodGet, "/api/v1/actions"+query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.Contains(t, problemDetail(t, w), detail)
	}
}

// broken is a store that does not answer.
type broken struct{}

func (broken) Write(context.Context, *store.Batch) error {
	return store.ErrUnavailable
}

func (broken) Journal(context.Context, string, int64, int) ([]store.Entry, error) {
	return nil, store.ErrUnavailable
}

func TestAStoreThatDoesNotAnswerIsAWarning(t *testing.T) {
	s := example()
	s.journal.Keep(broken{}, "c")
	_, err := s.journal.Add(t.Context(), time.Unix(0, now), audit.Entry{Action: audit.ActionNote, Note: "in memory"})
	require.ErrorIs(t, err, store.ErrUnavailable)
	var faults []error
	h := Handler(Settings{Source: s, Fault: func(_ string, err error) { faults = append(faults, err) }})
	texts, warnings := lines(t, do(t, h, http.MethodGet, "/api/v1/actions"))
	require.Equal(t, []string{"in memory"}, texts)
	require.Equal(t, []string{"the store cannot be read at present: only what is in memory is shown"}, warnings)
	require.Empty(t, faults, "the store tells that by itself")
}

// elsewhere is a source whose incidents another collector takes care of.
type elsewhere struct {
	*memory
	err error
}

func (e elsewhere) ActOnIncident(context.Context, string, incident.Action, incident.Mark) (incident.Incident, error) {
	return incident.Incident{}, e.err
}

func TestAnActionThatAnotherCollectorDidNotDoYetIsAccepted(t *testing.T) {
	pending := &Pending{audit.Entry{ID: "e1", At: now, Action: "mute", Subject: audit.Subject{Kind: audit.KindIncident, ID: "inc-1"}, State: audit.StatePending}}
	w := post(t, handler(elsewhere{example(), pending}), "/api/v1/incidents/inc-1/actions", `{"action": "mute"}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	requireSchema(t, "Action", w.Body.Bytes())
	require.ErrorContains(t, pending, "e1 is pending")

	w = post(t, handler(elsewhere{example(), errors.New("broken")}), "/api/v1/incidents/inc-1/actions", `{"action": "mute"}`)
	require.Equal(t, http.StatusInternalServerError, w.Code)
	w = post(t, handler(elsewhere{example(), NewProblem(http.StatusServiceUnavailable, "later")}), "/api/v1/incidents/inc-1/actions", `{"action": "mute"}`)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
}

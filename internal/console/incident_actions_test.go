package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func post(tb testing.TB, h http.Handler, target, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// acted is the part of an incident that the tests look at.
type acted struct {
	Acknowledged, Muted *struct {
		By, Note *string
		Until    *time.Time
	}
}

func TestActingOnIncidents(t *testing.T) {
	s := example()
	open, target := s.grouped[0].ID, "/api/v1/incidents/"+s.grouped[0].ID+"/actions"
	h := handler(s)
	w := post(t, h, target, `{"action": "mute", "by": "ann", "note": "known", "for": "2h"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	requireSchema(t, "Incident", w.Body.Bytes())
	var got acted
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "ann", *got.Muted.By)
	require.True(t, time.Unix(0, now).Add(2*time.Hour).Equal(*got.Muted.Until))
	require.Nil(t, got.Acknowledged)

	known := Handler(Settings{Source: s, Now: func() time.Time { return time.Unix(0, now) }, User: func(context.Context) string { return "bob" }})
	w = post(t, known, target, `{"action": "acknowledge", "by": "ann"}`)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "bob", *got.Acknowledged.By, "whom the authentication knows")
	require.Nil(t, got.Acknowledged.Until)
	require.NotEmpty(t, open)
}

func TestActionsThatAreRefused(t *testing.T) {
	s := example()
	target := "/api/v1/incidents/" + s.grouped[0].ID + "/actions"
	h := handler(s)
	for _, tc := range []struct {
		target, body string
		status       int
		detail       string
	}{
		{target, `{"action": "explode"}`, 400, "`action` is \"explode\": must be one of acknowledge, unacknowledge, mute, unmute"},
		{target, `{"action": "mute", "for": "soon"}`, 400, "`for` is \"soon\""},
		{target, `{"action": "mute", "for": "-1s"}`, 400, "`for` is \"-1s\""},
		{target, `{"action": "mute", "for": "99999h"}`, 400, "`for` is \"99999h\""},
		{target, `{"action": "mute", "until": "tomorrow"}`, 400, "`until` is \"tomorrow\""},
		{target, `{"action": "mute", "until": "1999-01-01T00:00:00Z"}`, 400, "`until` is over"},
		{target, `{"action": "mute", "until": "2999-01-01T00:00:00Z"}`, 400, "at most 8784h0m0s ahead"},
		{target, `{"action": "mute", "until": "1999-01-01T00:00:00Z", "for": "1s"}`, 400, "give one of them"},
		{target, `{"action": "mute", "nonsense": 1}`, 400, "the body is not as expected"},
		{target, `{"action": "mute"} {}`, 400, "more than one JSON value"},
		{target, ``, 400, "the body is not as expected"},
		{target, `{"action": "` + strings.Repeat("x", maxBody) + `"}`, 413, "more than 65536 bytes"},
		{"/api/v1/incidents/none/actions", `{"action": "mute"}`, 404, "no incident has the ID \"none\""},
		{"/api/v1/incidents//actions", `{"action": "mute"}`, 404, "no such endpoint"},
	} {
		w := post(t, h, tc.target, tc.body)
		require.Equal(t, tc.status, w.Code, tc.body)
		require.Contains(t, problemDetail(t, w), tc.detail, tc.body)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, post(t, h, target, `{"action": "mute"}`, "Content-Type", "text/plain").Code, "a form could send that")
	require.Equal(t, http.StatusForbidden, post(t, h, target, `{"action": "mute"}`, "Sec-Fetch-Site", "cross-site").Code)
	require.Equal(t, http.StatusForbidden, post(t, h, target, `{"action": "mute"}`, "Origin", "https://evil.example").Code)
	w := do(t, h, http.MethodGet, target)
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "POST", w.Header().Get("Allow"))
	require.Equal(t, http.StatusMethodNotAllowed, post(t, h, "/api/v1/incidents", `{}`).Code)
}

func TestNobodyTakesCareOfWhatIsResolved(t *testing.T) {
	s := example()
	for _, i := range s.grouped {
		w := post(t, handler(s), "/api/v1/incidents/"+url.PathEscape(i.ID)+"/actions", `{"action": "acknowledge"}`)
		want := http.StatusOK
		if i.ResolvedAt > i.OpenedAt {
			want = http.StatusConflict
		}
		require.Equal(t, want, w.Code, i.ID)
	}
}

func problemDetail(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p struct{ Detail string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	return p.Detail
}

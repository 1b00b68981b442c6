package alertmanager

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alerttest"
)

// manager keeps silences as Alertmanager does.
type manager struct {
	silences map[string]postableSilence
	requests []string
	refuse   int
	// others are silences that somebody else made.
	others []gettableSilence
	// asked counts who asked for the silences.
	asked int
}

// list answers who asks for silences.
func (m *manager) list(w http.ResponseWriter) {
	m.asked++
	all := m.others
	for _, s := range m.silences {
		all = append(all, gettableSilence{postableSilence: s})
	}
	_ = json.NewEncoder(w).Encode(all)
}

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		m.list(w)
		return
	}
	m.requests = append(m.requests, r.Method+" "+r.URL.Path)
	switch r.Method + " " + r.URL.Path {
	case "POST /api/v2/silences":
		var s postableSilence
		if m.refuse != 0 || json.NewDecoder(r.Body).Decode(&s) != nil {
			w.WriteHeader(m.refuse)
			return
		}
		if _, ok := m.silences[s.ID]; s.ID != "" && !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		delete(m.silences, s.ID)
		s.ID = "silence/" + s.EndsAt.Format(time.RFC3339Nano)
		m.silences[s.ID] = s
		_ = json.NewEncoder(w).Encode(map[string]string{"silenceID": s.ID})
	case "POST /api/v2/alerts":
	default:
		id := r.URL.Path[len("/api/v2/silence/"):]
		if _, ok := m.silences[id]; !ok || r.Method != http.MethodDelete {
			w.WriteHeader(http.StatusInternalServerError)
		}
		delete(m.silences, id)
	}
}

func TestMutedAlertsAreSilenced(t *testing.T) {
	m := &manager{silences: map[string]postableSilence{}}
	server := httptest.NewServer(m)
	defer server.Close()
	notifier, err := New(server.Client(), Settings{Endpoint: server.URL})
	require.NoError(t, err)
	notify := func(a alert.Alert) {
		t.Helper()
		require.NoError(t, notifier.Notify(t.Context(), []alert.Alert{a}))
	}
	a := alerttest.Alert()
	notify(a)
	require.Equal(t, []string{"POST /api/v2/alerts"}, m.requests, "nothing is asked of who is not muted")

	a.Muted, a.MutedUntil = true, time.Now().Add(24*time.Hour).UTC().Truncate(time.Second)
	a.Annotations[alert.AnnotationMuted] = "by ann: known"
	notify(a)
	require.Len(t, m.silences, 1)
	for _, s := range m.silences {
		require.Equal(t, []matcher{{Name: "incident_id", Value: a.ID, IsEqual: true}}, s.Matchers)
		require.Equal(t, a.MutedUntil, s.EndsAt)
		require.Equal(t, "muted by ann: known", s.Comment)
	}
	before := len(m.requests)
	notify(a)
	require.Len(t, m.requests, before+1, "once is enough")

	a.MutedUntil = a.MutedUntil.Add(time.Hour)
	notify(a)
	require.Len(t, m.silences, 1, "it is prolonged")
	clear(m.silences)
	a.MutedUntil = a.MutedUntil.Add(time.Hour)
	notify(a)
	require.Len(t, m.silences, 1, "made anew if somebody ended it")

	a.Muted, a.MutedUntil = false, time.Time{}
	notify(a)
	require.Empty(t, m.silences)
	before = len(m.requests)
	notify(a)
	require.Len(t, m.requests, before+1)
}

func TestASilenceWithoutEndIsProlongedInTime(t *testing.T) {
	m := &manager{silences: map[string]postableSilence{}}
	server := httptest.NewServer(m)
	defer server.Close()
	notifier, err := New(server.Client(), Settings{Endpoint: server.URL})
	require.NoError(t, err)
	a := alerttest.Alert()
	a.Muted = true
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for minute := range 120 {
		at := now.Add(time.Duration(minute) * time.Minute)
		require.NoError(t, notifier.silences.update(t.Context(), []alert.Alert{a}, at))
		require.Len(t, m.silences, 1)
		for _, s := range m.silences {
			require.True(t, s.EndsAt.After(at.Add(29*time.Minute)))
		}
	}
	require.Len(t, m.requests, 4)

	// One that has ended by itself is ended.
	clear(m.silences)
	a.Muted = false
	require.NoError(t, notifier.silences.update(t.Context(), []alert.Alert{a}, now))
	require.Empty(t, notifier.silences.known)
}

func TestAnAlertThatCannotBeSilencedIsNotTold(t *testing.T) {
	m := &manager{silences: map[string]postableSilence{}, refuse: http.StatusServiceUnavailable}
	server := httptest.NewServer(m)
	defer server.Close()
	notifier, err := New(server.Client(), Settings{Endpoint: server.URL})
	require.NoError(t, err)
	a := alerttest.Alert()
	a.Muted = true
	require.Error(t, notifier.Notify(t.Context(), []alert.Alert{a}))
	require.Equal(t, []string{"POST /api/v2/silences"}, m.requests)
}

func TestSilencesOfAnEarlierProcess(t *testing.T) {
	m := &manager{silences: map[string]postableSilence{}}
	server := httptest.NewServer(m)
	defer server.Close()
	a := alerttest.Alert()
	tell := func(n *Notifier) { require.NoError(t, n.Notify(t.Context(), []alert.Alert{a})) }
	before, err := New(server.Client(), Settings{Endpoint: server.URL})
	require.NoError(t, err)
	a.Muted, a.MutedUntil = true, time.Now().Add(24*time.Hour).UTC().Truncate(time.Second)
	tell(before)
	require.Len(t, m.silences, 1)

	// What somebody made by hand, for whatever incident, is left alone.
	byHand := gettableSilence{postableSilence: postableSilence{
		ID: "by-hand", CreatedBy: "ann", EndsAt: a.MutedUntil, Matchers: []matcher{{Name: "incident_id", Value: "b", IsEqual: true}},
	}}
	over := byHand
	over.ID, over.CreatedBy, over.Status.State = "over", createdBy, "expired"
	many := byHand
	many.ID, many.CreatedBy, many.Matchers = "many", createdBy, []matcher{{Name: "incident_id", Value: ".+", IsRegex: true, IsEqual: true}}
	m.others = []gettableSilence{byHand, over, many}

	after, err := New(server.Client(), Settings{Endpoint: server.URL})
	require.NoError(t, err)
	posts := len(m.requests)
	tell(after)
	require.Len(t, m.requests, posts+1, "there is a silence already")
	require.Len(t, after.silences.known, 1)
	a.Muted, a.MutedUntil = false, time.Time{}
	tell(after)
	require.Empty(t, m.silences, "it is heard again")
	require.Equal(t, 2, m.asked, "each process asks once")
}

func TestASilenceThatIsRefusedForGoodKeepsNobodyFromBeingTold(t *testing.T) {
	m := &manager{silences: map[string]postableSilence{}, refuse: http.StatusForbidden}
	server := httptest.NewServer(m)
	defer server.Close()
	notifier, err := New(server.Client(), Settings{Endpoint: server.URL})
	require.NoError(t, err)
	muted, other := alerttest.Alert(), alerttest.Alert()
	muted.Muted, other.ID = true, "another"
	var refused *alert.Error
	require.ErrorAs(t, notifier.Notify(t.Context(), []alert.Alert{muted, other}), &refused)
	require.Equal(t, http.StatusForbidden, refused.Status)
	require.False(t, refused.Retryable)
	require.Equal(t, []string{"POST /api/v2/silences", "POST /api/v2/alerts"}, m.requests)
}

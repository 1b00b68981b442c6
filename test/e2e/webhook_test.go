//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	statusFiring   = "firing"
	statusResolved = "resolved"
)

// webhook receives Alertmanager's notifications and keeps them.
type webhook struct {
	url string

	mu            sync.Mutex
	notifications []notification
	broken        []error
}

// notification is one alert of one request of Alertmanager.
type notification struct {
	at     time.Time
	status string
	alert  alert
}

// alert is an alert as Alertmanager's API and its webhook requests show it.
type alert struct {
	Status      json.RawMessage   `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	Generator   string            `json:"generatorURL"`
}

func startWebhook(t *testing.T) *webhook {
	t.Helper()
	var w webhook
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		w.take(request)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return &w
}

func (w *webhook) take(request *http.Request) {
	var body struct {
		Alerts []alert `json:"alerts"`
	}
	err := json.NewDecoder(request.Body).Decode(&body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.broken = append(w.broken, err)
		return
	}
	for _, a := range body.Alerts {
		var status string
		if err := json.Unmarshal(a.Status, &status); err != nil {
			w.broken = append(w.broken, err)
		}
		w.notifications = append(w.notifications, notification{time.Now(), status, a})
	}
}

// received returns the notifications about a group, in the order in which they came.
func (w *webhook) received(g *group, status string) []notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []notification
	for _, n := range w.notifications {
		if n.status == status && g.is(&n.alert) {
			found = append(found, n)
		}
	}
	return found
}

func (w *webhook) all() ([]notification, []error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notifications), slices.Clone(w.broken)
}

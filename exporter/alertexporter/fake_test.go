package alertexporter

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadatatest"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// posted is an alert as Alertmanager gets it.
type posted struct {
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       *time.Time
	GeneratorURL string
}

// server stands in for Alertmanager; it answers with a status of the test's choosing and keeps what it accepted.
type server struct {
	*httptest.Server
	status     atomic.Int32
	retryAfter atomic.Value
	accepted   chan []posted
	refused    chan []posted
}

func newAlertmanager(t *testing.T) *server {
	t.Helper()
	return newAlertmanagerAt(t, "127.0.0.1:0")
}

func newAlertmanagerAt(t *testing.T, address string) *server {
	t.Helper()
	a := &server{accepted: make(chan []posted, 1000), refused: make(chan []posted, 1000)}
	a.status.Store(http.StatusOK)
	a.retryAfter.Store("")
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	a.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(a.serve)}}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func (a *server) serve(w http.ResponseWriter, r *http.Request) {
	var alerts []posted
	if r.URL.Path != "/api/v2/alerts" || json.NewDecoder(r.Body).Decode(&alerts) != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	status := int(a.status.Load())
	w.Header().Set("Retry-After", a.retryAfter.Load().(string))
	w.WriteHeader(status)
	if status == http.StatusOK {
		a.accepted <- alerts
	} else {
		a.refused <- alerts
	}
}

const patience = 2 * time.Minute

// next returns the next request.
func next(t *testing.T, requests <-chan []posted) []posted {
	t.Helper()
	select {
	case alerts := <-requests:
		return alerts
	case <-time.After(patience):
		require.FailNow(t, "no request came")
		return nil
	}
}

// testConfig leaves the repetitions to the tests that are about them.
func testConfig(a *server) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Alertmanager.Get().HTTP.Endpoint = a.URL
	cfg.RepeatInterval, cfg.StaleAfter = time.Hour, time.Hour
	cfg.Retry.InitialInterval = 5 * time.Millisecond
	cfg.Retry.MaxInterval = 20 * time.Millisecond
	return cfg
}

// running is a started exporter.
type running struct {
	exporter.Logs
	telemetry *componenttest.Telemetry
	stop      func()
}

// start makes and starts the exporter through its factory; it is stopped when the test ends if not before.
func start(t *testing.T, cfg *Config, host component.Host) running {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	logs, err := NewFactory().CreateLogs(t.Context(), metadatatest.NewSettings(telemetry), cfg)
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), host))
	stop := sync.OnceFunc(func() { require.NoError(t, logs.Shutdown(context.WithoutCancel(t.Context()))) })
	t.Cleanup(func() {
		stop()
		require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context())))
	})
	return running{logs, telemetry, stop}
}

var openedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func opened(id string, revision int64) incident.Event {
	return incident.Event{
		Kind: incident.EventOpened, At: openedAt.UnixNano(),
		Incident: incident.Incident{
			ID: id, Version: 1, Revision: revision, Severity: operation.SeverityError, Priority: 2, Active: 3, Total: 3,
			OpenedAt: openedAt.UnixNano(), Hop: incident.Hop{Index: -1},
			Key: incident.Key{Kind: operation.StateStuck, Reason: operation.StuckWaiting, OperationName: "fulfil", Destination: "orders"},
		},
	}
}

func escalated(id string, revision int64) incident.Event {
	e := opened(id, revision)
	e.Kind, e.Cause = incident.EventUpdated, incident.CauseEscalated
	e.Incident.Severity = operation.SeverityCritical
	return e
}

func resolved(e incident.Event, revision int64) incident.Event {
	e.Kind, e.Cause, e.Incident.State, e.Incident.Revision = incident.EventResolved, incident.CauseRecovered, incident.StateResolved, revision
	e.Incident.ResolvedAt = openedAt.Add(time.Minute).UnixNano()
	return e
}

func logsOf(events ...incident.Event) plog.Logs {
	logs, records := event.New("test")
	for i := range events {
		event.AppendIncident(records, &events[i])
	}
	return logs
}

func (r running) consume(t *testing.T, events ...incident.Event) {
	t.Helper()
	require.NoError(t, r.ConsumeLogs(t.Context(), logsOf(events...)))
}

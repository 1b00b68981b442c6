package consoleextension

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

var (
	operationsID = component.MustNewID("operations")
	authID       = component.MustNewID("stubauth")
)

// fakeHost has an operations extension and an authenticator, and remembers the status that was reported.
type fakeHost struct {
	extensions map[component.ID]component.Component
	status     chan *componentstatus.Event
}

func newFakeHost() *fakeHost {
	return &fakeHost{
		extensions: map[component.ID]component.Component{operationsID: &fakeOperations{}, authID: stubAuth{}},
		status:     make(chan *componentstatus.Event, 1),
	}
}

func (h *fakeHost) GetExtensions() map[component.ID]component.Component { return h.extensions }
func (h *fakeHost) Report(e *componentstatus.Event)                     { h.status <- e }

type nopComponent struct {
	component.StartFunc
	component.ShutdownFunc
}

// fakeOperations is an operations extension with one operation.
type fakeOperations struct {
	nopComponent
	// before is called first by Stats, if it is set.
	before func(context.Context) error
}

func (o *fakeOperations) Console() console.Source { return o }

func (*fakeOperations) Operation(_ context.Context, _, id string) (console.Record, error) {
	if id != "order/42" {
		return console.Record{}, console.ErrNotFound
	}
	return console.Record{View: &operation.View{ID: id}, Verdict: operation.Verdict{Hop: -1, Consumer: -1}}, nil
}

func (*fakeOperations) Operations(context.Context, console.Query) (console.Page, error) {
	return console.Page{}, nil
}

func (*fakeOperations) Health(context.Context, console.HealthQuery) (console.Health, error) {
	return console.Health{}, nil
}

func (*fakeOperations) Actions(context.Context, audit.Query) (audit.Page, error) {
	return audit.Page{}, nil
}

func (*fakeOperations) AddNote(context.Context, audit.Subject, string, string) (audit.Entry, error) {
	return audit.Entry{}, nil
}

func (*fakeOperations) Clocks(context.Context, int) (console.Clocks, error) {
	return console.Clocks{}, nil
}

func (*fakeOperations) Expectations(context.Context) ([]console.Expectation, error) {
	return nil, nil
}

func (*fakeOperations) Self(context.Context) (console.Self, error) {
	return console.Self{Version: "1.2.3"}, nil
}

func (*fakeOperations) Learned(context.Context) (console.Learned, error) {
	return console.Learned{}, nil
}

func (*fakeOperations) Telemetry(context.Context, int) (console.Telemetry, error) {
	return console.Telemetry{}, nil
}

func (*fakeOperations) Rules(context.Context) (console.Rules, error) {
	return console.Rules{Rules: operation.NewRules(nil, operation.DefaultPolicy())}, nil
}

func (*fakeOperations) Incident(context.Context, string) (incident.Incident, error) {
	return incident.Incident{}, console.ErrNotFound
}

func (*fakeOperations) ActOnIncident(_ context.Context, id string, _ incident.Action, mark incident.Mark) (incident.Incident, error) {
	return incident.Incident{ID: id, Hop: incident.Hop{Index: -1}, Acknowledged: &mark}, nil
}

func (*fakeOperations) Incidents(context.Context, console.IncidentQuery) (console.IncidentPage, error) {
	return console.IncidentPage{}, nil
}

func (*fakeOperations) Coverage(context.Context) (console.Coverage, error) {
	return console.Coverage{}, nil
}

func (o *fakeOperations) Stats(ctx context.Context) (console.Stats, error) {
	if o.before == nil {
		return console.Stats{}, nil
	}
	return console.Stats{}, o.before(ctx)
}

// stubAuth lets in whoever knows the word.
type stubAuth struct{ nopComponent }

var _ extensionauth.Server = stubAuth{}

func (stubAuth) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if h := sources["Authorization"]; len(h) == 1 && h[0] == "Basic c2VzYW1l" {
		return ctx, nil
	}
	return ctx, errors.New("secret: the word is sesame")
}

func testConfig() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.HTTP.NetAddr.Endpoint = "localhost:0"
	return cfg
}

func newServer(t *testing.T, cfg *Config) (*server, *observer.ObservedLogs) {
	t.Helper()
	settings := extensiontest.NewNopSettings(NewFactory().Type())
	core, logs := observer.New(zap.InfoLevel)
	settings.Logger = zap.New(core)
	created, err := NewFactory().Create(t.Context(), settings, cfg)
	require.NoError(t, err)
	return created.(*server), logs
}

func start(t *testing.T, cfg *Config, host component.Host) (*server, *observer.ObservedLogs) {
	t.Helper()
	s, logs := newServer(t, cfg)
	require.NoError(t, s.Start(t.Context(), host))
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return s, logs
}

// client makes one connection for each request, so that none is left when a test ends.
func clientFor(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
}

func get(t *testing.T, c *http.Client, url, authorization string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := c.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response, string(body)
}

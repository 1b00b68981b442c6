package correlationprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/operation"
)

const acmeYAML = `
correlation_keys: [order.id, acme.ref]
libraries:
  - scope: com.acme.*
    system: acmemq
    attributes: {destination: [acme.lane], message_id: [acme.no], operation: [acme.op], state: [acme.result]}
    ignore_keys: [acme.ref]
    operations: {PUT: send, RUN: process, housekeeping: ignore}
    outcomes: {AGAIN: retry}
    events: {gave up: dead_letter}
    statuses: {shutting down: unfinished}
`

// parse reads a configuration of the processor over the defaults.
func parse(t *testing.T, yaml string) *Config {
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(cfg))
	return cfg
}

func TestLibrariesAreRead(t *testing.T) {
	cfg := parse(t, acmeYAML)
	require.NoError(t, xconfmap.Validate(cfg))
	require.Equal(t, append([]evidence.Library{{
		Scope: "com.acme.*", System: "acmemq", IgnoreKeys: []string{"acme.ref"},
		Attributes: map[string][]string{"destination": {"acme.lane"}, "message_id": {"acme.no"}, "operation": {"acme.op"}, "state": {"acme.result"}},
		Operations: map[string]string{"PUT": "send", "RUN": "process", "housekeeping": "ignore"}, Outcomes: map[string]string{"AGAIN": "retry"},
		Events: map[string]string{"gave up": "dead_letter"}, Statuses: map[string]string{"shutting down": "unfinished"},
	}}, evidence.DefaultLibraries()...), cfg.libraries(), "the user's come first")
}

// acme adds a span as the library of the configuration emits them.
func acme(td ptrace.Traces, id byte, what string, change func(ptrace.Span)) {
	s := addSpan(td, 1, id, ptrace.SpanKindInternal, map[string]any{
		"acme.op": what, "acme.lane": "q1", "acme.no": 9, "acme.ref": "not-an-operation", "order.id": "o-1",
	})
	change(s)
	td.ResourceSpans().At(td.ResourceSpans().Len() - 1).ScopeSpans().At(0).Scope().SetName("com.acme.jobs")
}

func TestLibrariesHaveAnEffect(t *testing.T) {
	nothing := func(ptrace.Span) {}
	for name, tc := range map[string]struct {
		run         func(ptrace.Span)
		disposition operation.Disposition
		open        bool
	}{
		"ended":               {run: nothing},
		"will be tried again": {run: func(s ptrace.Span) { s.Attributes().PutStr("acme.result", "AGAIN") }, disposition: operation.DispositionRetry},
		"given up":            {run: func(s ptrace.Span) { s.Events().AppendEmpty().SetName("gave up") }, disposition: operation.DispositionDeadLetter},
		"not at its end": {run: func(s ptrace.Span) {
			s.Status().SetCode(ptrace.StatusCodeError)
			s.Status().SetMessage("shutting down")
		}, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, func(c *Config) { *c = *parse(t, acmeYAML) })
			td := ptrace.NewTraces()
			acme(td, 1, "PUT", nothing)
			acme(td, 2, "RUN", tc.run)
			acme(td, 3, "housekeeping", nothing)
			h.traces(td)

			_, known := h.fake.engine.Get("", "not-an-operation")
			require.False(t, known, "the key is ignored in this scope")
			s, known := h.fake.engine.Get("", "o-1")
			require.True(t, known)
			require.Equal(t, 2, s.View.Facts, "housekeeping is no evidence")
			require.Len(t, s.View.Hops, 1)
			hop := s.View.Hops[0]
			require.Equal(t, "acmemq", hop.System)
			require.Equal(t, "q1", hop.Destination)
			require.Equal(t, "9", hop.MessageID)
			require.Len(t, hop.Sends, 1)
			attempt := hop.Consumers[0].Attempts[0]
			require.Equal(t, tc.disposition, attempt.Disposition)
			require.Equal(t, tc.open, attempt.Open())
		})
	}
}

func TestWithoutTheLibraryItsNamesMeanNothing(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.CorrelationKeys = []string{"order.id"} })
	td := ptrace.NewTraces()
	acme(td, 1, "PUT", func(ptrace.Span) {})
	h.traces(td)
	s, known := h.fake.engine.Get("", "o-1")
	require.True(t, known)
	require.Empty(t, s.View.Hops)
}

func TestKnownLibrariesNeedNoConfiguration(t *testing.T) {
	h := newHarness(t, nil)
	td := ptrace.NewTraces()
	s := addSpan(td, 1, 1, ptrace.SpanKindConsumer, map[string]any{"queue": "critical", "id": 7, "kind": "charge"})
	s.SetEndTimestamp(s.StartTimestamp() + 1000)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("github.com/riverqueue/rivercontrib/otelriver")
	h.traces(td)
	changes := h.fake.engine.Sweep(time.Now().Add(time.Hour))
	require.Len(t, changes, 1)
	require.Equal(t, "critical", changes[0].View.Hops[0].Destination)
	require.Equal(t, "charge", changes[0].View.Hops[0].Type)
	require.Equal(t, "river", changes[0].View.Hops[0].System)
}

func TestBadLibrariesAreRefusedByKeyAndValue(t *testing.T) {
	err := xconfmap.Validate(parse(t, `
libraries:
  - attributes: {colour: [a]}
  - scope: twice
    operations: {PUT: emit}
    outcomes: {LATER: sometime}
  - scope: twice
    events: {x: bad}
    statuses: {y: worse}
    attributes: {destination: [""]}
`))
	for _, want := range []string{
		"`libraries[0]`: `scope` is empty", "`attributes::colour`: no such field; there are ",
		"`libraries[1]`: `operations::PUT` is \"emit\": must be one of ", "`outcomes::LATER` is \"sometime\": must be one of ",
		"`libraries[2]`: `attributes::destination` has an empty name", "`events::x` is \"bad\"", "`statuses::y` is \"worse\"",
		"`libraries[2]` has the scope \"twice\", as libraries[1] has: put both into one",
	} {
		require.ErrorContains(t, err, want)
	}
}

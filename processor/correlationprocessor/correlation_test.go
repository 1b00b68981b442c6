package correlationprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// fakeOperations stands in for the extension, with a real engine.
type fakeOperations struct {
	component.StartFunc
	component.ShutdownFunc
	engine *engine.Engine
	broken bool
}

func (f *fakeOperations) Apply(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment {
	if f.broken {
		panic("broken")
	}
	return f.engine.Apply(now, facts, out)
}

func (f *fakeOperations) Traces(traces map[operation.TraceID]engine.Assignment) {
	f.engine.Traces(traces)
}
func (f *fakeOperations) Subscribe() *operationsextension.Subscription { return nil }
func (f *fakeOperations) Metrics(time.Time) pmetric.Metrics            { return pmetric.NewMetrics() }

type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func newFake(tb testing.TB) *fakeOperations {
	e, err := engine.New(engine.DefaultSettings())
	require.NoError(tb, err)
	return &fakeOperations{engine: e}
}

func hostOf(f *fakeOperations) host {
	return host{map[component.ID]component.Component{operationsextension.DefaultID: f}}
}

// harness runs both signals of the processor on one fake extension.
type harness struct {
	fake      *fakeOperations
	telemetry *componenttest.Telemetry
	spans     *consumertest.TracesSink
	records   *consumertest.LogsSink
	traces    func(ptrace.Traces)
	logs      func(plog.Logs)
}

func newHarness(t *testing.T, change func(*Config)) *harness {
	h := &harness{fake: newFake(t), telemetry: componenttest.NewTelemetry(), spans: &consumertest.TracesSink{}, records: &consumertest.LogsSink{}}
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	set := processortest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = h.telemetry.NewTelemetrySettings()
	traces, err := NewFactory().CreateTraces(t.Context(), set, cfg, h.spans)
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), set, cfg, h.records)
	require.NoError(t, err)
	require.Equal(t, cfg.Stamp, traces.Capabilities().MutatesData)
	for _, c := range []component.Component{traces, logs} {
		require.NoError(t, c.Start(t.Context(), hostOf(h.fake)))
		t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
	}
	t.Cleanup(func() { require.NoError(t, h.telemetry.Shutdown(context.Background())) })
	h.traces = func(td ptrace.Traces) { require.NoError(t, traces.ConsumeTraces(t.Context(), td)) }
	h.logs = func(ld plog.Logs) { require.NoError(t, logs.ConsumeLogs(t.Context(), ld)) }
	return h
}

// count returns the sum of a counter of the processor itself over all series with the attribute.
func (h *harness) count(t *testing.T, name, key, value string) int64 {
	m, err := h.telemetry.GetMetric(name)
	if err != nil {
		return 0
	}
	var sum int64
	for _, p := range sumOf(t, m) {
		if v, ok := p.Attributes.Value(attributeKey(key)); ok && v.AsString() == value {
			sum += p.Value
		}
	}
	return sum
}

func addSpan(td ptrace.Traces, trace, span byte, kind ptrace.SpanKind, attributes map[string]any) ptrace.Span {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "api")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{trace})
	s.SetSpanID(pcommon.SpanID{span})
	s.SetKind(kind)
	s.SetName("span")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	if err := s.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return s
}

func stampsOf(attributes pcommon.Map) map[string]any {
	stamps := map[string]any{}
	for key, value := range attributes.All() {
		if len(key) > len("async.operation.") && key[:len("async.operation.")] == "async.operation." {
			stamps[key] = value.AsRaw()
		}
	}
	return stamps
}

func wantStamps(id, name string) map[string]any {
	trace := pcommon.TraceID(stitch.TraceID(id, "", 1))
	return map[string]any{"async.operation.id": id, "async.operation.name": name, "async.operation.trace_id": trace.String()}
}

func TestEverySpanOfTheTraceIsStamped(t *testing.T) {
	h := newHarness(t, nil)
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1", "async.operation.name": "fulfil"})
	addSpan(td, 1, 2, ptrace.SpanKindInternal, map[string]any{"x": 1}).SetParentSpanID(pcommon.SpanID{1})
	addSpan(td, 2, 3, ptrace.SpanKindProducer, map[string]any{})
	h.traces(td)
	got := h.spans.AllTraces()[0]
	require.Equal(t, wantStamps("o-1", "fulfil"), stampsOf(got.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()))
	require.Equal(t, wantStamps("o-1", "fulfil"), stampsOf(got.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).Attributes()))
	require.Empty(t, stampsOf(got.ResourceSpans().At(2).ScopeSpans().At(0).Spans().At(0).Attributes()), "nobody named this operation")
	require.EqualValues(t, 2, h.count(t, "otelcol_correlation_stamped", "signal", "traces"))
	require.EqualValues(t, 2, h.count(t, "otelcol_correlation_evidence", "signal", "traces"))
}

func TestTracesAndLogsMeet(t *testing.T) {
	h := newHarness(t, nil)
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1", "async.operation.name": "fulfil"})
	h.traces(td)
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	traced, own, alien := records.AppendEmpty(), records.AppendEmpty(), records.AppendEmpty()
	for _, r := range []plog.LogRecord{traced, own, alien} {
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	}
	traced.SetTraceID(pcommon.TraceID{1})
	own.Attributes().PutStr("correlation.id", "o-1")
	h.logs(ld)
	got := h.records.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, wantStamps("o-1", "fulfil"), stampsOf(got.At(0).Attributes()))
	require.Equal(t, wantStamps("o-1", "fulfil"), stampsOf(got.At(1).Attributes()))
	require.Empty(t, stampsOf(got.At(2).Attributes()))
	s, ok := h.fake.engine.Get("", "o-1")
	require.True(t, ok)
	require.Equal(t, 3, s.View.Facts)
}

func TestWhatAnApplicationSetStays(t *testing.T) {
	h := newHarness(t, nil)
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1", "async.operation.trace_id": "mine", "async.operation.name": "n"})
	h.traces(td)
	stamps := stampsOf(h.spans.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes())
	require.Equal(t, "mine", stamps["async.operation.trace_id"])
}

func TestWithoutStampingNothingChanges(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.Stamp = false })
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1"})
	h.traces(td)
	require.Empty(t, stampsOf(h.spans.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()))
	_, ok := h.fake.engine.Get("", "o-1")
	require.True(t, ok)
}

func TestMalformedTelemetryPassesAndIsCounted(t *testing.T) {
	h := newHarness(t, nil)
	for reason, change := range map[string]func(ptrace.Span){
		"zero_id":           func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) },
		"absurd_time":       func(s ptrace.Span) { s.SetStartTimestamp(1) },
		"negative_duration": func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1) },
		"wrong_type":        func(s ptrace.Span) { s.Attributes().PutEmptyMap("messaging.system") },
		"junk_id":           func(s ptrace.Span) { s.Attributes().PutStr("correlation.id", "null") },
		"truncated":         func(s ptrace.Span) { s.Attributes().PutStr("messaging.message.id", string(make([]byte, 1<<20))) },
	} {
		td := ptrace.NewTraces()
		change(addSpan(td, 1, 1, ptrace.SpanKind(99), nil))
		before := h.spans.SpanCount()
		h.traces(td)
		require.Equal(t, before+1, h.spans.SpanCount(), reason)
		require.EqualValues(t, 1, h.count(t, "otelcol_correlation_ignored", "reason", reason), reason)
	}
	h.traces(ptrace.NewTraces())
	h.logs(plog.NewLogs())
}

func TestATroubleInTheEngineNeverReachesThePipeline(t *testing.T) {
	h := newHarness(t, nil)
	h.fake.broken = true
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, nil)
	h.traces(td)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	h.logs(ld)
	require.Equal(t, 1, h.spans.SpanCount())
	require.Equal(t, 1, h.records.LogRecordCount())
	require.EqualValues(t, 1, h.count(t, "otelcol_correlation_failures", "signal", "traces"))
	require.EqualValues(t, 1, h.count(t, "otelcol_correlation_failures", "signal", "logs"))
	h.fake.broken = false
	td = ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1"})
	h.traces(td)
	require.Equal(t, 1, h.fake.engine.Stats().Operations)
}

func TestAMissingExtensionIsExplained(t *testing.T) {
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(NewFactory().Type()), createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, p.Start(t.Context(), componenttest.NewNopHost()), "no such extension is running")
	require.NoError(t, p.Shutdown(t.Context()))
}

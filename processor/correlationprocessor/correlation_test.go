package correlationprocessor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
	"github.com/throughline/throughline/internal/stitch"
)

// fakeOperations stands in for the extension, with a real engine.
type fakeOperations struct {
	component.StartFunc
	component.ShutdownFunc
	engine, trial             *engine.Engine
	applyBroken, tracesBroken bool
	// listens says that arrivals are to be kept.
	listens bool
	// lacking says that each record is wanted.
	lacking bool

	originals *originals.Store
	// commit is what Commit does, nil: nobody waits for it.
	commit func(context.Context) error

	mu       sync.Mutex
	arrivals []arrival          // guarded by mu
	read     map[gap.Signal]int // guarded by mu; facts
}

func (f *fakeOperations) Apply(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment {
	if f.applyBroken {
		panic("broken")
	}
	return f.engine.Apply(now, facts, out)
}

func (f *fakeOperations) Waits() bool { return f.commit != nil }

func (f *fakeOperations) Commit(ctx context.Context) error { return f.commit(ctx) }

func (f *fakeOperations) Traces(traces []operation.TraceID, out []engine.Assignment) []engine.Assignment {
	if f.tracesBroken {
		panic("broken")
	}
	return f.engine.Traces(traces, out)
}

func (f *fakeOperations) Try(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment {
	return f.trial.Apply(now, facts, out)
}

// arrival is what the processor told of telemetry that came.
type arrival struct {
	service string
	signal  gap.Signal
	oldest  int64
	newest  int64
}

func (f *fakeOperations) Arrived(service string, signal gap.Signal, oldest, newest, _ int64) bool {
	if !f.listens {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals = append(f.arrivals, arrival{strings.Clone(service), signal, oldest, newest})
	return f.lacking && oldest != newest
}

func (f *fakeOperations) Read(signal gap.Signal, b *evidence.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.read == nil {
		f.read = map[gap.Signal]int{}
	}
	f.read[signal] += len(b.Facts)
}

func (f *fakeOperations) Originals() *originals.Store { return f.originals }

func (f *fakeOperations) Subscribe() *operationsextension.Subscription { return nil }
func (f *fakeOperations) Measure(measure.Settings) (operationsextension.Measurement, error) {
	return nil, errors.New("nothing is measured")
}

type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func newFake(tb testing.TB) *fakeOperations {
	e, err := engine.New(engine.DefaultSettings())
	require.NoError(tb, err)
	trial, err := engine.New(engine.DefaultSettings())
	require.NoError(tb, err)
	return &fakeOperations{engine: e, trial: trial, originals: originals.New()}
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
	require.Equal(t, cfg.Stamp && !cfg.DryRun, traces.Capabilities().MutatesData)
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

func addRecord(ld plog.Logs, trace byte, attributes map[string]any) plog.LogRecord {
	r := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	r.SetTraceID(pcommon.TraceID{trace})
	if err := r.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return r
}

func copyOf(td ptrace.Traces) ptrace.Traces {
	c := ptrace.NewTraces()
	td.CopyTo(c)
	return c
}

func copyOfLogs(ld plog.Logs) plog.Logs {
	c := plog.NewLogs()
	ld.CopyTo(c)
	return c
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
	require.EqualValues(t, 3, h.count(t, "otelcol_correlation_evidence", "signal", "traces"), "the child is a sign of its parent, which comes in another resource")
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
	require.Equal(t, map[gap.Signal]int{gap.SignalTraces: 1, gap.SignalLogs: 2}, h.fake.read, "the alien one says nothing")
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
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1"})
	addRecord(ld, 1, nil)
	wantTraces, wantLogs := copyOf(td), copyOfLogs(ld)
	td.MarkReadOnly()
	ld.MarkReadOnly()
	h.traces(td)
	h.logs(ld)
	require.Zero(t, h.count(t, "otelcol_correlation_failures", "signal", "traces"), "it did not even try to change anything")
	require.Equal(t, wantTraces, copyOf(h.spans.AllTraces()[0]))
	require.Equal(t, wantLogs, copyOfLogs(h.records.AllLogs()[0]))
	s, ok := h.fake.engine.Get("", "o-1")
	require.True(t, ok)
	require.Equal(t, 2, s.View.Facts)
}

// TestABatchIsStampedOnlyIfItIsOneOperations: the span of a batch concerns messages of several operations and must not
// be shown as part of one, let alone with the ID of one and the name of another.
func TestABatchIsStampedOnlyIfItIsOneOperations(t *testing.T) {
	h := newHarness(t, nil)
	sends := ptrace.NewTraces()
	addSpan(sends, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1"})
	addSpan(sends, 2, 2, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-2", "async.operation.name": "fulfil"})
	addSpan(sends, 3, 3, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-2"})
	h.traces(sends)
	for name, tc := range map[string]struct {
		trace  byte
		linked []byte
		want   map[string]any
	}{
		"several operations":              {101, []byte{1, 2}, map[string]any{}},
		"one operation, two messages":     {102, []byte{2, 3}, wantStamps("o-2", "fulfil")},
		"one known, one not":              {103, []byte{2, 77}, map[string]any{}},
		"one not known, one known":        {104, []byte{78, 2}, map[string]any{}},
		"the same message twice":          {105, []byte{2, 2}, wantStamps("o-2", "fulfil")},
		"none of which anything is known": {106, []byte{79, 80}, map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			s := addSpan(td, tc.trace, 9, ptrace.SpanKindConsumer, map[string]any{"messaging.batch.message_count": 2})
			for _, trace := range tc.linked {
				link := s.Links().AppendEmpty()
				link.SetTraceID(pcommon.TraceID{trace})
				link.SetSpanID(pcommon.SpanID{trace})
			}
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			e.Attributes().PutStr("exception.type", "Oops")
			h.traces(td)
			require.Equal(t, tc.want, stampsOf(s.Attributes()))
		})
	}
}

func TestTroubleInTheEngineNeverReachesThePipeline(t *testing.T) {
	for name, breakIt := range map[string]func(*fakeOperations, bool){
		"apply":  func(f *fakeOperations, broken bool) { f.applyBroken = broken },
		"traces": func(f *fakeOperations, broken bool) { f.tracesBroken = broken },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			breakIt(h.fake, true)
			spans, records := ptrace.NewTraces(), plog.NewLogs()
			addSpan(spans, 1, 1, ptrace.SpanKindProducer, nil)
			addRecord(records, 1, map[string]any{"correlation.id": "o-1"})
			wantSpans, wantRecords := copyOf(spans), copyOfLogs(records)
			h.traces(spans)
			h.logs(records)
			require.Equal(t, wantSpans, h.spans.AllTraces()[0])
			require.Equal(t, wantRecords, h.records.AllLogs()[0])
			require.EqualValues(t, 1, h.count(t, "otelcol_correlation_failures", "signal", "traces"))
			require.EqualValues(t, 1, h.count(t, "otelcol_correlation_failures", "signal", "logs"))

			breakIt(h.fake, false)
			again := ptrace.NewTraces()
			addSpan(again, 2, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-2"})
			h.traces(again)
			_, ok := h.fake.engine.Get("", "o-2")
			require.True(t, ok)
		})
	}
}

func TestAMissingExtensionIsExplained(t *testing.T) {
	set := processortest.NewNopSettings(NewFactory().Type())
	traces, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	for _, p := range []component.Component{traces, logs} {
		require.ErrorContains(t, p.Start(t.Context(), componenttest.NewNopHost()),
			"`operations` is \"operations\": no such extension is running (running: none); declare it under `extensions`")
		require.NoError(t, p.Shutdown(t.Context()))
	}
}

// hosted starts a processor on a host with the extension.
type hosted struct {
	processor.Traces
	host component.Host
}

func (h hosted) Start(ctx context.Context, _ component.Host) error {
	return h.Traces.Start(ctx, h.host)
}

type hostedLogs struct {
	processor.Logs
	host component.Host
}

func (h hostedLogs) Start(ctx context.Context, _ component.Host) error {
	return h.Logs.Start(ctx, h.host)
}

func TestAllIsPassedOnBeforeShutdownReturns(t *testing.T) {
	own, with := NewFactory(), hostOf(newFake(t))
	processortest.VerifyShutdown(t, processor.NewFactory(own.Type(), own.CreateDefaultConfig,
		processor.WithTraces(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			p, err := own.CreateTraces(ctx, set, cfg, next)
			return hosted{p, with}, err
		}, component.StabilityLevelAlpha),
		processor.WithLogs(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
			p, err := own.CreateLogs(ctx, set, cfg, next)
			return hostedLogs{p, with}, err
		}, component.StabilityLevelAlpha),
	), own.CreateDefaultConfig())
}

func TestPipelinesUseItAtTheSameTime(t *testing.T) {
	h := newHarness(t, nil)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 50 {
				td, ld := ptrace.NewTraces(), plog.NewLogs()
				addSpan(td, byte(i), 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1"})
				addRecord(ld, byte(i), nil)
				h.traces(td)
				h.logs(ld)
			}
		})
	}
	group.Wait()
	require.Equal(t, 200, h.spans.SpanCount())
	require.Equal(t, 200, h.records.LogRecordCount())
}

package operationsreceiver

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
	"github.com/throughline/throughline/receiver/operationsreceiver/internal/metadatatest"
)

var exact = []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}

func of(key, value string, n int64) []metricdata.DataPoint[int64] {
	return []metricdata.DataPoint[int64]{{Value: n, Attributes: attribute.NewSet(attribute.String(key, value))}}
}

// settings are those of a collector with a version and an instance.
func settings(t *testing.T) (receiver.Settings, *componenttest.Telemetry) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(telemetry)
	set.BuildInfo.Version = "1.2.3"
	set.Resource = pcommon.NewResource()
	set.Resource.Attributes().PutStr("service.instance.id", "instance-7")
	set.Resource.Attributes().PutStr("service.name", "otelcol-of-somebody")
	return set, telemetry
}

func finished(id string) operation.Change {
	send := operation.Send{Origin: operation.Origin{Service: "api", Name: "send orders", Trace: operation.TraceID{1}, Span: operation.SpanID{1}}, StartedAt: 1e18, EndedAt: 1e18 + 1}
	return operation.Change{
		View:    &operation.View{ID: id, Name: "orders", StartedAt: 1e18, LastAt: 1e18 + 10, Hops: []operation.Hop{{Destination: "orders", Sends: []operation.Send{send}}}},
		Verdict: operation.Verdict{State: operation.StateCompleted, Hop: -1, Consumer: -1, EndedAt: 1e18 + 10}, Revision: 1, FinalRevision: 1, At: 1e18 + 20,
	}
}

func stuck(id string) operation.Change {
	c := finished(id)
	c.Verdict = operation.Verdict{State: operation.StateStuck, Reason: operation.StuckWaiting, Hop: 0, Consumer: -1, Since: 1e18}
	c.FinalRevision = 0
	return c
}

func outputOf(changes ...operation.Change) operationsextension.Output {
	return operationsextension.Output{Changes: changes, InIncident: make([]string, len(changes))}
}

func newTraces(t *testing.T, set receiver.Settings, change func(*Config), next consumer.Traces) *delivery {
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	r, err := NewFactory().CreateTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	return r.(*delivery)
}

func newLogs(t *testing.T, set receiver.Settings, change func(*Config), next consumer.Logs) *delivery {
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	r, err := NewFactory().CreateLogs(t.Context(), set, cfg, next)
	require.NoError(t, err)
	return r.(*delivery)
}

// TestManyAtOnceAreHandedOnInParts: what thousands of operations give in one sweep must fit into messages that receivers
// take, without a trace being torn apart.
func TestManyAtOnceAreHandedOnInParts(t *testing.T) {
	set, _ := settings(t)
	var changes []operation.Change
	for i := range 3_000 {
		changes = append(changes, finished(fmt.Sprintf("o-%d", i)))
	}
	spans := &consumertest.TracesSink{}
	newTraces(t, set, nil, spans).deliver(t.Context(), outputOf(changes...))
	require.Greater(t, len(spans.AllTraces()), 1)
	in := map[pcommon.TraceID]int{}
	for i, td := range spans.AllTraces() {
		require.LessOrEqual(t, (&ptrace.ProtoMarshaler{}).TracesSize(td), maxBatch+maxBatch/100)
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					before, ok := in[s.TraceID()]
					require.True(t, !ok || before == i, "a trace is in two parts")
					in[s.TraceID()] = i
				}
			}
		}
	}
	require.Len(t, in, len(changes))

	for i := range changes {
		changes[i] = stuck(changes[i].View.ID)
	}
	records := &consumertest.LogsSink{}
	newLogs(t, set, nil, records).deliver(t.Context(), outputOf(changes...))
	require.Greater(t, len(records.AllLogs()), 1)
	require.Equal(t, len(changes), records.LogRecordCount())
	for _, ld := range records.AllLogs() {
		require.LessOrEqual(t, (&plog.ProtoMarshaler{}).LogsSize(ld), maxBatch+maxBatch/100)
	}
}

func TestEventsAndMetricsSayWhoDerivedThem(t *testing.T) {
	set, _ := settings(t)
	want := map[string]any{"service.name": "throughline", "service.version": "1.2.3", "service.instance.id": "instance-7"}
	records := &consumertest.LogsSink{}
	newLogs(t, set, nil, records).deliver(t.Context(), outputOf(stuck("o-1")))
	require.Equal(t, want, records.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes().AsRaw())

	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		points := &consumertest.MetricsSink{}
		r, err := NewFactory().CreateMetrics(t.Context(), set, createDefaultConfig(), points)
		require.NoError(t, err)
		begin(t, r, h)
		deal(o)
		for _, md := range points.AllMetrics() {
			require.Equal(t, 1, md.ResourceMetrics().Len())
			require.Equal(t, want, md.ResourceMetrics().At(0).Resource().Attributes().AsRaw())
		}
	})
}

func TestAnEventNamesATraceThatExists(t *testing.T) {
	for _, snapshots := range []bool{true, false} {
		set, _ := settings(t)
		records := &consumertest.LogsSink{}
		newLogs(t, set, func(c *Config) { c.Traces.Snapshots = snapshots }, records).deliver(t.Context(), outputOf(stuck("o-1")))
		want := stitch.SnapshotTraceID("o-1", "", 1)
		if !snapshots {
			want = stitch.TraceID("o-1", "", 1)
		}
		require.EqualValues(t, want, records.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).TraceID())
	}
}

// TestADefectInOneLeavesTheOthers: a change that cannot be shown must not cost the others, or the collector.
func TestADefectInOneLeavesTheOthers(t *testing.T) {
	set, telemetry := settings(t)
	defect := stuck("o-2")
	defect.View = nil
	records := &consumertest.LogsSink{}
	output := outputOf(stuck("o-1"), defect, stuck("o-3"))
	output.Incidents = []incident.Event{{Incident: incident.Incident{ID: "i-1"}}}
	newLogs(t, set, nil, records).deliver(t.Context(), output)
	require.Equal(t, 3, records.LogRecordCount(), "two of operations, one of an incident")
	metadatatest.AssertEqualOperationsReceiverFailures(t, telemetry, of("signal", "logs", 1), exact...)

	defect = finished("o-2")
	// A reason without a name.
	defect.Verdict.State, defect.Verdict.Reason = operation.StateStuck, 200
	set, telemetry = settings(t)
	spans := &consumertest.TracesSink{}
	newTraces(t, set, nil, spans).deliver(t.Context(), outputOf(finished("o-1"), defect, finished("o-3")))
	traces := map[pcommon.TraceID]bool{}
	for _, rs := range spans.AllTraces()[0].ResourceSpans().All() {
		traces[rs.ScopeSpans().At(0).Spans().At(0).TraceID()] = true
	}
	require.Equal(t, map[pcommon.TraceID]bool{
		pcommon.TraceID(stitch.TraceID("o-1", "", 1)): true, pcommon.TraceID(stitch.TraceID("o-3", "", 1)): true,
	}, traces)
	metadatatest.AssertEqualOperationsReceiverFailures(t, telemetry, of("signal", "traces", 1), exact...)
}

func TestWhatIsCutIsCounted(t *testing.T) {
	set, telemetry := settings(t)
	c := finished("o-1")
	for range 20 {
		c.View.Hops = append(c.View.Hops, c.View.Hops[0])
	}
	spans := &consumertest.TracesSink{}
	newTraces(t, set, func(c *Config) { c.Traces.MaxSpans = 10 }, spans).deliver(t.Context(), outputOf(c))
	require.Equal(t, 10, spans.SpanCount())
	m, err := telemetry.GetMetric("otelcol_operations_receiver_cut")
	require.NoError(t, err)
	points := m.Data.(metricdata.Sum[int64]).DataPoints
	require.Len(t, points, 1)
	require.Equal(t, attribute.NewSet(attribute.String("part", "spans")), points[0].Attributes)
	require.Greater(t, points[0].Value, int64(10))
}

// Of what simply completed only a share is drawn; whatever else there is to say, always.
func TestSampling(t *testing.T) {
	set, telemetry := settings(t)
	spans := &consumertest.TracesSink{}
	retried := finished("retried")
	retried.Verdict.Flags = operation.FlagRetried
	wasStuck := finished("was-stuck")
	wasStuck.WasStuck = 1
	changes := []operation.Change{retried, wasStuck}
	for i := range 1000 {
		changes = append(changes, finished(fmt.Sprint("o-", i)))
	}
	newTraces(t, set, func(c *Config) { c.Traces.Completed.SamplingPercentage = 10 }, spans).deliver(t.Context(), outputOf(changes...))
	drawn := map[string]bool{}
	for _, td := range spans.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			id, _ := rs.ScopeSpans().At(0).Spans().At(0).Attributes().Get("async.operation.id")
			drawn[id.Str()] = true
		}
	}
	require.True(t, drawn["retried"] && drawn["was-stuck"])
	require.InDelta(t, 100, len(drawn), 40)
	for i := range 1000 {
		id := fmt.Sprint("o-", i)
		require.Equal(t, stitch.Sampled(stitch.TraceID(id, "", 1), 10), drawn[id])
	}
	metadatatest.AssertEqualOperationsReceiverNotSampled(t, telemetry,
		[]metricdata.DataPoint[int64]{{Value: int64(1002 - len(drawn))}}, exact...)
}

// spoiler empties what it gets, and then refuses it a number of times.
type spoiler struct {
	refusals int
	seen     []int
}

func (*spoiler) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *spoiler) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	s.seen = append(s.seen, td.SpanCount())
	td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
	return s.refuse()
}

func (s *spoiler) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	s.seen = append(s.seen, ld.LogRecordCount())
	ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	return s.refuse()
}

func (s *spoiler) refuse() error {
	if s.refusals--; s.refusals >= 0 {
		return errors.New("queue is full")
	}
	return nil
}

func TestWhoRefusesAfterChangingItGetsTheSameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, telemetry := settings(t)
		spans := &spoiler{refusals: 2}
		newTraces(t, set, nil, spans).deliver(t.Context(), outputOf(finished("o-1")))
		require.Len(t, spans.seen, 3)
		require.Positive(t, spans.seen[0])
		require.Equal(t, []int{spans.seen[0], spans.seen[0], spans.seen[0]}, spans.seen)
		metadatatest.AssertEqualOperationsReceiverRetries(t, telemetry, of("signal", "traces", 2), exact...)

		records := &spoiler{refusals: 1}
		newLogs(t, set, nil, records).deliver(t.Context(), outputOf(stuck("o-1")))
		require.Equal(t, []int{1, 1}, records.seen)
	})
}

// picky takes all but the first resource at first, and says so.
type picky struct{ consumertest.TracesSink }

func (p *picky) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if len(p.AllTraces()) > 0 {
		return p.TracesSink.ConsumeTraces(ctx, td)
	}
	taken, left := ptrace.NewTraces(), ptrace.NewTraces()
	for i, rs := range td.ResourceSpans().All() {
		to := taken
		if i == 0 {
			to = left
		}
		rs.CopyTo(to.ResourceSpans().AppendEmpty())
	}
	if err := p.TracesSink.ConsumeTraces(ctx, taken); err != nil {
		return err
	}
	return consumererror.NewTraces(errors.New("one is left"), left)
}

func TestOnlyWhatWasNotTakenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, _ := settings(t)
		next := &picky{}
		newTraces(t, set, nil, next).deliver(t.Context(), outputOf(finished("o-1"), finished("o-2")))
		seen := map[pcommon.SpanID]int{}
		for _, td := range next.AllTraces() {
			for _, rs := range td.ResourceSpans().All() {
				for _, s := range rs.ScopeSpans().At(0).Spans().All() {
					seen[s.SpanID()]++
				}
			}
		}
		require.Len(t, next.AllTraces(), 2)
		for id, times := range seen {
			require.Equal(t, 1, times, id)
		}
	})
}

// stubborn holds on to what it gets until the test lets go, whatever the context says.
type stubborn struct {
	consumertest.TracesSink
	entered, let chan struct{}
}

func (s *stubborn) ConsumeTraces(context.Context, ptrace.Traces) error {
	close(s.entered)
	<-s.let
	return nil
}

func TestShutdownWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		set, _ := settings(t)
		next := &stubborn{entered: make(chan struct{}), let: make(chan struct{})}
		r := newTraces(t, set, nil, next)
		begin(t, r, h)
		deal(o)
		<-next.entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
		close(next.let)
		synctest.Wait()
	})
}

// tired takes as long as it may.
type tired struct {
	consumertest.MetricsSink
	took time.Duration
}

func (s *tired) ConsumeMetrics(ctx context.Context, _ pmetric.Metrics) error {
	began := time.Now()
	<-ctx.Done()
	s.took = time.Since(began)
	return ctx.Err()
}

func TestTheLastMetricsAreBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		set, _ := settings(t)
		next := &tired{}
		cfg := createDefaultConfig().(*Config)
		cfg.Metrics.Interval = time.Hour
		r, err := NewFactory().CreateMetrics(t.Context(), set, cfg, next)
		require.NoError(t, err)
		begin(t, r, h)
		deal(o)
		require.NoError(t, r.Shutdown(t.Context()))
		require.Equal(t, lastTimeout, next.took)
	})
}

func TestShutdownWithoutStart(t *testing.T) {
	set, _ := settings(t)
	r := newTraces(t, set, nil, consumertest.NewNop())
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()))
}

// broken stands for an extension with a defect.
type broken struct {
	component.StartFunc
	component.ShutdownFunc
	operationsextension.Operations
	asked chan struct{}
}

func (b *broken) Measure(measure.Settings) (operationsextension.Measurement, error) { return b, nil }
func (*broken) Delivered()                                                          {}
func (*broken) Close()                                                              {}

func (b *broken) Collect(time.Time) pmetric.Metrics {
	b.asked <- struct{}{}
	panic("broken")
}

func TestADefectInMetricsIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, telemetry := settings(t)
		o := &broken{asked: make(chan struct{}, 10)}
		r, err := NewFactory().CreateMetrics(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context(), host{operationsextension.DefaultID: o}))
		<-o.asked
		<-o.asked
		require.NoError(t, r.Shutdown(t.Context()))
		metadatatest.AssertEqualOperationsReceiverFailures(t, telemetry, of("signal", "metrics", 3), exact...)
	})
}

// down refuses until a time.
type down struct {
	consumertest.TracesSink
	until time.Time
}

func (d *down) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if time.Now().Before(d.until) {
		return errors.New("queue is full")
	}
	return d.TracesSink.ConsumeTraces(ctx, td)
}

func TestABackendThatIsBackIsFoundBeforeAFlushGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, h := extension(t)
		set, _ := settings(t)
		next := &down{until: time.Now().Add(time.Hour)}
		begin(t, newTraces(t, set, nil, next), h)
		deal(o)
		time.Sleep(time.Until(next.until)) // synctest: fake time
		require.NoError(t, h[operationsextension.DefaultID].(extensioncapabilities.PipelineWatcher).NotReady())
		require.Len(t, next.AllTraces(), 2)
	})
}

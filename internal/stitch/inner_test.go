package stitch

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

// keeper is a store that has a few inner spans, each given by its ID, its parent and its times, in the trace of the fixtures.
type keeper struct {
	*originals.Store
	worker *originals.Resource
}

func newKeeper() keeper {
	s := originals.New()
	s.Ask(originals.Demand{Spans: true, MaxBytes: 1 << 20})
	attributes := pcommon.NewMap()
	attributes.PutStr("service.version", "1.4.2")
	attributes.PutStr("deployment.environment.name", "production")
	return keeper{s, s.Saw("order-worker", "order-worker-1", attributes, 1)}
}

func (k keeper) span(name string, id, parent byte, from, to float64) {
	s := ptrace.NewSpan()
	s.SetTraceID(pcommon.TraceID{0xa3})
	s.SetSpanID(pcommon.SpanID{id})
	if parent != 0 {
		s.SetParentSpanID(pcommon.SpanID{parent})
	}
	s.SetName(name)
	s.SetKind(ptrace.SpanKindClient)
	s.SetStartTimestamp(pcommon.Timestamp(sec(from)))
	s.SetEndTimestamp(pcommon.Timestamp(sec(to)))
	s.Attributes().PutStr("db.system.name", "postgresql")
	k.Keep(s, k.worker, 1)
}

func (k keeper) settings() Settings {
	settings := DefaultSettings()
	settings.Originals, settings.MaxInner = k.Store, 100
	return settings
}

// hop is an operation with one hop: a send, and an attempt with the span ID 3 from 1 s to 2 s.
func hop() *operation.Change {
	return change([]operation.Fact{request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), process(3, 2, "orders", "order-worker", 1, 2)}, 60)
}

func byName(traces ptrace.Traces) map[string]placed {
	found := map[string]placed{}
	for _, s := range flatten(traces) {
		found[s.Name()] = s
	}
	return found
}

func TestInnerSpansLieWhereTheOriginalsDo(t *testing.T) {
	k := newKeeper()
	k.span("SELECT", 21, 20, 1.3, 1.4)
	k.span("transaction", 20, 3, 1.2, 1.5)
	k.span("flush", 22, 2, 0.03, 0.035)
	k.span("outlives", 23, 20, 1.3, 1.7)
	k.span("outlives all", 24, 20, 1.3, 5)
	k.span("of somebody else", 30, 99, 1.3, 1.4)
	k.span("root of somebody else", 31, 0, 1.3, 1.4)
	k.span("parent of itself", 32, 32, 1.3, 1.4)
	k.span("years ago", 33, 3, -1e8, 1.4)
	k.span("SELECT again", 21, 20, 1.3, 1.4)
	traces, report := Trace(hop(), k.settings())
	found := byName(traces)
	for child, parent := range map[string]string{
		"SELECT": "transaction", "transaction": "process orders", "flush": "send orders", "outlives": "process orders",
		"outlives all": "async order.fulfil",
	} {
		require.Equal(t, found[parent].SpanID(), found[child].ParentSpanID(), child)
	}
	require.Len(t, found, 5+5)
	require.Equal(t, 5, report.Inner)
	require.Zero(t, report.CutSpans)

	s := found["SELECT"]
	require.Equal(t, "order-worker", s.service)
	require.Equal(t, ptrace.SpanKindClient, s.Kind())
	require.Equal(t, map[string]any{"async.operation.id": "order-42", "async.original.copy": true, "db.system.name": "postgresql"}, s.Attributes().AsRaw())
	require.Equal(t, 1, s.Links().Len())
	require.Equal(t, pcommon.SpanID{21}, s.Links().At(0).SpanID())
	require.NotEqual(t, pcommon.SpanID{21}, s.SpanID())
}

func TestServicesKeepTheirAttributes(t *testing.T) {
	traces, _ := Trace(hop(), newKeeper().settings())
	seen := map[string]map[string]any{}
	for _, rs := range traces.ResourceSpans().All() {
		raw := rs.Resource().Attributes().AsRaw()
		seen[raw["service.name"].(string)] = raw
	}
	require.Equal(t, map[string]map[string]any{
		"order-api":    {"service.name": "order-api", "service.instance.id": "order-api-1"},
		"queue:orders": {"service.name": "queue:orders"},
		"order-worker": {
			"service.name": "order-worker", "service.instance.id": "order-worker-1", "service.version": "1.4.2",
			"deployment.environment.name": "production",
		},
	}, seen)
}

// What several messages share is of none of them.
func TestTheInnerSpansOfABatchAreLeftOut(t *testing.T) {
	k := newKeeper()
	k.span("SELECT", 21, 3, 1.3, 1.4)
	batch := process(3, 2, "orders", "order-worker", 1, 2)
	batch.Batch, batch.LinkTrace, batch.LinkSpan = true, operation.TraceID{0xa3}, operation.SpanID{2}
	c := change([]operation.Fact{request(1, 0, 0.1), send(2, 1, "orders", 0.02, 0.04), batch}, 60)
	traces, report := Trace(c, k.settings())
	require.Zero(t, report.Inner)
	marked, ok := byName(traces)["process orders"].Attributes().Get("async.attempt.batch")
	require.True(t, ok && marked.Bool())
}

func TestInnerSpansAreBounded(t *testing.T) {
	k := newKeeper()
	for i := range 1200 {
		s := ptrace.NewSpan()
		s.SetTraceID(pcommon.TraceID{0xa3})
		s.SetSpanID(pcommon.SpanID{7, byte(i), byte(i >> 8)})
		s.SetParentSpanID(pcommon.SpanID{3})
		s.SetStartTimestamp(pcommon.Timestamp(sec(1.5)))
		k.Keep(s, k.worker, 1)
	}
	settings := k.settings()
	traces, report := Trace(hop(), settings)
	require.Equal(t, settings.MaxInner, report.Inner)
	require.Equal(t, 1000-settings.MaxInner, report.CutSpans)
	require.Equal(t, 200, report.Missing)
	root := flatten(traces)[0]
	incomplete, ok := root.Attributes().Get("async.operation.incomplete")
	require.True(t, ok && incomplete.Bool())

	// They never displace what is known of hops.
	settings.MaxSpans = 5
	_, report = Trace(hop(), settings)
	require.Zero(t, report.Inner)
	require.Equal(t, 5, report.Spans)
}

// Whatever is kept, the trace is a tree in which parents enclose their children, bounded, and no span is there twice.
func TestCopiesKeepTheTraceWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newKeeper()
		for range rapid.IntRange(0, 30).Draw(t, "spans") {
			s := ptrace.NewSpan()
			s.SetTraceID(pcommon.TraceID{byte(rapid.IntRange(0, 3).Draw(t, "trace"))})
			s.SetSpanID(pcommon.SpanID{byte(rapid.IntRange(1, 12).Draw(t, "span"))})
			s.SetParentSpanID(pcommon.SpanID{byte(rapid.IntRange(0, 12).Draw(t, "parent"))})
			s.SetName(drawText(t, "name"))
			s.SetKind(ptrace.SpanKind(rapid.Int32Range(0, 5).Draw(t, "kind")))
			s.SetStartTimestamp(pcommon.Timestamp(drawTime(t, "start")))
			s.SetEndTimestamp(pcommon.Timestamp(drawTime(t, "end")))
			k.Keep(s, k.worker, 1)
		}
		c, settings := drawChange(t), drawSettings(t)
		settings.Originals, settings.MaxInner = k.Store, rapid.IntRange(0, 20).Draw(t, "inner")
		traces, report := Trace(c, settings)
		if !Gives(c) {
			return
		}
		all := flatten(traces)
		requireTree(t, all)
		requireBounded(t, traces, settings)
		require.Len(t, all, report.Spans)
		require.LessOrEqual(t, report.Inner, settings.MaxInner)
		links := map[[24]byte]bool{}
		for _, s := range all[1:] {
			if s.Links().Len() == 0 {
				continue
			}
			if _, copied := s.Attributes().Get("async.original.copy"); !copied {
				continue
			}
			l := s.Links().At(0)
			var record [24]byte
			trace, id := l.TraceID(), l.SpanID()
			copy(record[:], append(trace[:], id[:]...))
			require.False(t, links[record], "one original copied twice")
			links[record] = true
		}
	})
}

// BenchmarkInner says what copies cost, beside BenchmarkTrace.
func BenchmarkInner(b *testing.B) {
	k := newKeeper()
	for i := range 20 {
		k.span("SELECT", byte(20+i), 3, 1.3, 1.4)
	}
	c, settings := hop(), k.settings()
	b.ReportAllocs()
	for b.Loop() {
		Trace(c, settings)
	}
}

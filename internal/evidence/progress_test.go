package evidence

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// thousandths is progress as a fact has it.
func thousandths(n int) uint16 { return uint16(n) + 1 }

func TestProgressIsAFractionOrAPercentage(t *testing.T) {
	for text, want := range map[string]uint16{
		"0": thousandths(0), "1": thousandths(10), "40": thousandths(400), "100": thousandths(1000),
		"0.0": thousandths(0), "0.4": thousandths(400), "1.0": thousandths(1000), "1e+00": thousandths(1000), "0.0004": thousandths(0), ".5": thousandths(500),
		"37.5": thousandths(375), "40%": thousandths(400), "0.5%": thousandths(5), "1%": thousandths(10),
	} {
		got, ok := progressOf(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	spaced, ok := progressOf(" 12.5 % ")
	require.True(t, ok)
	require.Equal(t, thousandths(125), spaced)
	for _, text := range []string{"", "%", "half", "-1", "-0.1", "101", "100.5", "NaN", "Inf", `{"done":3}`, "1/3"} {
		_, ok := progressOf(text)
		require.False(t, ok, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(0, 1).Draw(t, "fraction")
		got, ok := progressOf(fraction(v))
		require.True(t, ok)
		require.Equal(t, thousandths(int(math.Round(v*1000))), got)
		n := rapid.IntRange(0, 100).Draw(t, "percentage")
		got, ok = progressOf(strconv.Itoa(n))
		require.True(t, ok)
		require.Equal(t, thousandths(10*n), got)
	})
}

func FuzzProgress(f *testing.F) {
	for _, text := range []string{"0.5", "40%", "1e-3", "nan", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if progress, ok := progressOf(text); ok {
			require.GreaterOrEqual(t, progress, thousandths(0))
			require.LessOrEqual(t, progress, thousandths(1000))
		}
	})
}

func TestProgressInLogRecords(t *testing.T) {
	value := func(set func(pcommon.Value)) func(plog.LogRecord) {
		return func(r plog.LogRecord) { set(r.Attributes().PutEmpty("async.operation.progress")) }
	}
	name := event("async.operation.progress")
	for _, tc := range []struct {
		what    string
		change  []func(plog.LogRecord)
		want    uint16
		dropped int
	}{
		{"a fraction", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetDouble(0.4) })}, thousandths(400), 0},
		{"all of it", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetDouble(1) })}, thousandths(1000), 0},
		{"a percentage", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetInt(40) })}, thousandths(400), 0},
		{"text", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetStr("40%") })}, thousandths(400), 0},
		{"without the name", []func(plog.LogRecord){body("rendering"), value(func(v pcommon.Value) { v.SetDouble(0.25) })}, thousandths(250), 0},
		{"in JSON", []func(plog.LogRecord){body(`{"msg":"rendering","async.operation.progress":0.25}`)}, thousandths(250), 0},
		{"in a map", []func(plog.LogRecord){func(r plog.LogRecord) { r.Body().SetEmptyMap().PutDouble("async.operation.progress", 1) }}, thousandths(1000), 0},
		{"a sign of life alone", []func(plog.LogRecord){name}, 0, 0},
		{"nonsense", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetDouble(17000) })}, 0, 1},
		{"not a number", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetDouble(math.NaN()) })}, 0, 1},
		{"a truth", []func(plog.LogRecord){name, value(func(v pcommon.Value) { v.SetBool(true) })}, 0, 1},
	} {
		t.Run(tc.what, func(t *testing.T) {
			facts, b := logFacts(t, oneRecord(append(tc.change, traced)...))
			require.Len(t, facts, 1)
			require.Equal(t, operation.KindProgress.String(), facts[0].Kind.String())
			require.Equal(t, tc.want, facts[0].Progress)
			require.Equal(t, tc.dropped, b.Dropped[DropWrongType])
		})
	}
	facts, _ := logFacts(t, oneRecord(traced, event("async.process.completed"), value(func(v pcommon.Value) { v.SetDouble(1) })))
	require.Equal(t, operation.KindSucceeded, facts[0].Kind, "what the event states comes first")
	require.Zero(t, facts[0].Progress)
}

func TestProgressByPattern(t *testing.T) {
	x := reading(t, LogConfig{Patterns: []LogPattern{
		{Event: "progress", Message: `rendered (?P<progress>\d+ ?%)`},
		{Event: "progress", Message: `^step done$`, Fields: map[string]string{"progress": "share"}},
	}})
	facts, _ := factsBy(t, x, oneRecord(traced, body("rendered 40 % of the report")))
	require.Equal(t, operation.KindProgress, facts[0].Kind)
	require.Equal(t, thousandths(400), facts[0].Progress)
	facts, _ = factsBy(t, x, oneRecord(traced, body("step done"), func(r plog.LogRecord) { r.Attributes().PutDouble("share", 0.75) }))
	require.Equal(t, thousandths(750), facts[0].Progress)
}

// progressed adds an event by which the work in a span says how far it has come.
func progressed(at pcommon.Timestamp, value float64) func(ptrace.Span) {
	return func(s ptrace.Span) {
		e := s.Events().AppendEmpty()
		e.SetName("async.operation.progress")
		e.SetTimestamp(at)
		e.Attributes().PutDouble("async.operation.progress", value)
	}
}

// TestOfTheProgressOfASpanTheLatestCounts, whatever the order of its events.
func TestOfTheProgressOfASpanTheLatestCounts(t *testing.T) {
	want := operation.Fact{
		Kind: operation.KindProgress, At: int64(t0) + 30, Trace: operation.TraceID(traceA), Span: operation.SpanID(spanA), ID: "o-1", IDRank: 7,
		Service: "api", Instance: "h1/42", Name: "async.operation.progress", Progress: thousandths(900),
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		events := []func(ptrace.Span){progressed(t0+10, 0.2), progressed(t0+20, 0.5), progressed(t0+30, 0.9)}
		facts, _ := spanFacts(t, oneSpan(ptrace.SpanKindConsumer, map[string]any{"order.id": "o-1"}, events[order[0]], events[order[1]], events[order[2]]))
		require.Len(t, facts, 2)
		require.Equal(t, operation.KindProcess, facts[0].Kind)
		require.Equal(t, want, facts[1])
	}
}

func TestProgressOfBullMQ(t *testing.T) {
	job := map[string]any{
		"bullmq.queue.name": "reports", "bullmq.queue.operation": "updateJobProgress", "bullmq.job.id": "12", "bullmq.job.progress": "40",
	}
	inner := func(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{9}) }
	facts, b := spanFacts(t, oneSpan(ptrace.SpanKindInternal, job, inner))
	require.Equal(t, []operation.Fact{{
		Kind: operation.KindProgress, At: int64(t0) + 1_000_000_000, Trace: operation.TraceID(traceA), Span: operation.SpanID{9},
		Service: "api", Instance: "h1/42", Name: "a span", System: "bullmq", Destination: "reports", MessageID: "12", Progress: thousandths(400),
	}}, facts)
	require.Zero(t, b.Dropped)

	job["bullmq.job.progress"] = `{"page":3}`
	facts, b = spanFacts(t, oneSpan(ptrace.SpanKindInternal, job, inner))
	require.Zero(t, facts[0].Progress)
	require.Equal(t, 1, b.Dropped[DropWrongType])

	facts, _ = spanFacts(t, oneSpan(ptrace.SpanKindInternal, job, inner, func(s ptrace.Span) { s.SetStartTimestamp(1) }))
	require.Empty(t, facts)
}

// TestLibrariesCanSayWhatIsProgress by names of their own.
func TestLibrariesCanSayWhatIsProgress(t *testing.T) {
	x, err := NewExtractor(Config{Libraries: []Library{{
		Scope: "acme", Operations: map[string]string{"lease.renew": "progress"}, Attributes: map[string][]string{"progress": {"acme.done"}},
	}}})
	require.NoError(t, err)
	td := oneSpan(ptrace.SpanKindInternal, map[string]any{"acme.done": 0.5}, func(s ptrace.Span) { s.SetName("lease.renew") })
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("acme")
	b := &Batch{}
	x.Traces(b, td)
	require.Len(t, b.Facts, 1)
	require.Equal(t, operation.KindProgress, b.Facts[0].Kind)
	require.Equal(t, thousandths(500), b.Facts[0].Progress)
}

package correlationprocessor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/throughline/throughline/internal/operation"
)

// lines is the configuration of a team whose services send nothing but log lines, each in words of its own.
func lines(cfg *Config) {
	cfg.Logs.IDPatterns = []string{`\border[ =#](?P<id>[\w-]+)`}
	cfg.Logs.Patterns = []LogPatternConfig{
		{Event: "started", Message: `^picked up `, Service: []string{"billing*"}},
		{Event: "retrying", Message: `^attempt (?P<attempt>\d+) failed: (?P<error>.*), will try again`, MinSeverity: "warn"},
		{Event: "failed", Message: `^attempt failed`, Fields: map[string]string{"attempt": "n", "max_attempts": "of", "error": "error"}},
		{Event: "succeeded", Message: `^charged`},
		{Event: "operation_completed", Message: `^all done with order (?P<id>\S+)`},
		{Event: "scheduled", Message: `^reminder for order \S+ scheduled`, Fields: map[string]string{"delay": "delaySeconds"}, DelayUnit: time.Second},
	}
}

// says brings a log line of a service, without any trace context.
func (p *pipeline) says(service, level, text string, fields map[string]any) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	record := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	record.SetSeverityText(level)
	record.Body().SetStr(text)
	require.NoError(p.t, record.Attributes().FromRaw(fields))
	require.NoError(p.t, p.logs.ConsumeLogs(p.t.Context(), ld))
}

// TestLogLinesAloneAreEnough: there is no span, no trace context and no event name anywhere.
func TestLogLinesAloneAreEnough(t *testing.T) {
	started := func(p *pipeline) { p.says("billing", "info", "picked up order o-1", nil) }
	succeeded := func(p *pipeline) { p.says("billing", "info", "charged order=o-1 amount=12.50", nil) }
	for _, tc := range []struct {
		name     string
		steps    []func(*pipeline)
		wait     time.Duration
		state    operation.State
		reason   operation.StuckReason
		flags    operation.Flags
		attempts int
	}{
		{"begun", []func(*pipeline){started}, time.Second, operation.StateInProgress, 0, 0, 1},
		{"begun and never ended", []func(*pipeline){started}, 6 * time.Minute, operation.StateStuck, operation.StuckProcessing, 0, 1},
		{"done", []func(*pipeline){started, succeeded}, time.Minute, operation.StateCompleted, 0, 0, 1},
		{"tried again", []func(*pipeline){started, func(p *pipeline) {
			p.says("billing", "warn", "attempt 1 failed: card declined, will try again; order#o-1", nil)
		}, started, succeeded}, time.Minute, operation.StateCompleted, 0, operation.FlagRetried, 2},
		{"given up", []func(*pipeline){started, func(p *pipeline) {
			p.says("billing", "error", "attempt failed for order o-1", map[string]any{"n": 3, "of": 3, "error": "card declined"})
		}}, time.Minute, operation.StateDeadLettered, 0, 0, 1},
		{"given up, in common words", []func(*pipeline){started, func(p *pipeline) {
			p.says("billing", "error", "order o-1 moved to dead letter queue", nil)
		}}, time.Minute, operation.StateDeadLettered, 0, 0, 1},
		{"failed", []func(*pipeline){started, func(p *pipeline) {
			p.says("billing", "error", "attempt failed for order o-1", map[string]any{"n": 1, "of": 3, "error": "card declined"})
		}}, time.Minute, operation.StateFailed, 0, 0, 1},
		{"declared to be over", []func(*pipeline){started, func(p *pipeline) {
			p.says("billing", "info", "all done with order o-1", nil)
		}}, time.Minute, operation.StateCompleted, 0, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipelineOf(t, lines)
				for _, step := range tc.steps {
					<-time.After(time.Second)
					step(p)
				}
				<-time.After(tc.wait)
				record := p.operation("o-1")
				require.Equal(t, tc.state.String(), record.Verdict.State.String())
				require.Equal(t, tc.reason, record.Verdict.Reason)
				require.Equal(t, tc.flags, record.Verdict.Flags)
				require.Len(t, record.View.Hops, 1)
				require.Len(t, record.View.Hops[0].Consumers, 1)
				require.Len(t, record.View.Hops[0].Consumers[0].Attempts, tc.attempts)
				first := record.View.Hops[0].Consumers[0].Attempts[0]
				require.Equal(t, "billing", first.Service)
				if tc.state == operation.StateFailed || tc.attempts > 1 {
					require.Equal(t, "card declined", first.Error.Message)
				}
			})
		})
	}
}

// TestALineTellsTheDelayOfAMessage: a message that is due later is not stuck before.
func TestALineTellsTheDelayOfAMessage(t *testing.T) {
	for _, delay := range []map[string]any{nil, {"delaySeconds": 3600}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipelineOf(t, lines)
			p.send(time.Now())
			p.says("api", "info", "reminder for order o-1 scheduled", delay)
			<-time.After(operation.DefaultPolicy().Waiting.Limit + time.Minute)
			want := operation.StateStuck
			if delay != nil {
				want = operation.StateInProgress
			}
			require.Equal(t, want.String(), p.operation("o-1").Verdict.State.String())
		})
	}
}

func TestExpressionsFindIDs(t *testing.T) {
	h := newHarness(t, func(cfg *Config) {
		cfg.Expressions.Span = []ExpressionConfig{
			{ID: `attributes["number"]`, When: `span.attributes["number"] > 10`},
			{ID: `Split(attributes["url.path"], "/")[2]`, When: `IsMatch(attributes["url.path"], "^/orders/")`},
		}
		cfg.Expressions.Log = []ExpressionConfig{{ID: `log.attributes["order"]["id"]`, When: `resource.attributes["service.name"] == nil`}}
	})
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindInternal, map[string]any{"url.path": "/orders/o-1/items"}).SetParentSpanID(pcommon.SpanID{9})
	addSpan(td, 2, 1, ptrace.SpanKindInternal, map[string]any{"number": 4711}).SetParentSpanID(pcommon.SpanID{9})
	addSpan(td, 3, 1, ptrace.SpanKindInternal, map[string]any{"number": 7, "url.path": "/users/o-1"}).SetParentSpanID(pcommon.SpanID{9})
	h.traces(td)
	require.Equal(t, "o-1", stampsOf(spanAt(h, 0).Attributes())[keyID])
	require.Equal(t, "4711", stampsOf(spanAt(h, 1).Attributes())[keyID])
	require.Empty(t, stampsOf(spanAt(h, 2).Attributes()))

	ld := plog.NewLogs()
	addRecord(ld, 0, map[string]any{"order": map[string]any{"id": "o-2"}})
	addRecord(ld, 0, map[string]any{"order": map[string]any{"id": 12.5}})
	addRecord(ld, 0, map[string]any{"order": "o-3"})
	addRecord(ld, 0, map[string]any{"order": map[string]any{}})
	h.logs(ld)
	require.Equal(t, "o-2", stampsOf(recordAt(h, 0).Attributes())[keyID])
	for i := 1; i < 4; i++ {
		require.Empty(t, stampsOf(recordAt(h, i).Attributes()))
	}
	// A fraction is no ID, a string has no parts; what is not there is no mistake.
	require.Equal(t, int64(2), h.count(t, "otelcol_correlation_ignored", "reason", "bad_expression"))
}

func TestWhatExpressionsIgnorePassesUntouched(t *testing.T) {
	h := newHarness(t, func(cfg *Config) {
		cfg.Ignore.Span = []string{`attributes["broken"]["x"] == 1`, `name == "poll" and IsRootSpan()`}
		cfg.Ignore.Log = []string{`severity_text == "noise"`}
	})
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1", "broken": 5})
	addSpan(td, 1, 2, ptrace.SpanKindConsumer, map[string]any{"correlation.id": "o-9"}).SetName("poll")
	h.traces(td)
	require.Equal(t, "o-1", stampsOf(spanAt(h, 0).Attributes())[keyID], "a condition that cannot be evaluated ignores nothing")
	require.Empty(t, stampsOf(spanAt(h, 1).Attributes()))
	require.Equal(t, int64(1), h.count(t, "otelcol_correlation_evidence", "signal", "traces"))
	require.Equal(t, int64(1), h.count(t, "otelcol_correlation_ignored", "reason", "bad_expression"))

	ld := plog.NewLogs()
	addRecord(ld, 1, nil).SetSeverityText("noise")
	addRecord(ld, 1, nil)
	h.logs(ld)
	require.Empty(t, stampsOf(recordAt(h, 0).Attributes()))
	require.Equal(t, "o-1", stampsOf(recordAt(h, 1).Attributes())[keyID])
}

// TestARecordWithTraceContextInFieldsIsStamped: alone, and beside records of the same trace that have it themselves.
func TestARecordWithTraceContextInFieldsIsStamped(t *testing.T) {
	h := newHarness(t, nil)
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1"})
	h.traces(td)
	ld := plog.NewLogs()
	addRecord(ld, 0, map[string]any{"trace_id": pcommon.TraceID{1}.String()})
	addRecord(ld, 1, nil)
	addRecord(ld, 0, map[string]any{"trace_id": "nonsense"})
	h.logs(ld)
	require.Equal(t, "o-1", stampsOf(recordAt(h, 0).Attributes())[keyID])
	require.Equal(t, "o-1", stampsOf(recordAt(h, 1).Attributes())[keyID])
	require.Empty(t, stampsOf(recordAt(h, 2).Attributes()))
}

// spanAt and recordAt return the n-th record of the last batch that passed, each of which has a resource of its own.
func spanAt(h *harness, n int) ptrace.Span {
	all := h.spans.AllTraces()
	return all[len(all)-1].ResourceSpans().At(n).ScopeSpans().At(0).Spans().At(0)
}

func recordAt(h *harness, n int) plog.LogRecord {
	all := h.records.AllLogs()
	return all[len(all)-1].ResourceLogs().At(n).ScopeLogs().At(0).LogRecords().At(0)
}

// BenchmarkExpressions is the price of OTTL, which is paid for every span.
func BenchmarkExpressions(b *testing.B) {
	for name, change := range map[string]func(*Config){
		"none":   func(*Config) {},
		"one ID": func(cfg *Config) { cfg.Expressions.Span = []ExpressionConfig{{ID: `attributes["order"]`}} },
		"one ID on condition": func(cfg *Config) {
			cfg.Expressions.Span = []ExpressionConfig{{ID: `attributes["order"]`, When: `name == "checkout"`}}
		},
	} {
		b.Run(name, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.Stamp = false
			change(cfg)
			c, err := newCorrelation(processortest.NewNopSettings(NewFactory().Type()), cfg, "traces")
			require.NoError(b, err)
			c.operations = newFake(b)
			td, space := inner(500), newBatch()
			b.ReportAllocs()
			for b.Loop() {
				c.readTraces(b.Context(), space, td)
				space.clear()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*td.SpanCount()), "ns/span")
		})
	}
}

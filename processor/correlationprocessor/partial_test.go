package correlationprocessor

import (
	"context"
	"encoding/base64"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

// pipeline is both signals of the processor on the real extension, each from its factory.
type pipeline struct {
	t      *testing.T
	traces consumer.Traces
	logs   consumer.Logs
	shown  console.Source
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	return newPipelineOf(t, func(*Config) {})
}

func newPipelineOf(t *testing.T, change func(*Config)) *pipeline {
	t.Helper()
	f := operationsextension.NewFactory()
	ext, err := f.Create(t.Context(), extensiontest.NewNopSettings(f.Type()), f.CreateDefaultConfig())
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	watcher := ext.(extensioncapabilities.PipelineWatcher)
	require.NoError(t, watcher.Ready())
	t.Cleanup(func() {
		require.NoError(t, watcher.NotReady())
		require.NoError(t, ext.Shutdown(context.Background()))
	})
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	change(cfg)
	traces, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
	require.NoError(t, err)
	for _, c := range []component.Component{traces, logs} {
		require.NoError(t, c.Start(t.Context(), host{map[component.ID]component.Component{operationsextension.DefaultID: ext}}))
		t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
	}
	return &pipeline{t, traces, logs, ext.(interface{ Console() console.Source }).Console()}
}

// operation returns the only operation there is.
func (p *pipeline) operation(id string) console.Record {
	page, err := p.shown.Operations(p.t.Context(), console.Query{Limit: 10})
	require.NoError(p.t, err)
	require.Len(p.t, page.Items, 1)
	record, err := p.shown.Operation(p.t.Context(), "", id)
	require.NoError(p.t, err)
	return record
}

func (p *pipeline) span(td ptrace.Traces) {
	require.NoError(p.t, p.traces.ConsumeTraces(p.t.Context(), td))
}

// send brings the span that sent a message of operation o-1.
func (p *pipeline) send(at time.Time) {
	td := ptrace.NewTraces()
	s := addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{
		"messaging.message.conversation_id": "o-1", "messaging.destination.name": "orders", "messaging.system": "kafka",
	})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
	p.span(td)
}

// processing is the span that processes the message; it ends later, or never.
func processing(began, ended time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	s := addSpan(td, 1, 2, ptrace.SpanKindConsumer, map[string]any{
		"messaging.operation.type": "process", "messaging.destination.name": "orders", "messaging.system": "kafka",
	})
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "worker")
	s.SetParentSpanID(pcommon.SpanID{1})
	s.SetFlags(0x300)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(began))
	s.SetEndTimestamp(0)
	if !ended.IsZero() {
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(ended))
	}
	return td
}

// partialLogs holds one partial-span record with the spans, written now.
func partialLogs(t *testing.T, event, encoding string, td ptrace.Traces) plog.Logs {
	t.Helper()
	body := ""
	switch encoding {
	case "json/v1":
		data, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		body = string(data)
	default:
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		body = base64.StdEncoding.EncodeToString(data)
	}
	ld := plog.NewLogs()
	attributes := map[string]any{"partial.event": event}
	if encoding != "" {
		attributes["partial.body.type"] = encoding
	}
	if event == "heartbeat" {
		attributes["partial.frequency"] = "5000ms"
	}
	addRecord(ld, 0, attributes).Body().SetStr(body)
	return ld
}

func (p *pipeline) partial(event, encoding string, td ptrace.Traces) {
	require.NoError(p.t, p.logs.ConsumeLogs(p.t.Context(), partialLogs(p.t, event, encoding, td)))
}

// onlyAttempt returns the operation's only attempt, of its only hop.
func onlyAttempt(t *testing.T, record console.Record) operation.Attempt {
	t.Helper()
	require.Len(t, record.View.Hops, 1)
	require.Len(t, record.View.Hops[0].Sends, 1)
	require.Len(t, record.View.Hops[0].Consumers, 1)
	require.Len(t, record.View.Hops[0].Consumers[0].Attempts, 1)
	return record.View.Hops[0].Consumers[0].Attempts[0]
}

// TestAWorkerThatDiesLeavesItsHeartbeats: no span of it ever comes, and yet it is known what it was at.
func TestAWorkerThatDiesLeavesItsHeartbeats(t *testing.T) {
	for _, encoding := range []string{"json/v1", "proto", ""} {
		t.Run("encoding "+encoding, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				began := time.Now()
				p.send(began)
				for range 4 {
					<-time.After(5 * time.Second)
					p.partial("heartbeat", encoding, processing(began, time.Time{}))
				}
				<-time.After(2 * time.Second)
				alive := p.operation("o-1")
				require.Equal(t, operation.StateInProgress, alive.Verdict.State)
				require.Equal(t, operation.HopProcessing, alive.View.Hops[0].State)
				attempt := onlyAttempt(t, alive)
				require.Equal(t, []string{"worker", "span"}, []string{attempt.Service, attempt.Name})
				require.Equal(t, began.UnixNano(), attempt.StartedAt)
				require.Empty(t, alive.View.Notes, "a heartbeat is no log line of the operation")

				<-time.After(operation.DefaultPolicy().Processing.Limit)
				dead := p.operation("o-1")
				require.Equal(t, operation.StateStuck, dead.Verdict.State)
				require.Equal(t, operation.StuckProcessing, dead.Verdict.Reason)
				attempt = onlyAttempt(t, dead)
				require.True(t, attempt.Open())
			})
		})
	}
}

// TestAStopEndsWhatHeartbeatsSaid: and the span itself adds nothing but certainty, whichever of them comes first.
func TestAStopEndsWhatHeartbeatsSaid(t *testing.T) {
	heartbeat := func(p *pipeline, began, _ time.Time) {
		p.partial("heartbeat", "json/v1", processing(began, time.Time{}))
	}
	stop := func(p *pipeline, began, ended time.Time) { p.partial("stop", "json/v1", processing(began, ended)) }
	span := func(p *pipeline, began, ended time.Time) { p.span(processing(began, ended)) }
	unfinished := func(p *pipeline, began, _ time.Time) { p.span(processing(began, time.Time{})) }
	pending := func(p *pipeline, began, _ time.Time) { p.span(pendingOf(processing(began, began))) }
	send := func(p *pipeline, began, _ time.Time) { p.send(began) }
	for name, order := range map[string][]func(*pipeline, time.Time, time.Time){
		"a stop alone":                      {send, heartbeat, stop},
		"a stop and the span":               {send, heartbeat, heartbeat, stop, span},
		"the span, then its stop":           {send, heartbeat, span, stop},
		"a heartbeat that comes late":       {send, stop, span, heartbeat},
		"heartbeats before the message":     {heartbeat, heartbeat, stop, send},
		"everything before the message":     {span, stop, heartbeat, send},
		"a span sent before its end":        {send, unfinished, span},
		"a pending span":                    {send, pending, span},
		"a pending span that comes late":    {span, pending, send},
		"everything there is, several ways": {pending, heartbeat, send, unfinished, stop, pending, span, heartbeat, stop},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				began := time.Now()
				<-time.After(7 * time.Second)
				ended := time.Now()
				for _, step := range order {
					step(p, began, ended)
				}
				<-time.After(time.Minute)
				record := p.operation("o-1")
				require.Equal(t, operation.StateCompleted, record.Verdict.State)
				require.Zero(t, record.Verdict.Flags, "one attempt is neither a retry nor a duplicate")
				attempt := onlyAttempt(t, record)
				require.Equal(t, []int64{began.UnixNano(), ended.UnixNano()}, []int64{attempt.StartedAt, attempt.EndedAt})
				require.Equal(t, operation.SpanID{2}, attempt.Span)
				require.Empty(t, record.View.Notes)
			})
		})
	}
}

// pendingOf turns the only span into the pending span that stands for it.
func pendingOf(td ptrace.Traces) ptrace.Traces {
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	s.Attributes().PutStr("logfire.span_type", "pending_span")
	s.Attributes().PutStr("logfire.pending_parent_id", s.ParentSpanID().String())
	s.SetParentSpanID(s.SpanID())
	s.SetSpanID(pcommon.SpanID{99})
	s.SetFlags(0x100)
	return td
}

// TestALateStopRecovers: a worker that was taken for dead was only slow.
func TestALateStopRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		began := time.Now()
		p.send(began)
		p.span(pendingOf(processing(began, began)))
		<-time.After(operation.DefaultPolicy().Processing.Limit + 2*time.Second)
		require.Equal(t, operation.StuckProcessing, p.operation("o-1").Verdict.Reason)
		p.partial("stop", "proto", processing(began, time.Now()))
		<-time.After(time.Minute)
		require.Equal(t, operation.StateCompleted, p.operation("o-1").Verdict.State)
	})
}

// TestPartialRecordsAreStampedWithTheOperationOfTheirSpan: not with that of the trace they were written in.
func TestPartialRecordsAreStampedWithTheOperationOfTheirSpan(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.NamespaceKey = "tenant" })
	td := ptrace.NewTraces()
	addSpan(td, 1, 1, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-1", "async.operation.name": "fulfil"})
	addSpan(td, 9, 9, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-9", "async.operation.name": "other", "tenant": "t"})
	h.traces(td)

	now := time.Now()
	ld := partialLogs(t, "heartbeat", "json/v1", processing(now, time.Time{}))
	for _, trace := range []byte{1, 9} {
		partialLogs(t, "heartbeat", "json/v1", processing(now, time.Time{})).ResourceLogs().MoveAndAppendTo(ld.ResourceLogs())
		ld.ResourceLogs().At(ld.ResourceLogs().Len() - 1).ScopeLogs().At(0).LogRecords().At(0).SetTraceID(pcommon.TraceID{trace})
	}
	addRecord(ld, 9, nil)
	addRecord(ld, 1, nil)
	want := copyOfLogs(ld)
	h.logs(ld)

	got := h.records.AllLogs()[0]
	record := func(ld plog.Logs, i int) plog.LogRecord {
		return ld.ResourceLogs().At(i).ScopeLogs().At(0).LogRecords().At(0)
	}
	for i := range 3 {
		require.Equal(t, wantStamps("o-1", "fulfil"), stampsOf(record(got, i).Attributes()))
		require.Equal(t, record(want, i).Body(), record(got, i).Body())
	}
	require.Equal(t, "o-9", stampsOf(record(got, 3).Attributes())["async.operation.id"])
	require.Equal(t, wantStamps("o-1", "fulfil"), stampsOf(record(got, 4).Attributes()))
	require.EqualValues(t, 5, h.count(t, "otelcol_correlation_stamped", "signal", "logs"))
}

// TestAPartialRecordOfAnUnknownOperationIsNotStamped: least of all with that of the trace it was written in.
func TestAPartialRecordOfAnUnknownOperationIsNotStamped(t *testing.T) {
	h := newHarness(t, nil)
	td := ptrace.NewTraces()
	addSpan(td, 9, 9, ptrace.SpanKindProducer, map[string]any{"correlation.id": "o-9"})
	h.traces(td)
	ld := partialLogs(t, "heartbeat", "json/v1", processing(time.Now(), time.Time{}))
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetTraceID(pcommon.TraceID{9})
	want := copyOfLogs(ld)
	h.logs(ld)
	require.Equal(t, want, h.records.AllLogs()[0])
}

func TestABadPartialRecordHarmsNoOther(t *testing.T) {
	h := newHarness(t, nil)
	ld := partialLogs(t, "heartbeat", "json/v1", processing(time.Now(), time.Time{}))
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().SetStr(`{"resourceSpans":[{"scope`)
	good := processing(time.Now(), time.Time{})
	good.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("correlation.id", "o-1")
	partialLogs(t, "heartbeat", "json/v1", good).ResourceLogs().MoveAndAppendTo(ld.ResourceLogs())
	h.logs(ld)
	require.EqualValues(t, 1, h.count(t, "otelcol_correlation_ignored", "reason", "bad_partial"))
	require.Zero(t, h.count(t, "otelcol_correlation_failures", "signal", "logs"))
	stamps := stampsOf(h.records.AllLogs()[0].ResourceLogs().At(1).ScopeLogs().At(0).LogRecords().At(0).Attributes())
	require.Equal(t, "o-1", stamps["async.operation.id"])
}

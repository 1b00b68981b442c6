package judged

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/telemetry"
)

// batchDelay is how long a service collects before it exports.
const batchDelay = time.Second

// services is the Telemetry of all services. What they export comes to the collector after a random delay, each request by itself.
type services struct {
	collector *collector
	late      time.Duration
	byName    map[string]*service
	// underway counts the requests that have not come yet.
	underway sync.WaitGroup
	errors   chan error
}

// service is the SDK of one service.
type service struct {
	all *services
	// resource are the attributes of its resource.
	resource map[string]any
	tracer   trace.Tracer
	logger   log.Logger

	mu     sync.Mutex
	random *rand.Rand // guarded by mu
	spans  ptrace.SpanSlice
	traces ptrace.Traces // guarded by mu; what is being collected
	lines  plog.LogRecordSlice
	logs   plog.Logs // guarded by mu
}

// newServices gives each process an SDK. Processes of which there is one each say no more than the name of their service.
func newServices(c *collector, processes []plan.Process, late time.Duration) *services {
	all := &services{collector: c, late: late, byName: map[string]*service{}, errors: make(chan error, 1)}
	several := slices.ContainsFunc(processes, func(p plan.Process) bool { return p.Number > 0 })
	for i, process := range processes {
		s := &service{all: all, random: rand.New(rand.NewPCG(uint64(i), 7)), resource: map[string]any{"service.name": process.Service}}
		if several {
			s.resource["service.instance.id"] = instanceOf(process)
			s.resource["service.version"] = cmp.Or(process.Version, telemetry.ServiceVersion)
		}
		s.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spanProcessor{s})).Tracer("asyncgen")
		s.logger = sdklog.NewLoggerProvider(sdklog.WithProcessor(lineProcessor{s})).Logger("asyncgen")
		s.renewTraces()
		s.renewLogs()
		all.byName[process.Voice()] = s
	}
	return all
}

// instanceOf names a process.
func instanceOf(p plan.Process) string { return fmt.Sprint(p.Service, "-", p.Number, p.Version) }

// Tracer implements sim.Telemetry.
func (a *services) Tracer(service string) trace.Tracer { return a.byName[service].tracer }

// Logger implements sim.Telemetry.
func (a *services) Logger(service string) log.Logger { return a.byName[service].logger }

// finish waits until everything has come, and returns what the collector refused.
func (a *services) finish() error {
	a.underway.Wait()
	select {
	case err := <-a.errors:
		return err
	default:
		return nil
	}
}

func (s *service) renewTraces() {
	s.traces = ptrace.NewTraces()
	rs := s.traces.ResourceSpans().AppendEmpty()
	_ = rs.Resource().Attributes().FromRaw(s.resource)
	s.spans = rs.ScopeSpans().AppendEmpty().Spans()
}

func (s *service) renewLogs() {
	s.logs = plog.NewLogs()
	rl := s.logs.ResourceLogs().AppendEmpty()
	_ = rl.Resource().Attributes().FromRaw(s.resource)
	s.lines = rl.ScopeLogs().AppendEmpty().LogRecords()
}

// export brings a request to the collector when the batch is closed and the delay is over. take is called under the lock.
func (s *service) export(take func() func(context.Context) error) {
	s.all.underway.Add(1)
	time.AfterFunc(batchDelay, func() {
		s.mu.Lock()
		send := take()
		delay := time.Duration(0)
		if s.all.late > 0 {
			delay = time.Duration(s.random.Int64N(int64(s.all.late)))
		}
		s.mu.Unlock()
		time.AfterFunc(delay, func() {
			defer s.all.underway.Done()
			if err := send(context.Background()); err != nil {
				select {
				case s.all.errors <- err:
				default:
				}
			}
		})
	})
}

func (s *service) sendTraces() func(context.Context) error {
	traces := s.traces
	s.renewTraces()
	return func(ctx context.Context) error { return s.all.collector.traces.ConsumeTraces(ctx, traces) }
}

func (s *service) sendLogs() func(context.Context) error {
	logs := s.logs
	s.renewLogs()
	return func(ctx context.Context) error { return s.all.collector.logs.ConsumeLogs(ctx, logs) }
}

type spanProcessor struct{ *service }

func (spanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (spanProcessor) ForceFlush(context.Context) error                { return nil }
func (spanProcessor) Shutdown(context.Context) error                  { return nil }

// OnEnd collects a span as OTLP would carry it.
func (p spanProcessor) OnEnd(ended sdktrace.ReadOnlySpan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spans.Len() == 0 {
		p.export(p.sendTraces)
	}
	span := p.spans.AppendEmpty()
	span.SetTraceID(pcommon.TraceID(ended.SpanContext().TraceID()))
	span.SetSpanID(pcommon.SpanID(ended.SpanContext().SpanID()))
	span.SetParentSpanID(pcommon.SpanID(ended.Parent().SpanID()))
	// The API and OTLP count kinds alike, but for what is not set.
	span.SetKind(ptrace.SpanKind(ended.SpanKind()))
	span.SetName(ended.Name())
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(ended.StartTime()))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(ended.EndTime()))
	setAttributes(span.Attributes(), ended.Attributes())
	for _, l := range ended.Links() {
		link := span.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID(l.SpanContext.TraceID()))
		link.SetSpanID(pcommon.SpanID(l.SpanContext.SpanID()))
	}
	for _, e := range ended.Events() {
		event := span.Events().AppendEmpty()
		event.SetName(e.Name)
		event.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
		setAttributes(event.Attributes(), e.Attributes)
	}
	if ended.Status().Code == codes.Error {
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage(ended.Status().Description)
	}
}

func setAttributes(to pcommon.Map, from []attribute.KeyValue) {
	to.EnsureCapacity(len(from))
	for _, kv := range from {
		value := to.PutEmpty(string(kv.Key))
		switch kv.Value.Type() {
		case attribute.INT64:
			value.SetInt(kv.Value.AsInt64())
		case attribute.FLOAT64:
			value.SetDouble(kv.Value.AsFloat64())
		case attribute.BOOL:
			value.SetBool(kv.Value.AsBool())
		default:
			value.SetStr(kv.Value.String())
		}
	}
}

type lineProcessor struct{ *service }

func (lineProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (lineProcessor) ForceFlush(context.Context) error                       { return nil }
func (lineProcessor) Shutdown(context.Context) error                         { return nil }

// OnEmit collects a log record as OTLP would carry it.
func (p lineProcessor) OnEmit(_ context.Context, record *sdklog.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lines.Len() == 0 {
		p.export(p.sendLogs)
	}
	line := p.lines.AppendEmpty()
	line.SetTimestamp(pcommon.NewTimestampFromTime(record.Timestamp()))
	line.SetObservedTimestamp(pcommon.NewTimestampFromTime(record.ObservedTimestamp()))
	line.SetSeverityNumber(plog.SeverityNumber(record.Severity()))
	line.SetSeverityText(record.SeverityText())
	line.SetEventName(record.EventName())
	line.SetTraceID(pcommon.TraceID(record.TraceID()))
	line.SetSpanID(pcommon.SpanID(record.SpanID()))
	line.Body().SetStr(record.Body().AsString())
	record.WalkAttributes(func(kv log.KeyValue) bool {
		if kv.Value.Kind() == log.KindFloat64 {
			line.Attributes().PutDouble(kv.Key, kv.Value.AsFloat64())
		} else {
			line.Attributes().PutStr(kv.Key, kv.Value.String())
		}
		return true
	})
	return nil
}

package sim

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// span and line are what a service exported, with the name of the service.
type span struct {
	service string
	sdktrace.ReadOnlySpan
}

type line struct {
	service string
	sdklog.Record
}

// recorder is the Telemetry of all services, which keeps what they export. It also collects the truth.
type recorder struct {
	tracers map[string]trace.Tracer
	loggers map[string]log.Logger

	mu    sync.Mutex
	spans []span
	lines []line
	truth map[string]*truth.Operation
}

type service struct {
	sdktrace.SpanExporter
	name string
	to   *recorder
}

func newRecorder(p *plan.Plan) *recorder {
	r := &recorder{tracers: map[string]trace.Tracer{}, loggers: map[string]log.Logger{}, truth: map[string]*truth.Operation{}}
	for _, name := range append(p.Services(), gapAt(0).Voice()) {
		s := &service{name: name, to: r}
		r.tracers[name] = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s)).Tracer("test")
		r.loggers[name] = sdklog.NewLoggerProvider(sdklog.WithProcessor(lineProcessor{s})).Logger("test")
	}
	return r
}

func (r *recorder) Tracer(service string) trace.Tracer { return r.tracers[service] }
func (r *recorder) Logger(service string) log.Logger   { return r.loggers[service] }

func (r *recorder) write(op *truth.Operation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.truth[op.ID] = op
	return nil
}

func (s *service) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (s *service) ForceFlush(context.Context) error                { return nil }
func (s *service) Shutdown(context.Context) error                  { return nil }
func (s *service) OnEnd(ended sdktrace.ReadOnlySpan) {
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	s.to.spans = append(s.to.spans, span{s.name, ended})
}

type lineProcessor struct{ *service }

func (lineProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (l lineProcessor) OnEmit(_ context.Context, record *sdklog.Record) error {
	l.to.mu.Lock()
	defer l.to.mu.Unlock()
	l.to.lines = append(l.to.lines, line{l.name, record.Clone()})
	return nil
}

// attr returns an attribute of the span as text, "" if it has none.
func (s span) attr(key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

func (s span) has(key attribute.Key) bool {
	for _, kv := range s.Attributes() {
		if kv.Key == key {
			return true
		}
	}
	return false
}

func (l line) attr(key string) (text string) {
	l.WalkAttributes(func(kv log.KeyValue) bool {
		if kv.Key == key {
			text = kv.Value.AsString()
		}
		return text == ""
	})
	return text
}

// spansOf returns the spans of a messaging operation type for a message, in order of their start.
func (r *recorder) spansOf(messageID, operation string) []span {
	var found []span
	for _, s := range r.spans {
		if s.attr(keyMessageID) == messageID && s.attr(keyMessagingOpType) == operation {
			found = append(found, s)
		}
	}
	return found
}

// linesOf returns the log records with an event name for a message.
func (r *recorder) linesOf(messageID, event string) []line {
	var found []line
	for _, l := range r.lines {
		if l.attr(keyMessageID) == messageID && l.EventName() == event {
			found = append(found, l)
		}
	}
	return found
}

// perform runs a plan to its end and returns what was exported and the truth.
func perform(t *testing.T, settings plan.Settings, how Settings) *recorder {
	t.Helper()
	p := plan.New(settings)
	r := newRecorder(p)
	require.NoError(t, New(p, how, r, r.write).Run(context.Background(), context.Background()))
	return r
}

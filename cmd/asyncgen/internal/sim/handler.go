package sim

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// handling is one attempt at processing a message.
type handling struct {
	run *run
	hop *plan.Hop
	// stage tells who handles it: that of the hop, or of one of its branches.
	stage   *plan.Stage
	done    *truth.Hop
	attempt *plan.Attempt
	service string
	// voice names the SDK it uses: that of its process, or the one whose telemetry is held back.
	voice string
	span  trace.Span
}

// handle processes one delivery and sends the next message if asked to. It reports false if the handler did not come to an
// end, because its process is planned to die or because the run was aborted.
func (r *run) handle(abort context.Context, number int, stage *plan.Stage, delivered delivery, attempt *plan.Attempt, forward bool) bool {
	h := &handling{run: r, hop: &r.op.Hops[number], stage: stage, done: &r.hops[number], attempt: attempt, service: stage.Service}
	h.voice = r.sim.settings.Gap.voice(attempt.Process, time.Now(), attempt.Duration())
	ctx := h.begin(abort, delivered)
	if !h.progress(ctx, abort) {
		return false
	}
	for i, step := range stage.Steps {
		if attempt.Outcome == plan.OutcomeKilled && i == attempt.StepsDone {
			return false
		}
		var failure *plan.Failure
		if attempt.Outcome == plan.OutcomeFails && i == len(stage.Steps)-1 {
			failure = &stage.Failure
		}
		if !r.step(ctx, abort, h.voice, step, attempt.Steps[i], failure) {
			return false
		}
	}
	if attempt.Outcome == plan.OutcomeKilled {
		return false
	}
	if forward {
		r.send(ctx, abort, h.service, h.voice, number+1)
	}
	if !pause(abort, attempt.Rest) {
		return false
	}
	h.end(ctx)
	return true
}

// begin starts the process span and writes the start line, which is all that remains of a handler whose process dies.
func (h *handling) begin(abort context.Context, delivered delivery) context.Context {
	tracer := h.run.sim.telemetry.Tracer(h.voice)
	parent, options := h.run.consumerOptions(abort, delivered.producer)
	received := time.Now()
	started := received
	if h.stage.Receives {
		_, span := tracer.Start(parent, opReceive+" "+h.hop.Stage.Destination, append(options,
			trace.WithSpanKind(trace.SpanKindClient), h.run.stamp(h.service, received),
			trace.WithAttributes(h.run.consumerAttributes(opReceive, h.hop, h.stage, delivered)...))...)
		started = time.Now()
		span.End(h.run.stamp(h.service, started))
	}
	ctx, span := tracer.Start(parent, opProcess+" "+h.hop.Stage.Destination, append(options,
		trace.WithSpanKind(trace.SpanKindConsumer), h.run.stamp(h.service, started),
		trace.WithAttributes(h.run.consumerAttributes(opProcess, h.hop, h.stage, delivered)...))...)
	h.span = span
	h.received(received)
	h.log(ctx, started, log.SeverityInfo, EventProcessStarted, "processing of "+h.hop.MessageID+" started")
	return ctx
}

// consumerOptions relates the spans of a delivery to the producer span. The context keeps none but that relation.
func (r *run) consumerOptions(abort context.Context, producer trace.SpanContext) (context.Context, []trace.SpanStartOption) {
	switch r.sim.settings.Propagation {
	case PropagationTrace:
		return trace.ContextWithRemoteSpanContext(abort, producer), nil
	case PropagationLink:
		return abort, []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: producer})}
	case PropagationNone:
	}
	return abort, nil
}

// end closes the process span, well or not, and writes the line that says so.
func (h *handling) end(ctx context.Context) {
	at := time.Now()
	if h.attempt.Outcome != plan.OutcomeFails {
		h.log(ctx, at, log.SeverityInfo, EventProcessCompleted, "processing of "+h.hop.MessageID+" completed")
		h.ended(at, false)
		h.span.End(h.run.stamp(h.service, at))
		return
	}
	failure := h.stage.Failure
	text := fmt.Sprintf(failure.Message, h.attempt.FailureNumber)
	h.log(ctx, at, log.SeverityError, EventProcessFailed, "processing of "+h.hop.MessageID+" failed: "+text,
		log.String(keyExceptionType, failure.Type), log.String(keyExceptionMessage, text), log.String(keyExceptionStacktrace, failure.Stack))
	// What Span.RecordError does, with the type and the stack of the simulated service instead of the simulator's own.
	h.span.AddEvent(eventException, h.run.stamp(h.service, at), trace.WithAttributes(
		attribute.String(keyExceptionType, failure.Type), attribute.String(keyExceptionMessage, text),
		attribute.String(keyExceptionStacktrace, failure.Stack)))
	h.span.SetAttributes(attribute.String(keyErrorType, failure.Type))
	h.span.SetStatus(codes.Error, text)
	h.ended(at, true)
	h.span.End(h.run.stamp(h.service, at))
}

// progress does the part of a long attempt that tells how far it has come. It reports false if its process died, or the run
// was aborted.
func (h *handling) progress(ctx, abort context.Context) bool {
	for i := range h.attempt.Beats {
		if !pause(abort, h.attempt.Beat) {
			return false
		}
		share := float64(i+1) / float64(h.attempt.BeatsPlanned+1)
		h.log(ctx, time.Now(), log.SeverityInfo, EventProgress, fmt.Sprintf("%d of %d parts done", i+1, h.attempt.BeatsPlanned),
			log.Float64(keyProgress, share))
	}
	return h.attempt.Beats == h.attempt.BeatsPlanned
}

// received and ended write down what was done; several groups deal with one message at a time.
func (h *handling) received(at time.Time) {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	h.done.Received(at, h.stage.Group, spanOf(h.service, h.span.SpanContext()))
	h.done.Hidden = h.done.Hidden || (h.voice == h.run.sim.settings.Gap.Voice() && !h.run.sim.settings.Gap.Late)
	h.done.Skewed = h.run.sim.settings.Skew.negative(h.done.Producer.Service, h.service)
}

func (h *handling) ended(at time.Time, failed bool) {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	h.done.Ended(at, h.stage.Group, failed)
}

func (h *handling) log(ctx context.Context, at time.Time, severity log.Severity, event, body string, further ...log.KeyValue) {
	attributes := make([]log.KeyValue, 0, 8)
	attributes = append(attributes,
		log.String(keySystem, h.hop.Stage.System), log.String(keyDestination, h.hop.Stage.Destination),
		log.String(keyGroup, h.stage.Group), log.String(keyMessageID, h.hop.MessageID))
	if h.run.sim.settings.Propagation == PropagationNone {
		attributes = append(attributes, log.String(keyConversationID, h.run.op.ID))
	}
	h.run.emit(ctx, h.voice, record{at: at, severity: severity, event: event, body: body, attributes: append(attributes, further...)})
}

// step does one piece of a handler's work under a span of its own, which carries the error if the work fails.
func (r *run) step(ctx, abort context.Context, service string, step plan.Step, d time.Duration, failure *plan.Failure) bool {
	kind, name, attributes := describe(step, failure)
	_, span := r.sim.telemetry.Tracer(service).Start(ctx, name, trace.WithSpanKind(kind),
		r.stamp(service, time.Now()), trace.WithAttributes(attributes...))
	if !pause(abort, d) {
		return false
	}
	if failure != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End(r.stamp(service, time.Now()))
	return true
}

// describe gives the span of a step as the instrumentation of its kind would, with all attributes at once, because adding
// one later costs the SDK as much as starting with five. A failing step has no response, but the type of its error.
func describe(step plan.Step, failure *plan.Failure) (trace.SpanKind, string, []attribute.KeyValue) {
	var result []attribute.KeyValue
	switch {
	case failure != nil:
		result = []attribute.KeyValue{attribute.String(keyErrorType, failure.Type)}
	case step.Kind == plan.StepHTTP:
		result = []attribute.KeyValue{attribute.Int(keyHTTPStatus, 200)}
	}
	switch step.Kind {
	case plan.StepDatabase:
		summary := step.Name + " " + step.Target
		return trace.SpanKindClient, summary, append(result,
			attribute.String(keyDBSystem, "postgresql"), attribute.String(keyDBNamespace, "shop"),
			attribute.String(keyDBOperation, step.Name), attribute.String(keyDBCollection, step.Target),
			attribute.String(keyDBQuerySummary, summary),
		)
	case plan.StepHTTP:
		return trace.SpanKindClient, step.Name, append(result,
			attribute.String(keyHTTPMethod, step.Name), attribute.String(keyServerAddress, step.Target),
			attribute.Int(keyServerPort, 443), attribute.String(keyURLFull, "https://"+step.Target+"/v1/"),
		)
	case plan.StepCompute:
	}
	return trace.SpanKindInternal, step.Name, result
}

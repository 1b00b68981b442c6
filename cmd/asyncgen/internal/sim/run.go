package sim

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// run is one operation under way. Each element of hops belongs first to the goroutine that sends the message and then to the
// one that delivers it, which the sender starts; nobody else touches it before wg is done.
type run struct {
	sim  *Simulator
	op   *plan.Operation
	hops []truth.Hop
	wg   sync.WaitGroup
	// mu guards what several consumer groups write down of one hop.
	mu        sync.Mutex
	cancelled bool
}

func newRun(s *Simulator, op *plan.Operation) *run {
	return &run{sim: s, op: op, hops: make([]truth.Hop, len(op.Hops))}
}

// perform carries the operation out and returns what it did. If abort ends in between, the record is not complete.
func (r *run) perform(abort context.Context) *truth.Operation {
	r.enter(abort)
	r.wg.Wait()
	done := &truth.Operation{
		ID: r.op.ID, Name: r.op.Workflow.Name, Scenario: r.op.Scenario.String(),
		Stalled: r.op.Scenario == plan.ScenarioStalled, Cancelled: r.cancelled, Cause: r.cause(),
	}
	for i := range r.hops {
		if r.hops[i].SentAt.IsZero() {
			break
		}
		done.Hops = append(done.Hops, r.hops[i])
	}
	return done
}

// cause names what the operation fails by, nil if it is not by something bad.
func (r *run) cause() *truth.Cause {
	if r.op.Bad == plan.BadNone {
		return nil
	}
	last := &r.op.Hops[len(r.op.Hops)-1]
	process := last.Attempts[0].Process
	c := &truth.Cause{Attribute: r.op.Bad.String(), Service: process.Service, Destination: last.Stage.Destination}
	switch r.op.Bad {
	case plan.BadInstance:
		c.Value = r.sim.settings.Instance(process)
	case plan.BadVersion:
		c.Value = process.Version
	case plan.BadPartition:
		c.Value = strconv.Itoa(last.Partition)
	case plan.BadNone:
	}
	return c
}

// enter is the request that begins the operation.
func (r *run) enter(abort context.Context) {
	flow, at, voice := r.op.Workflow, time.Now(), r.op.Entry.Voice()
	ctx, span := r.sim.telemetry.Tracer(voice).Start(abort, "POST "+flow.Route,
		trace.WithSpanKind(trace.SpanKindServer), r.stamp(flow.EntryService, at), trace.WithAttributes(
			attribute.String(keyHTTPMethod, "POST"), attribute.String(keyHTTPRoute, flow.Route),
			attribute.String(keyURLPath, flow.Route), attribute.String(keyURLScheme, "https"),
			attribute.String(keyServerAddress, flow.EntryService+".example.com"), attribute.Int(keyHTTPStatus, 202),
		))
	correlation := log.String(keyConversationID, r.op.ID)
	r.emit(ctx, voice, record{at: at, severity: log.SeverityInfo, body: flow.Noun + " received", attributes: []log.KeyValue{correlation}})
	for i, step := range flow.EntrySteps {
		if !r.step(ctx, abort, voice, step, r.op.EntrySteps[i], nil) {
			return
		}
	}
	r.send(ctx, abort, flow.EntryService, voice, 0)
	if !pause(abort, r.op.EntryRest) {
		return
	}
	end := time.Now()
	r.emit(ctx, voice, record{at: end, severity: log.SeverityInfo, body: flow.Noun + " accepted", attributes: []log.KeyValue{correlation}})
	span.End(r.stamp(flow.EntryService, end))
}

// send publishes the message of a hop and lets its delivery begin. voice is the service whose SDK is used.
func (r *run) send(ctx, abort context.Context, service, voice string, number int) {
	hop, done, at := &r.op.Hops[number], &r.hops[number], time.Now()
	offset := r.sim.broker.nextOffset(hop)
	var due time.Time
	if hop.Declared {
		// Attributes carry milliseconds.
		due = at.Add(hop.Delay).Truncate(time.Millisecond)
	}
	_, span := r.sim.telemetry.Tracer(voice).Start(ctx, opSend+" "+hop.Stage.Destination, trace.WithSpanKind(trace.SpanKindProducer),
		r.stamp(service, at), trace.WithAttributes(r.producerAttributes(number, service, offset, due)...))
	m := message{producer: span.SpanContext().WithRemote(true), offset: offset}
	*done = truth.Hop{
		System: hop.Stage.System, Destination: hop.Stage.Destination, MessageID: hop.MessageID,
		SentAt: at.UTC(), Producer: spanOf(service, span.SpanContext()), DeadLetter: hop.Stage.DeadLetters, DueAt: due.UTC(),
	}
	span.End(r.stamp(service, time.Now()))
	for i := range hop.Further {
		done.Awaits = append(done.Awaits, hop.Further[i].Stage.Group)
	}
	for i := range hop.Further {
		b := &hop.Further[i]
		r.wg.Go(func() { r.deliver(abort, number, b.Stage, b.Attempts, m) })
	}
	r.wg.Go(func() { r.deliver(abort, number, hop.Stage, hop.Attempts, m) })
	if hop.CancelAfter > 0 {
		r.wg.Go(func() { r.cancel(abort, hop.CancelAfter) })
	}
}

// cancel declares the operation cancelled, as its entry service would be asked to.
func (r *run) cancel(abort context.Context, after time.Duration) {
	if !pause(abort, after) {
		return
	}
	r.cancelled = true
	flow := r.op.Workflow
	r.emit(context.WithoutCancel(abort), r.op.Entry.Voice(), record{
		at: time.Now(), severity: log.SeverityInfo, event: EventCancelled, body: flow.Noun + " cancelled by the customer",
		attributes: []log.KeyValue{log.String(keyConversationID, r.op.ID)},
	})
}

// stamp is a time by the clock of a service.
func (r *run) stamp(service string, at time.Time) trace.SpanEventOption {
	return trace.WithTimestamp(r.sim.settings.Skew.of(service, at))
}

// deliver hands the message of a hop to one group of its consumers, as often as planned. Only the first group has consequences.
func (r *run) deliver(abort context.Context, number int, stage *plan.Stage, attempts []plan.Attempt, m message) {
	succeeded := false
	for i := range attempts {
		attempt := &attempts[i]
		if !r.sim.await(abort, attempt) {
			return
		}
		forward := false
		switch {
		case number+1 == len(r.op.Hops) || stage != r.op.Hops[number].Stage:
		case r.op.Hops[number+1].Stage.DeadLetters:
			forward = i == len(attempts)-1
		default:
			// Of a message processed twice, only the first processing has consequences, else all that follows would be doubled.
			forward = attempt.Outcome == plan.OutcomeSucceeds && !succeeded
		}
		if !r.handle(abort, number, stage, r.sim.broker.deliver(&r.op.Hops[number], m), attempt, forward) {
			return
		}
		succeeded = succeeded || attempt.Outcome == plan.OutcomeSucceeds
	}
}

// spanOf names a span in the truth.
func spanOf(service string, span trace.SpanContext) truth.Span {
	return truth.Span{Service: service, TraceID: span.TraceID().String(), SpanID: span.SpanID().String()}
}

// record is one log record of a service.
type record struct {
	at         time.Time
	severity   log.Severity
	event      string
	body       string
	attributes []log.KeyValue
}

// emit writes a log record in the context of the current span.
func (r *run) emit(ctx context.Context, service string, rec record) {
	var out log.Record
	at := r.sim.settings.Skew.of(service, rec.at)
	out.SetTimestamp(at)
	out.SetObservedTimestamp(at)
	out.SetSeverity(rec.severity)
	out.SetSeverityText(strings.ToUpper(rec.severity.String()))
	out.SetEventName(rec.event)
	out.SetBody(log.StringValue(rec.body))
	out.AddAttributes(rec.attributes...)
	r.sim.telemetry.Logger(service).Emit(ctx, out)
}

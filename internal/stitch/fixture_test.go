package stitch

import (
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// origin of all times in the fixtures: 2026-11-21 02:00 UTC.
var midnight = time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC).UnixNano()

// sec makes a time from seconds since then.
func sec(s float64) int64 { return midnight + int64(s*float64(time.Second)) }

func span(kind operation.Kind, service string, id, parent byte, from, to float64) operation.Fact {
	f := operation.Fact{
		Kind: kind, Service: service, Instance: service + "-1", ID: "order-42", OperationName: "order.fulfil",
		Trace: operation.TraceID{0xa3}, Span: operation.SpanID{id}, At: sec(from), End: sec(to),
		Consumer: kind == operation.KindProcess, Remote: kind == operation.KindProcess,
		JoinedBy: operation.ReasonCorrelationID, System: "kafka",
	}
	if parent != 0 {
		f.Parent = operation.SpanID{parent}
	}
	return f
}

func request(id byte, from, to float64) operation.Fact {
	f := span(operation.KindWork, "order-api", id, 0, from, to)
	f.Name, f.System = "POST /orders", ""
	return f
}

func send(id, parent byte, destination string, from, to float64) operation.Fact {
	f := span(operation.KindSend, "order-api", id, parent, from, to)
	f.Destination, f.Name = destination, "send "+destination
	return f
}

func process(id, parent byte, destination, service string, from, to float64) operation.Fact {
	f := span(operation.KindProcess, service, id, parent, from, to)
	f.Destination, f.Name = destination, "process "+destination
	return f
}

func failed(f operation.Fact, kind, message string) operation.Fact {
	f.Outcome, f.ErrorType, f.ErrorMessage = operation.OutcomeError, kind, message
	return f
}

func by(f operation.Fact, service string) operation.Fact {
	f.Service, f.Instance = service, service+"-1"
	return f
}

func group(f operation.Fact, name string) operation.Fact {
	f.Group = name
	return f
}

func record(kind operation.Kind, service string, id byte, at float64, text string) operation.Fact {
	return operation.Fact{
		Kind: kind, Service: service, Instance: service + "-1", ID: "order-42", Trace: operation.TraceID{0xa3}, Span: operation.SpanID{id},
		At: sec(at), Name: text, Severity: 9, JoinedBy: operation.ReasonCorrelationID,
	}
}

func exception(service string, id byte, at float64, kind, message string) operation.Fact {
	f := record(operation.KindException, service, id, at, "exception")
	f.ErrorType, f.ErrorMessage, f.Detail = kind, message, kind+": "+message+"\n\tat Pay.charge(Pay.java:12)"
	return f
}

// apart puts a record in a trace of its own, linked to a span of the first trace.
func apart(f operation.Fact, trace, link byte) operation.Fact {
	f.Trace, f.Parent, f.Remote, f.JoinedBy = operation.TraceID{trace}, operation.SpanID{}, false, operation.ReasonLink
	f.LinkTrace, f.LinkSpan = operation.TraceID{0xa3}, operation.SpanID{link}
	return f
}

type habits struct {
	operation.NoHabits
	processes bool
}

func (h habits) Processes(string) bool { return h.processes }

func policy() operation.Policy {
	p := operation.DefaultPolicy()
	p.Rule, p.Owner, p.Runbook = "orders", "team-fulfilment", "https://runbooks.example.com/orders"
	p.Severity, p.Priority = operation.SeverityCritical, 1
	return p
}

// change judges the facts at so many seconds, as the first change of the operation.
func change(facts []operation.Fact, now float64) *operation.Change {
	p := policy()
	return changeUnder(&p, facts, now)
}

func changeUnder(p *operation.Policy, facts []operation.Fact, now float64) *operation.Change {
	o := &operation.Operation{}
	for i := range facts {
		o.Add(&facts[i])
	}
	c := &operation.Change{View: o.View(habits{processes: true}), Policy: p, New: true, Revision: 1, At: sec(now)}
	c.Verdict = operation.Judge(c.View, c.Policy, &operation.Circumstances{}, c.At)
	if !c.Verdict.State.Final() {
		c.View.Await(c.Policy, &operation.Circumstances{})
	}
	if c.Verdict.State.Final() {
		c.FinalRevision = 1
	}
	return c
}

// progress is a sign of life of the consumer whose span has the ID.
func progress(service string, id byte, at, done float64) operation.Fact {
	f := record(operation.KindProgress, service, id, at, "")
	f.Progress = uint16(done*1000) + 1
	return f
}

func delayed(f operation.Fact, due float64) operation.Fact {
	f.Due = sec(due)
	return f
}

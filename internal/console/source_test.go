package console

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the time of all tests: 2026-11-21T10:00:00Z.
const now = int64(1795255200_000000000)

func ago(d time.Duration) int64 { return now - int64(d) }

// memory is a source that answers out of slices, as a source in memory is meant to.
type memory struct {
	records []Record
	grouped []incident.Incident
	counts  Stats
	covered Coverage
	ticking Clocks
	watched Telemetry
	awaited []Expectation
	taught  Learned
	itself  Self
	judging Rules
	journal *audit.Journal
	// err is returned by every method if it is set, and before is called first by every method.
	err    error
	before func()
}

func (m *memory) enter(ctx context.Context) error {
	if m.before != nil {
		m.before()
	}
	if m.err != nil {
		return m.err
	}
	return ctx.Err()
}

func (m *memory) Self(ctx context.Context) (Self, error) { return m.itself, m.enter(ctx) }

func (m *memory) Actions(ctx context.Context, q audit.Query) (audit.Page, error) {
	if err := m.enter(ctx); err != nil {
		return audit.Page{}, err
	}
	return m.journal.List(ctx, q)
}

func (m *memory) AddNote(ctx context.Context, about audit.Subject, by, note string) (audit.Entry, error) {
	if err := m.enter(ctx); err != nil {
		return audit.Entry{}, err
	}
	return m.journal.Add(ctx, time.Unix(0, now), audit.Entry{Action: audit.ActionNote, Subject: about, By: by, Note: note})
}

func (m *memory) Rules(ctx context.Context) (Rules, error) { return m.judging, m.enter(ctx) }

func (m *memory) summaries() iter.Seq[Summary] {
	return func(yield func(Summary) bool) {
		for i := range m.records {
			if !yield(summarize(&m.records[i])) {
				return
			}
		}
	}
}

func (m *memory) page(q Query) Page {
	return Merge(q, Select(q, scanOf(m.summaries())), m.lookup, nil)
}

// scanOf looks at all of them.
func scanOf(summaries iter.Seq[Summary]) Scan {
	return func(wants func(Glance) bool, called func(id, name string, aliases []string) bool) iter.Seq[Summary] {
		return func(yield func(Summary) bool) {
			for s := range summaries {
				if wants(Glance{s.State, s.Reason, s.Flags, s.UpdatedAt}) && (called == nil || called(s.ID, s.Name, s.Aliases)) && !yield(s) {
					return
				}
			}
		}
	}
}

func (m *memory) lookup(namespace, id string) (Record, bool) {
	i := slices.IndexFunc(m.records, func(r Record) bool {
		return r.View.Namespace == namespace && (r.View.ID == id || slices.Contains(r.View.Aliases, id))
	})
	if i < 0 {
		return Record{}, false
	}
	return m.records[i], true
}

func (m *memory) Operation(ctx context.Context, namespace, id string) (Record, error) {
	if err := m.enter(ctx); err != nil {
		return Record{}, err
	}
	r, ok := m.lookup(namespace, id)
	if !ok {
		return Record{}, ErrNotFound
	}
	return r, nil
}

func (m *memory) Operations(ctx context.Context, q Query) (Page, error) {
	if err := m.enter(ctx); err != nil {
		return Page{}, err
	}
	return m.page(q), nil
}

func (m *memory) Health(ctx context.Context, q HealthQuery) (Health, error) {
	if err := m.enter(ctx); err != nil {
		return Health{}, err
	}
	return CheckHealth(q, m.summaries()), nil
}

func (m *memory) Incident(ctx context.Context, id string) (incident.Incident, error) {
	if err := m.enter(ctx); err != nil {
		return incident.Incident{}, err
	}
	i := slices.IndexFunc(m.grouped, func(i incident.Incident) bool { return i.ID == id })
	if i < 0 {
		return incident.Incident{}, ErrNotFound
	}
	return m.grouped[i], nil
}

func (m *memory) ActOnIncident(ctx context.Context, id string, action incident.Action, mark incident.Mark) (incident.Incident, error) {
	i, err := m.Incident(ctx, id)
	switch {
	case err != nil:
		return i, err
	case mark.Until != 0 && mark.Until <= now:
		return i, incident.ErrPast
	case action == incident.ActionAcknowledge && i.State == incident.StateResolved:
		return i, incident.ErrResolved
	}
	mark.At = now
	switch action {
	case incident.ActionAcknowledge:
		i.Acknowledged = &mark
	case incident.ActionMute:
		i.Muted = &mark
	}
	return i, nil
}

func (m *memory) Incidents(ctx context.Context, q IncidentQuery) (IncidentPage, error) {
	if err := m.enter(ctx); err != nil {
		return IncidentPage{}, err
	}
	return SelectIncidents(q, slices.Values(m.grouped)), nil
}

func (m *memory) Stats(ctx context.Context) (Stats, error) {
	if err := m.enter(ctx); err != nil {
		return Stats{}, err
	}
	s := m.counts
	s.Operations = Tally(m.summaries())
	return s, nil
}

func (m *memory) Coverage(ctx context.Context) (Coverage, error) {
	if err := m.enter(ctx); err != nil {
		return Coverage{}, err
	}
	return m.covered, nil
}

// example is a source with one operation of each state, and two incidents.
func example() *memory {
	return &memory{
		journal: audit.New(),
		records: []Record{stuckRecord(), completedRecord(), failedRecord(), openRecord()},
		grouped: []incident.Incident{
			{
				ID: "inc-1", State: incident.StateOpen, Version: 1, Revision: 7,
				Key: incident.Key{
					Kind: operation.StateStuck, Reason: operation.StuckWaiting, OperationName: "order-fulfilment", Destination: "orders",
				},
				Severity: operation.SeverityCritical, Priority: 1, Owner: "team-fulfilment", Runbook: "https://runbooks.example.com/orders",
				Active: 2000, Total: 2100, Lost: 1, FirstSeen: ago(5 * time.Minute), LastSeen: ago(time.Minute),
				OpenedAt: ago(4 * time.Minute), UpdatedAt: ago(time.Second), ResolvedAt: ago(time.Hour), Reopened: 1, QuietNanos: int64(56 * time.Minute),
				Hop: incident.Hop{Index: 1, System: "kafka", Destination: "orders", Group: "payments", Service: "payments", Producer: "checkout"},
				Hints: incident.Hints{
					Traits: []cause.Hint{{
						Trait: cause.Trait{Attribute: cause.AttributeInstance, Value: "payments-3"}, Side: cause.SideConsumer, Destination: "orders", Group: "payments",
						Failing: 41, FailingOf: 43, Healthy: 2, HealthyOf: 95,
					}},
					Deployment:   cause.Deployment{Service: "payments", Version: "2.0", Previous: "1.9", At: ago(6 * time.Minute)},
					Silent:       incident.Silence{Service: "payments", Since: ago(5 * time.Minute)},
					LastConsumer: operation.Sighting{Group: "payments", Service: "payments", At: ago(5 * time.Minute)},
				},
				Operations: []incident.Sample{{ID: "order-42", Trace: operation.TraceID{1}}, {ID: "order/43"}},
			},
			{
				ID: "inc/2", State: incident.StateResolved, Version: 1, Revision: 2,
				Key:      incident.Key{Namespace: "tenant a", Kind: operation.StateFailed, OperationName: "refund", ErrorType: "TimeoutError", Culprit: "refund", Message: "no answer <*>"},
				Severity: operation.SeverityError, Priority: 3, Total: 1, Hop: incident.Hop{Index: -1},
				OpenedAt: ago(2 * time.Hour), UpdatedAt: ago(time.Hour), ResolvedAt: ago(time.Hour),
				Error: &operation.Error{Type: "TimeoutError", Message: "no answer <b>", Stack: "at refund.js:1"},
			},
		},
		judging: Rules{Rules: operation.NewRules(nil, operation.DefaultPolicy())},
		counts: Stats{
			StartedAt: ago(90 * time.Second),
			Facts:     map[string]uint64{"send": 5, "process": 4, "failed": 3},
			Reasons:   map[string]uint64{"correlation_id": 8, "link": 4},
			Dropped:   map[string]uint64{"runaway": 2}, WaitingForIdentity: 7,
			Evicted: map[string]uint64{"finished": 3, "open": 1}, Runaways: 1,
			Limits: map[string]int64{"max_operations": 100000, "max_facts": 10000},
		},
	}
}

func stuckRecord() Record {
	policy := &operation.Policy{
		Rule: "orders", OperationName: "order-fulfilment", Waiting: operation.Threshold{Limit: 2 * time.Minute, Source: operation.SourceRule}, Severity: operation.SeverityCritical,
		Priority: 1, Owner: "team-fulfilment", Runbook: "https://runbooks.example.com/orders",
	}
	checkout := operation.Origin{
		Service: "checkout", Instance: "checkout-1", Name: "orders publish", Trace: operation.TraceID{1}, Span: operation.SpanID{2},
		JoinedBy: operation.ReasonCorrelationID,
	}
	audit := operation.Origin{
		Service: "audit", Name: "orders process", Trace: operation.TraceID{3}, Span: operation.SpanID{4}, JoinedBy: operation.ReasonLink,
	}
	retry := audit
	retry.Span = operation.SpanID{5}
	failure := &operation.Error{Type: "IOError", Message: "disk full", Stack: "at audit.go:7", At: ago(309 * time.Second)}
	sent := ago(310 * time.Second)
	view := &operation.View{
		ID: "order-42", Aliases: []string{"corr-7", "order/42"}, Name: "orders", StartedAt: ago(312 * time.Second), LastAt: ago(300 * time.Second),
		Progress: 0.4, Facts: 9, Traces: []operation.TraceID{{1}, {3}},
		Hops: []operation.Hop{
			{
				System: "kafka", Destination: "audit", MessageID: "audit/0/17", State: operation.HopDone,
				Sends: []operation.Send{{Origin: checkout, StartedAt: sent, EndedAt: sent}},
				Consumers: []operation.Consumer{{
					Group: "auditors", Service: "audit", State: operation.HopDone, WaitedNanos: 500e6,
					Attempts: []operation.Attempt{
						{
							Origin: audit, ReceivedAt: sent + 500e6, StartedAt: sent + 500e6, EndedAt: sent + 600e6,
							Outcome: operation.OutcomeError, Error: failure,
							Notes: []operation.Note{{Origin: audit, At: sent + 550e6, Severity: 17, Body: "cannot write", Error: failure}},
						},
						{Origin: retry, ReceivedAt: sent + 700e6, StartedAt: sent + 701e6, EndedAt: sent + 800e6, Outcome: operation.OutcomeOK},
					},
				}},
			},
			{
				System: "kafka", Destination: "orders", State: operation.HopWaiting,
				Sends: []operation.Send{{Origin: checkout, StartedAt: sent}},
			},
		},
		Works: []operation.Work{{Origin: checkout, StartedAt: ago(312 * time.Second), EndedAt: ago(309 * time.Second), Outcome: operation.OutcomeOK}},
		Notes: []operation.Note{{Origin: checkout, At: ago(311 * time.Second), Severity: 9, Body: "order accepted"}},
	}
	return Record{
		View: view, Name: "order-fulfilment", Policy: policy, TraceID: operation.TraceID{0xab, 0xcd}, UpdatedAt: ago(time.Second),
		IncidentID: "inc-1",
		Verdict: operation.Verdict{
			State: operation.StateStuck, Reason: operation.StuckWaiting, Flags: operation.FlagRetried | operation.FlagDuplicated,
			Hop: 1, Consumer: -1, Since: sent, Threshold: int64(2 * time.Minute),
		},
	}
}

func completedRecord() Record {
	return Record{
		View: &operation.View{
			ID: "signup/ü%2F 1", Namespace: "tenant a", Name: "signup", StartedAt: ago(time.Hour), LastAt: ago(59 * time.Minute), Facts: 1, Progress: -1,
		},
		Name: "signup", UpdatedAt: ago(30 * time.Minute),
		Verdict: operation.Verdict{State: operation.StateCompleted, Hop: -1, Consumer: -1, EndedAt: ago(59 * time.Minute)},
	}
}

func failedRecord() Record {
	failure := &operation.Error{Type: "ValueError", Message: "bad amount"}
	origin := operation.Origin{Service: "refunds", Name: "refund process", JoinedBy: operation.ReasonTrace}
	return Record{
		View: &operation.View{
			ID: "refund-1", Name: "refund", StartedAt: ago(10 * time.Minute), LastAt: ago(9 * time.Minute), Facts: 2, Progress: -1,
			Hops: []operation.Hop{{
				System: "rabbitmq", Destination: "refund", State: operation.HopFailed,
				Consumers: []operation.Consumer{{
					Group: "refunds", Service: "refunds", State: operation.HopFailed, WaitedNanos: -1,
					Attempts: []operation.Attempt{{
						Origin: origin, ReceivedAt: ago(10 * time.Minute), EndedAt: ago(9 * time.Minute),
						Outcome: operation.OutcomeError, Error: failure,
					}},
				}},
			}},
		},
		Name: "refund", UpdatedAt: ago(8 * time.Minute), Runaway: true,
		Verdict: operation.Verdict{
			State: operation.StateFailed, Hop: 0, Consumer: 0, Since: ago(9 * time.Minute), EndedAt: ago(9 * time.Minute),
			Threshold: int64(30 * time.Second),
		},
	}
}

func openRecord() Record {
	return Record{
		View:      &operation.View{ID: "..", Name: "order-fulfilment", Facts: 1, Progress: -1},
		Name:      "order-fulfilment",
		UpdatedAt: ago(time.Minute), Verdict: operation.Verdict{Hop: -1, Consumer: -1},
	}
}

// fixed answers every list with the same page, so that a benchmark measures the response alone.
type fixed struct {
	*memory
	page Page
}

func (f fixed) Operations(context.Context, Query) (Page, error) { return f.page, nil }

func (m *memory) Learned(ctx context.Context) (Learned, error) {
	if err := m.enter(ctx); err != nil {
		return Learned{}, err
	}
	return m.taught, nil
}

func (m *memory) Clocks(ctx context.Context, limit int) (Clocks, error) {
	c := m.ticking
	c.Pairs = c.Pairs[:min(limit, len(c.Pairs))]
	return c, m.enter(ctx)
}

func (m *memory) Expectations(ctx context.Context) ([]Expectation, error) {
	return m.awaited, m.enter(ctx)
}

func (m *memory) Telemetry(ctx context.Context, limit int) (Telemetry, error) {
	t := m.watched
	t.Services, t.Gaps = t.Services[:min(limit, len(t.Services))], t.Gaps[:min(limit, len(t.Gaps))]
	return t, m.enter(ctx)
}

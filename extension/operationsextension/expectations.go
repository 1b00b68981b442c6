package operationsextension

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/operation"
)

// expectations notices operations that should have started and did not. Each row of starts that did not come is shown as one
// operation without facts.
type expectations struct {
	tracker *expect.Tracker // nil without any expectation
	// rules are those with an expectation, by name; immutable.
	rules map[string]*expectation
	gaps  *gaps
	// retention is how long a row stays readable after a start ended it.
	retention time.Duration

	mu   sync.Mutex
	rows map[string]*row // guarded by mu; by the ID of the operation
	// evicted counts the rows that are over and left before their retention was, to stay within bounds.
	evicted uint64 // guarded by mu
	// output is the number of the latest output, told that of the last one with which everybody has dealt; told is below 0 where
	// nobody keeps these numbers.
	output, told int64 // guarded by mu
}

// expectation is a rule with one.
type expectation struct {
	policy *operation.Policy
	// name is what the operations that stand for missed starts are called.
	name string

	mu       sync.Mutex
	services []string // guarded by mu; that began operations of the rule lately, the latest first
}

// row is a row of missed starts.
type row struct {
	expect.Missed
	view            *operation.View
	verdict, before operation.Verdict
	revision        uint32
	// output is the number of the output that told of the row as it is, 0 until it has one.
	output int64
	// restored says that it was told before a restart, and that nothing but this is known; again that it is to be told once more.
	restored, again bool
	// decidedAt is when the last due time of it was decided, updatedAt when the row last changed.
	decidedAt, updatedAt int64
}

const (
	// maxRunners bounds the services that are known to begin operations of a rule.
	maxRunners = 8
	// maxRows bounds the rows that are held, the open ones of all rules besides.
	maxRows = 1000
	// gapsShow is how long after a start was missed telemetry that turns out to be lacking is still taken for the reason.
	gapsShow = int64(time.Minute)
)

func newExpectations(cfg *Config, g *gaps, now time.Time) (*expectations, error) {
	x := &expectations{gaps: g, retention: cfg.Retention, rules: map[string]*expectation{}, rows: map[string]*row{}, told: -1}
	var all []expect.Expectation
	base := cfg.basePolicy()
	for i := range cfg.Rules {
		r := &cfg.Rules[i]
		if r.Expect == nil {
			continue
		}
		schedule, err := r.Expect.Schedule("expect")
		if err != nil {
			return nil, err
		}
		policy := r.over(base)
		x.rules[r.Name] = &expectation{policy: &policy, name: cmp.Or(r.OperationName, r.Name)}
		all = append(all, expect.Expectation{Rule: r.Name, Schedule: schedule})
	}
	if len(all) == 0 {
		return x, nil
	}
	var err error
	x.tracker, err = expect.New(expect.Settings{Since: now, ArrivalGrace: cfg.ArrivalGrace}, all)
	return x, err
}

// judged is told of each operation whenever it is judged, nil without any expectation.
func (x *expectations) judged() func(*operation.View, *operation.Policy, int64) {
	if x.tracker == nil {
		return nil
	}
	return func(v *operation.View, p *operation.Policy, at int64) {
		rule := x.rules[p.Rule]
		if rule == nil || v.StartedAt == 0 {
			return
		}
		x.tracker.Started(p.Rule, time.Unix(0, v.StartedAt), time.Unix(0, at))
		rule.ranBy(beginner(v))
	}
}

// beginner is the service in which the operation began, as far as it is known.
func beginner(v *operation.View) string {
	service, at := "", int64(0)
	first := func(name string, started int64) {
		if name != "" && (service == "" || started < at) {
			service, at = name, started
		}
	}
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Sends {
			first(h.Sends[k].Service, h.Sends[k].StartedAt)
		}
		for k := range h.Consumers {
			first(h.Consumers[k].Service, h.Consumers[k].Attempts[0].ReceivedAt)
		}
	}
	for i := range v.Works {
		first(v.Works[i].Service, v.Works[i].StartedAt)
	}
	return service
}

func (e *expectation) ranBy(service string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if service == "" || (len(e.services) > 0 && e.services[0] == service) {
		return
	}
	e.services = slices.DeleteFunc(e.services, func(s string) bool { return s == service })
	e.services = slices.Insert(e.services, 0, service)
	e.services = e.services[:min(len(e.services), maxRunners)]
}

func (e *expectation) runners() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.services)
}

// sweep returns the changes of what stands for missed starts.
func (x *expectations) sweep(now time.Time) []operation.Change {
	if x.tracker == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	changes := x.tellAgain()
	for _, m := range x.tracker.Due(now) {
		r := x.rows[missedID(&m)]
		if r == nil {
			r = &row{}
			x.rows[missedID(&m)] = r
		}
		if m.Count != r.Count {
			r.decidedAt = now.UnixNano()
		}
		r.Missed, r.restored = m, false
		changes = x.judge(r, now, changes)
	}
	for _, r := range x.rows {
		if r.updatedAt != now.UnixNano() && r.RecoveredAt.IsZero() {
			changes = x.judge(r, now, changes)
		}
	}
	x.forget(now)
	return changes
}

func missedID(m *expect.Missed) string {
	return "missed:" + m.Rule + ":" + m.FirstDueAt.UTC().Format(time.RFC3339)
}

// judge brings a row up to date, and appends the change if there is one. Called with the lock held.
func (x *expectations) judge(r *row, now time.Time, changes []operation.Change) []operation.Change {
	rule, before, grew := x.rules[r.Rule], r.verdict, r.view == nil || r.view.Missed != r.Count
	first := r.view == nil
	if first {
		before = operation.Verdict{Hop: -1, Consumer: -1}
	}
	verdict := operation.Verdict{
		State: operation.StateStuck, Reason: operation.StuckMissed, Hop: -1, Consumer: -1, Since: r.FirstDueAt.UnixNano(),
		Threshold: int64(r.Grace), Source: operation.SourceSchedule,
	}
	// A start that was missed for certain does not become doubtful later.
	doubtful := first || grew || before.State == operation.StateUnknown || now.UnixNano()-r.decidedAt <= gapsShow
	if !r.RecoveredAt.IsZero() {
		verdict = operation.Verdict{State: operation.StateCompleted, Hop: -1, Consumer: -1, EndedAt: r.RecoveredAt.UnixNano()}
		if r.InTime {
			verdict.Flags |= operation.FlagLateEvidence
		}
	} else if service, lacking := x.lacking(r, rule); lacking && doubtful {
		verdict.State, verdict.Reason, verdict.Silent = operation.StateUnknown, operation.StuckTelemetryGap, service
	}
	if r.restored {
		before, r.restored = verdict, false
	}
	if !grew && verdict.SameOutcome(before) {
		return changes
	}
	r.verdict, r.before, r.updatedAt, r.output = verdict, before, now.UnixNano(), 0
	r.revision++
	r.view = r.operation(rule)
	return append(changes, x.change(r, first))
}

// operation is what stands for the row.
func (r *row) operation(rule *expectation) *operation.View {
	return &operation.View{
		ID: missedID(&r.Missed), Name: rule.name, StartedAt: r.FirstDueAt.UnixNano(), LastAt: r.DueAt.UnixNano(), Progress: -1, Missed: r.Count,
	}
}

func (x *expectations) change(r *row, first bool) operation.Change {
	c := operation.Change{
		View: r.view, Verdict: r.verdict, Before: r.before, New: first, Policy: x.rules[r.Rule].policy, Revision: r.revision, At: r.updatedAt,
	}
	if r.verdict.State.Final() {
		c.FinalRevision = 1
	}
	return c
}

// lacking reports whether the last start of a row may have gone unseen, and whose telemetry is lacking, "" for everybody's.
func (x *expectations) lacking(r *row, rule *expectation) (service string, lacking bool) {
	if r.Blind {
		return "", true
	}
	from, until := r.DueAt.UnixNano(), r.DueAt.Add(r.Grace).UnixNano()
	if x.gaps.ofAll(from, until) {
		return "", true
	}
	for _, service := range rule.runners() {
		if x.gaps.since(service, r.halfWay(), from, until) {
			return service, true
		}
	}
	return "", false
}

// halfWay is the middle between the last start and the due time. A service that has been silent for longer is one that speaks
// only when it runs: that nothing comes of it does not excuse that it does not run.
func (r *row) halfWay() int64 {
	if r.LastStartedAt.IsZero() {
		return 0
	}
	return r.LastStartedAt.Add(r.DueAt.Sub(r.LastStartedAt) / 2).UnixNano()
}

// forget lets go the rows that are over. Called with the lock held.
func (x *expectations) forget(now time.Time) {
	var over []*row
	for id, r := range x.rows {
		switch {
		case r.RecoveredAt.IsZero():
		case now.UnixNano()-r.updatedAt >= int64(x.retention):
			delete(x.rows, id)
		default:
			over = append(over, r)
		}
	}
	if len(over) <= maxRows {
		return
	}
	slices.SortFunc(over, func(a, b *row) int { return cmp.Compare(a.updatedAt, b.updatedAt) })
	for _, r := range over[:len(over)-maxRows] {
		delete(x.rows, r.view.ID)
		x.evicted++
	}
}

// get returns the operation that stands for missed starts with the ID.
func (x *expectations) get(id string) (row, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.rows[id]; r != nil && r.view != nil {
		return *r, true
	}
	return row{}, false
}

// all yields the operations that stand for missed starts.
func (x *expectations) all() iter.Seq[row] {
	x.mu.Lock()
	rows := make([]row, 0, len(x.rows))
	for _, r := range x.rows {
		if r.view != nil {
			rows = append(rows, *r)
		}
	}
	x.mu.Unlock()
	return slices.Values(rows)
}

func (x *expectations) evictions() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.evicted
}

package operation

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// veteran is an Experience made of tables.
type veteran struct {
	usual      map[Stage]Usual
	successors map[string][]Successor
	groups     map[string][]UsualGroup
	consumers  map[string][]string
	// renamed has the names by which groups go now.
	renamed map[string]string
}

func (e *veteran) Usual(s Stage) (Usual, bool) {
	u, ok := e.usual[s]
	return u, ok
}

func (e *veteran) Successors(_, destination, _ string, dst []Successor) []Successor {
	return append(dst, e.successors[destination]...)
}

func (e *veteran) Groups(destination string, dst []UsualGroup) []UsualGroup {
	return append(dst, e.groups[destination]...)
}

func (e *veteran) Renamed(destination, group, now string) bool {
	name, ok := e.renamed[destination+"/"+group]
	return ok && name == now
}

func (e *veteran) Consumers(destination string, dst []string) []string {
	return append(dst, e.consumers[destination]...)
}

// silence is a Telemetry in which services are silent from one time to another, in seconds.
type silence map[string][2]float64

func (s silence) Lacks(service string, from, until int64) bool {
	gap, ok := s[service]
	return ok && sec(gap[0]) < until && sec(gap[1]) > from
}

// decided is what a test looks at.
type decided struct {
	state     State
	reason    StuckReason
	hop       int
	group     string
	awaited   string
	since     float64
	threshold float64
	source    ThresholdSource
	next      float64
}

func decide(facts []Fact, p *Policy, c *Circumstances, now float64) decided {
	v := Judge(build(facts).View(NoHabits{}), p, c, sec(now))
	seconds := func(nanos int64) float64 { return float64(nanos) / float64(time.Second) }
	return decided{v.State, v.Reason, v.Hop, v.Group, v.Awaited, seconds(v.Since), seconds(v.Threshold), v.Source, seconds(v.Next)}
}

// inProgress is what is to be judged again at a time.
func inProgress(next float64) decided { return decided{hop: -1, next: next} }

func forHop(h HopPolicy) *Policy {
	p := testPolicy()
	p.Stalled.Limit = 40 * time.Second
	h.Source = SourceHop
	p.Hops = []HopPolicy{h.Compiled()}
	return &p
}

var (
	sent     = []Fact{send(1, "orders", 1, 1.1)}
	consumed = append(slices.Clone(sent), process(2, 1, "orders", "worker", 2, 3))
	goneOn   = append(slices.Clone(consumed), under(by(send(3, "payments", 2.5, 2.6), "worker"), 2), process(4, 3, "payments", "payer", 5, 6))
)

func TestDeclaredForHops(t *testing.T) {
	none := &Circumstances{}
	stuck := decided{state: StateStuck, reason: StuckWaiting, since: 1, threshold: 5, source: SourceHop}
	require.Equal(t, stuck, decide(sent, forHop(HopPolicy{Destination: []string{"ord*"}, Waiting: new(5 * time.Second)}), none, 6))
	require.Equal(t, inProgress(61), decide(sent, forHop(HopPolicy{Destination: []string{"other"}, Waiting: new(5 * time.Second)}), none, 6))
	require.Equal(t, inProgress(61), decide(sent, forHop(HopPolicy{Group: []string{"g"}, Waiting: new(5 * time.Second)}), none, 6), "no group is known")

	processing := append(slices.Clone(sent), unended(process(2, 1, "orders", "worker", 2, 0)))
	stuck = decided{state: StateStuck, reason: StuckProcessing, since: 2, threshold: 7, source: SourceHop}
	require.Equal(t, stuck, decide(processing, forHop(HopPolicy{Group: []string{"worker"}, Processing: new(7 * time.Second)}), none, 9))

	first := HopPolicy{Destination: []string{"orders"}, Processing: new(time.Second), Source: SourceHop}.Compiled()
	second := HopPolicy{Destination: []string{"orders"}, Waiting: new(9 * time.Second), Processing: new(2 * time.Second), Source: SourceDestination}.Compiled()
	p := testPolicy()
	p.Hops = []HopPolicy{first, second}
	require.Equal(t, SourceHop, decide(processing, &p, none, 100).source, "the first that says something")
	require.Equal(t, SourceDestination, decide(sent, &p, none, 100).source, "each threshold by itself")
}

func TestStalled(t *testing.T) {
	none := &Circumstances{}
	then := forHop(HopPolicy{Destination: []string{"orders"}, Then: []string{"pay*"}})
	require.Equal(t, decided{hop: -1, next: 43}, decide(consumed, then, none, 42), "it is not over")
	stalled := decided{state: StateStuck, reason: StuckStalled, awaited: "pay*", since: 3, threshold: 40}
	got := decide(consumed, then, none, 43)
	require.Equal(t, stalled, got)
	require.Equal(t, StateCompleted, decide(goneOn, then, none, 43).state)

	known := &Circumstances{Experience: &veteran{successors: map[string][]Successor{"orders": {{Destination: "payments", Usual: Usual{Threshold: sec(30), Samples: 200}}}}}}
	p := testPolicy()
	stalled.awaited, stalled.threshold, stalled.source = "payments", 30, SourceLearned
	require.Equal(t, stalled, decide(consumed, &p, known, 33))
	require.Equal(t, StateCompleted, decide(goneOn, &p, known, 33).state)
	never := forHop(HopPolicy{Destination: []string{"orders"}, Then: []string{}})
	require.Equal(t, StateCompleted, decide(consumed, never, known, 33).state, "a declaration is above experience")

	ends := testPolicy()
	ends.Stalled, ends.CompletesOn = Threshold{Limit: 20 * time.Second, Source: SourceRule}, "payments"
	stalled.threshold, stalled.source = 20, SourceRule
	require.Equal(t, stalled, decide(consumed, &ends, none, 23), "everything is done, and the declared end was not reached")
	require.Equal(t, StateCompleted, decide(goneOn, &ends, none, 7).state)
}

func TestMissingGroup(t *testing.T) {
	groups := func(names ...string) *Policy {
		return forHop(HopPolicy{Destination: []string{"orders"}, Groups: append([]string{}, names...)})
	}
	none := &Circumstances{}
	missing := decided{state: StateStuck, reason: StuckWaiting, group: "audit", since: 1, threshold: 60}
	require.Equal(t, decided{hop: -1, next: 61}, decide(consumed, groups("worker", "audit"), none, 60))
	view := build(consumed).View(NoHabits{})
	view.Await(groups("worker", "audit"), none)
	require.Equal(t, []string{"audit"}, view.Hops[0].Awaited)
	require.Equal(t, missing, decide(consumed, groups("worker", "audit"), none, 61))
	both := append(slices.Clone(consumed), group(process(5, 1, "orders", "auditor", 4, 5), "audit"))
	require.Equal(t, StateCompleted, decide(both, groups("worker", "audit"), none, 61).state)

	p := testPolicy()
	usual := &Circumstances{Experience: &veteran{
		groups: map[string][]UsualGroup{"orders": {{Group: "worker", Service: "worker"}, {Group: "audit", Service: "auditor"}}},
		usual:  map[Stage]Usual{{Kind: StageWaiting, Destination: "orders", Group: "audit"}: {Threshold: sec(30)}},
	}}
	missing.threshold, missing.source = 30, SourceLearned
	require.Equal(t, missing, decide(consumed, &p, usual, 31))
	require.Equal(t, StateCompleted, decide(both, &p, usual, 61).state)
	require.Equal(t, StateCompleted, decide(consumed, groups(), usual, 61).state, "a declaration is above experience")
	nameless := append(slices.Clone(consumed), process(5, 1, "orders", "auditor", 4, 5))
	require.Equal(t, StateCompleted, decide(nameless, &p, usual, 61).state, "its service did, and names no group")
	other := append(slices.Clone(consumed), group(process(5, 1, "orders", "auditor", 4, 5), "reports"))
	require.Equal(t, StateStuck, decide(other, &p, usual, 61).state, "its service did, as another group")
	usual.Experience.(*veteran).renamed = map[string]string{"orders/audit": "reports"}
	require.Equal(t, StateCompleted, decide(other, &p, usual, 61).state, "its service did, under its new name")
	require.Equal(t, StateStuck, decide(other, groups("worker", "audit"), usual, 61).state, "what is declared has no other name")
	stranger := append(slices.Clone(consumed), group(process(5, 1, "orders", "reporter", 4, 5), "reports"))
	require.Equal(t, StateStuck, decide(stranger, &p, usual, 61).state, "another service did")
	usual.Telemetry = silence{"auditor": {20, 500}}
	require.Equal(t, StateUnknown, decide(consumed, &p, usual, 31).state)
}

func TestLearnedThresholds(t *testing.T) {
	usual := Usual{Threshold: sec(31), Value: sec(10), Quantile: 0.999, Samples: 300}
	known := &Circumstances{Experience: &veteran{usual: map[Stage]Usual{
		{Kind: StageWaiting, Destination: "orders"}:                     usual,
		{Kind: StageProcessing, Destination: "orders", Group: "worker"}: usual,
	}}}
	p := testPolicy()
	learned := decided{state: StateStuck, reason: StuckWaiting, since: 1, threshold: 31, source: SourceLearned}
	require.Equal(t, learned, decide(sent, &p, known, 32))
	require.Equal(t, usual, Judge(build(sent).View(NoHabits{}), &p, known, sec(32)).Usual)
	p.Waiting.Source = SourceDefaults
	require.Equal(t, inProgress(61), decide(sent, &p, known, 32), "what somebody wrote is above experience")
	learned.reason, learned.since = StuckProcessing, 2
	require.Equal(t, learned, decide(append(slices.Clone(sent), unended(process(2, 1, "orders", "worker", 2, 0))), &p, known, 33))
}

func TestTelemetryGap(t *testing.T) {
	p := testPolicy()
	processing := append(slices.Clone(sent), unended(process(2, 1, "orders", "worker", 2, 0)))
	unknown := decided{state: StateUnknown, reason: StuckTelemetryGap, since: 2, threshold: 300, next: 317}
	for name, tc := range map[string]struct {
		silent silence
		state  State
	}{
		"nobody is silent":                   {silence{}, StateStuck},
		"another service is":                 {silence{"api": {0, 1000}}, StateStuck},
		"it is, from before the threshold":   {silence{"worker": {250, 1000}}, StateUnknown},
		"it was, and was heard of again":     {silence{"worker": {10, 60}}, StateUnknown},
		"it is, from after the threshold on": {silence{"worker": {302, 1000}}, StateStuck},
		"it was before it began":             {silence{"worker": {0, 2}}, StateStuck},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide(processing, &p, &Circumstances{Telemetry: tc.silent}, 302)
			require.Equal(t, tc.state, got.state)
			if tc.state == StateUnknown {
				require.Equal(t, unknown, got)
			} else {
				require.InDelta(t, 362, got.next, 0, "a silence shows late")
			}
		})
	}
	consumers := &Circumstances{Experience: &veteran{consumers: map[string][]string{"orders": {"other", "worker"}}}, Telemetry: silence{"worker": {0, 100}}}
	require.Equal(t, StateUnknown, decide(sent, &p, consumers, 61).state, "whoever usually consumes may have done so unseen")
	require.Equal(t, StateStuck, decide(sent, &p, &Circumstances{Telemetry: silence{"worker": {0, 100}}}, 61).state)
	require.Equal(t, StateUnknown, decide(sent, &p, &Circumstances{Telemetry: silence{"": {0, 100}}}, 61).state, "nothing came from anybody")
}

func TestCancelledAndProgress(t *testing.T) {
	p, none := testPolicy(), &Circumstances{}
	cancelled := append(slices.Clone(sent), record(KindOperationCancelled, "api", 1, 9))
	require.Equal(t, StateCancelled, decide(cancelled, &p, none, 9).state)
	require.Equal(t, StateCancelled, decide(cancelled, &p, none, 1e6).state)
	require.Equal(t, StateCancelled, decide(append(slices.Clone(consumed), cancelled...), &p, none, 1e6).state, "what ran on all the same")

	told := func(at float64, thousandths uint16) Fact {
		f := record(KindProgress, "worker", 2, at)
		f.Progress = thousandths + 1
		return f
	}
	processing := append(slices.Clone(sent), unended(process(2, 1, "orders", "worker", 2, 0)), told(100, 400), told(200, 800))
	require.Equal(t, decided{hop: -1, next: 500}, decide(processing, &p, none, 499))
	require.Equal(t, decided{state: StateStuck, reason: StuckProcessing, since: 200, threshold: 300}, decide(processing, &p, none, 500))
	require.InDelta(t, 0.8, build(processing).View(NoHabits{}).Progress, 0)
	require.InDelta(t, -1, build(sent).View(NoHabits{}).Progress, 0)
}

func TestClocksThatDisagree(t *testing.T) {
	p := testPolicy()
	facts := []Fact{send(1, "orders", 10, 10.1), process(2, 1, "orders", "worker", 8, 9)}
	view := build(facts).View(NoHabits{})
	require.Zero(t, view.Hops[0].Consumers[0].WaitedNanos, "a negative wait is none")
	require.Equal(t, FlagSkewed, Judge(view, &p, &Circumstances{}, sec(100)).Flags)

	view = build(facts).View(&knowing{offsets: map[[2]string]int64{{"api", "worker"}: sec(3)}})
	require.Equal(t, sec(1), view.Hops[0].Consumers[0].WaitedNanos)
	require.True(t, view.Hops[0].Consumers[0].Skewed)
	from, to, recorded, ok := view.Hops[0].RecordedWait(&view.Hops[0].Consumers[0])
	require.True(t, ok)
	require.Equal(t, []any{"api", "worker", sec(-2)}, []any{from, to, recorded})
}

func TestMessagesAreInOrderOfCause(t *testing.T) {
	// The worker's clock is 10 s behind.
	facts := []Fact{
		send(1, "orders", 20, 20.1), process(2, 1, "orders", "worker", 11, 12), under(by(send(3, "payments", 11.5, 11.6), "worker"), 2),
		process(4, 3, "payments", "payer", 22, 23), under(by(send(5, "mails", 22.5, 22.6), "payer"), 4),
	}
	for range 2 {
		var got []string
		for _, h := range build(facts).View(NoHabits{}).Hops {
			got = append(got, h.Destination)
		}
		require.Equal(t, []string{"orders", "payments", "mails"}, got)
		slices.Reverse(facts)
	}
}

// TestAStuckVerdictIsLookedAtAgain, because a service that sends seldom shows only later that it is silent.
func TestAStuckVerdictIsLookedAtAgain(t *testing.T) {
	p := testPolicy()
	known := &Circumstances{Telemetry: silence{}}
	processing := append(slices.Clone(sent), unended(process(2, 1, "orders", "worker", 2, 0)))
	due := decide(processing, &p, known, 10_000).since + p.Processing.Limit.Seconds()
	for at, next := range map[float64]float64{0: 60, 59: 60, 60: 120, 119: 120, 120: 240, 1000: 1920, 1919: 1920, 1920: 0} {
		d := decide(processing, &p, known, due+at)
		require.Equal(t, StateStuck, d.state)
		if next != 0 {
			next += due
		}
		require.InDelta(t, next, d.next, 0.001, at)
	}
}

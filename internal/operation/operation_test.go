package operation

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawFacts draws a list of facts over few traces, spans and names, so that they meet.
func drawFacts(t *rapid.T) []Fact {
	return rapid.SliceOfN(rapid.Custom(drawFact), 0, 40).Draw(t, "facts")
}

func drawFact(t *rapid.T) Fact {
	names := rapid.SampledFrom([]string{"", "a", "b"})
	at := rapid.Int64Range(1, 60).Draw(t, "at") * int64(time.Second)
	f := Fact{
		Kind:      rapid.SampledFrom([]Kind{KindSend, KindReceive, KindProcess, KindSettle, KindTask, KindInsert, KindWork, KindStarted, KindSucceeded, KindFailed, KindLog, KindException, KindAlias, KindAlive, KindProgress, KindOperationCancelled}).Draw(t, "kind"),
		Outcome:   rapid.SampledFrom([]Outcome{OutcomeUnset, OutcomeOK, OutcomeError}).Draw(t, "outcome"),
		Remote:    rapid.Bool().Draw(t, "remote"),
		JoinedBy:  rapid.SampledFrom([]Reason{ReasonCorrelationID, ReasonTrace, ReasonLink}).Draw(t, "reason"),
		At:        at,
		End:       at + rapid.Int64Range(0, 5).Draw(t, "length")*int64(time.Second),
		ID:        rapid.SampledFrom([]string{"", "order-1", "corr-1"}).Draw(t, "id"),
		Service:   rapid.SampledFrom([]string{"api", "worker", "mailer"}).Draw(t, "service"),
		Name:      names.Draw(t, "name"),
		MessageID: rapid.SampledFrom([]string{"", "m1", "m2", "0123456789abcdef"}).Draw(t, "message"),
		Group:     rapid.SampledFrom([]string{"", "g1", "g2"}).Draw(t, "group"),
	}
	f.Destination = rapid.SampledFrom([]string{"", "a", "b", "a.retry", "a.dlq"}).Draw(t, "destination")
	f.Disposition = Disposition(rapid.IntRange(0, int(DispositionDeadLetter)).Draw(t, "disposition"))
	f.Type = rapid.SampledFrom([]string{"", "charge", "pack"}).Draw(t, "type")
	f.Due = rapid.SampledFrom([]int64{0, f.At, f.At + 20}).Draw(t, "due")
	f.Consumer, f.Batch = rapid.Bool().Draw(t, "consumer"), rapid.IntRange(0, 4).Draw(t, "batch") == 0
	f.Severity = rapid.SampledFrom([]uint8{0, 9, severityError}).Draw(t, "severity")
	f.Delivery = uint16(rapid.IntRange(0, 2).Draw(t, "delivery"))
	if rapid.IntRange(0, 9).Draw(t, "open") == 0 {
		f.End = 0
	}
	f.IDRank = uint8(len(f.ID) % 3)
	f.Trace[0] = byte(rapid.IntRange(1, 3).Draw(t, "trace"))
	f.Span[0] = byte(rapid.IntRange(1, 9).Draw(t, "span"))
	f.Parent[0] = byte(rapid.IntRange(0, 9).Draw(t, "parent"))
	if rapid.Bool().Draw(t, "linked") {
		f.LinkTrace[0] = byte(rapid.IntRange(1, 3).Draw(t, "linkTrace"))
		f.LinkSpan[0] = byte(rapid.IntRange(1, 9).Draw(t, "linkSpan"))
	}
	return f
}

// testSymbols is small, so that some names are shared and others are not.
var testSymbols = NewSymbols(12)

func build(facts []Fact) *Operation {
	o := New(testSymbols)
	for i := range facts {
		o.Add(&facts[i])
	}
	return &o
}

// requireSame requires equal operations, views and verdicts at several times.
func requireSame(t require.TestingT, want, got *Operation) {
	require.True(t, want.Equal(got), "facts differ")
	p := DefaultPolicy()
	for _, h := range []Habits{NoHabits{}, allProcess{}, someHabits} {
		v, w := want.View(h), got.View(h)
		require.Equal(t, v, w)
		for _, now := range []time.Duration{0, 10 * time.Second, time.Minute, time.Hour} {
			require.Equal(t, Judge(v, &p, &Circumstances{}, int64(now)), Judge(w, &p, &Circumstances{}, int64(now)))
		}
	}
}

// someHabits say yes to what some of the drawn facts name.
var someHabits = &knowing{processes: "worker", sender: "mailer", table: "a", once: "b", dead: "a.dlq", again: "a.retry"}

type allProcess struct{ NoHabits }

func (allProcess) TaskTable(string) bool { return true }

func (allProcess) Processes(string) bool { return true }

func TestOrderOfFactsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		shuffled := append([]Fact(nil), facts...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		requireSame(t, build(facts), build(shuffled))
	})
}

func TestDuplicatedFactsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		twice := append([]Fact(nil), facts...)
		if len(facts) > 0 {
			twice = append(twice, rapid.SliceOf(rapid.SampledFrom(facts)).Draw(t, "again")...)
		}
		requireSame(t, build(facts), build(twice))
	})
}

func TestSplitAndMergeDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		parts := [3]Operation{}
		for _, f := range facts {
			parts[rapid.IntRange(0, 2).Draw(t, "part")].Add(&f)
		}
		left, right := Operation{}, Operation{}
		left.Merge(&parts[0])
		left.Merge(&parts[1])
		left.Merge(&parts[2])
		right.Merge(&parts[2])
		right.Merge(&parts[1])
		right.Merge(&parts[0])
		right.Merge(&left)
		requireSame(t, build(facts), &left)
		requireSame(t, build(facts), &right)
	})
}

func TestReadingBetweenDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		o := &Operation{}
		for _, f := range facts {
			o.Add(&f)
			if rapid.Bool().Draw(t, "read") {
				o.View(NoHabits{})
			}
		}
		requireSame(t, build(facts), o)
	})
}

func TestViewsAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := build(drawFacts(t))
		v := o.View(rapid.SampledFrom([]Habits{NoHabits{}, allProcess{}, someHabits}).Draw(t, "habits"))
		for _, h := range v.Hops {
			require.Positive(t, len(h.Sends)+len(h.Consumers), "a hop without evidence")
			for _, c := range h.Consumers {
				require.NotEmpty(t, c.Attempts)
				require.GreaterOrEqual(t, c.WaitedNanos, int64(-1))
				for i := 1; i < len(c.Attempts); i++ {
					require.LessOrEqual(t, c.Attempts[i-1].begin(), c.Attempts[i].begin())
				}
			}
		}
		p := DefaultPolicy()
		verdict := Judge(v, &p, &Circumstances{}, int64(time.Hour))
		require.Less(t, verdict.Hop, len(v.Hops))
		if o.Len() > 0 {
			require.NotEqual(t, StateInProgress, verdict.State, "every default threshold has passed after an hour")
		}
	})
}

// drawCircumstances draws what may be known of the services, destinations and groups of drawn facts.
func drawCircumstances(t *rapid.T) *Circumstances {
	c := &Circumstances{}
	usual := func(label string) Usual {
		return Usual{Threshold: rapid.Int64Range(1, 100).Draw(t, label) * int64(time.Second), Samples: 200}
	}
	if rapid.Bool().Draw(t, "experienced") {
		e := &veteran{usual: map[Stage]Usual{}}
		for _, kind := range []StageKind{StageWaiting, StageProcessing} {
			for _, group := range []string{"", "g1", "worker"} {
				e.usual[Stage{Kind: kind, Operation: "order-1", Destination: "a", Group: group}] = usual("usual")
				e.usual[Stage{Kind: kind, Destination: "a", Group: group}] = usual("usual of all")
			}
		}
		e.successors = map[string][]Successor{"a": {{Destination: "b", Usual: usual("usual until the next")}}}
		e.groups = map[string][]UsualGroup{"a": {{Group: "g1", Service: "worker"}}, "b": {{Group: "g2", Service: "mailer"}}}
		e.consumers = map[string][]string{"a": {"worker"}, "b": {"worker", "mailer"}}
		c.Experience = e
	}
	if rapid.Bool().Draw(t, "watched") {
		silent := silence{}
		for _, service := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "api", "worker", "mailer"}), 0, 3, rapid.ID).Draw(t, "silent") {
			from := rapid.Float64Range(0, 200).Draw(t, "silent from")
			silent[service] = [2]float64{from, from + rapid.Float64Range(0, 200).Draw(t, "silent for")}
		}
		c.Telemetry = silent
	}
	return c
}

// drawAnyPolicy draws thresholds, of which some are for ever, and declarations for some hops.
func drawAnyPolicy(t *rapid.T) *Policy {
	p := DefaultPolicy()
	limit := func(label string) time.Duration {
		return time.Duration(rapid.IntRange(0, 150).Draw(t, label)) * time.Second
	}
	for _, at := range []*Threshold{&p.Waiting, &p.Processing, &p.Stalled, &p.Deadline} {
		*at = Threshold{Limit: limit("limit"), Source: rapid.SampledFrom([]ThresholdSource{SourceDefault, SourceRule}).Draw(t, "source")}
	}
	p.RetryWithin, p.Settle = limit("retry within"), limit("settle")
	p.CompletesOn = rapid.SampledFrom([]string{"", "", "b"}).Draw(t, "completes on")
	for range rapid.IntRange(0, 2).Draw(t, "declarations") {
		h := HopPolicy{Destination: []string{rapid.SampledFrom([]string{"a", "b", "*"}).Draw(t, "for")}, Source: SourceHop}
		switch rapid.IntRange(0, 3).Draw(t, "declares") {
		case 0:
			h.Then = rapid.SampledFrom([][]string{{}, {"b"}, {"a*"}}).Draw(t, "then")
		case 1:
			h.Groups = rapid.SampledFrom([][]string{{}, {"g1", "g2"}, {"worker"}}).Draw(t, "groups")
		case 2:
			h.Waiting = new(limit("hop waiting"))
		case 3:
			h.Processing, h.Stalled = new(limit("hop processing")), new(limit("hop stalled"))
		}
		p.Hops = append(p.Hops, h.Compiled())
	}
	return &p
}

// drawView draws any view.
func drawView(t *rapid.T) *View {
	v := build(drawFacts(t)).View(rapid.SampledFrom([]Habits{NoHabits{}, allProcess{}, someHabits}).Draw(t, "habits"))
	presume(t, v)
	return v
}

func TestNextIsWhenTheVerdictChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, p, c := drawView(t), drawAnyPolicy(t), drawCircumstances(t)
		now := rapid.Int64Range(0, 200).Draw(t, "now") * int64(time.Second)
		verdict := Judge(v, p, c, now)
		if verdict.Next == 0 {
			require.Equal(t, verdict, Judge(v, p, c, now+int64(24*time.Hour)))
			return
		}
		require.Greater(t, verdict.Next, now)
		for _, before := range []int64{verdict.Next - 1, rapid.Int64Range(now, verdict.Next-1).Draw(t, "before")} {
			require.True(t, verdict.SameOutcome(Judge(v, p, c, before)))
		}
	})
}

// presume does to some hops that nobody consumed what the engine does.
func presume(t *rapid.T, v *View) {
	for i := range v.Hops {
		h := &v.Hops[i]
		if len(h.Consumers) > 0 {
			continue
		}
		switch rapid.IntRange(0, 3).Draw(t, "presumed") {
		case 1:
			h.PresumeConsumed(v.LastAt)
		case 2:
			h.Uncertain = true
		}
	}
}

// TestTimeNeverUndoesAnEnd: what is completed or cancelled stays exactly that, a bad end stays a bad one.
func TestTimeNeverUndoesAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, p, c := drawView(t), drawAnyPolicy(t), drawCircumstances(t)
		now := rapid.Int64Range(0, 400).Draw(t, "now") * int64(time.Second)
		verdict := Judge(v, p, c, now)
		later := Judge(v, p, c, now+rapid.Int64Range(0, 1<<50).Draw(t, "later"))
		switch {
		case verdict.State == StateCompleted || verdict.State == StateCancelled:
			require.Equal(t, verdict, later)
		case verdict.State.Final():
			require.True(t, later.State.Bad())
		case verdict.State != StateInProgress:
			require.NotEqual(t, StateInProgress, later.State)
			require.NotEqual(t, StateCompleted, later.State, "only evidence can tell")
		}
	})
}

// TestGapsOnlyMakeStuckUnknown: that telemetry is lacking changes nothing of what does not rest on a threshold that passed.
func TestGapsOnlyMakeStuckUnknown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, p, c := drawView(t), drawAnyPolicy(t), drawCircumstances(t)
		now := rapid.Int64Range(0, 400).Draw(t, "now") * int64(time.Second)
		with, without := Judge(v, p, c, now), Judge(v, p, &Circumstances{Experience: c.Experience}, now)
		if with.SameOutcome(without) {
			return
		}
		require.Equal(t, StateStuck, without.State)
		require.Contains(t, []State{StateStuck, StateUnknown}, with.State)
		if with.State == StateUnknown {
			require.True(t, c.Telemetry.Lacks(with.Silent, with.Since, with.Since+with.Threshold))
		}
	})
}

// TestConditionsAreWhatIsJudgedBy: the verdict rests on one that has passed, and is looked at again before the next one does.
func TestConditionsAreWhatIsJudgedBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, p, c := drawView(t), drawAnyPolicy(t), drawCircumstances(t)
		now := rapid.Int64Range(0, 400).Draw(t, "now") * int64(time.Second)
		verdict := Judge(v, p, c, now)
		decided := false
		for _, condition := range Conditions(v, p, c, now) {
			due := condition.Since + int64(condition.Threshold.Limit)
			never := condition.Threshold.Limit <= 0 && !condition.State.Bad()
			decided = decided || (due <= now && !never && condition.State == verdict.State && condition.Reason == verdict.Reason &&
				condition.Since == verdict.Since && int64(condition.Threshold.Limit) == verdict.Threshold && condition.Hop == verdict.Hop)
			if condition.State == verdict.State && condition.Reason != StuckOverdue && due <= now && !never {
				require.LessOrEqual(t, verdict.Since, condition.Since, "the earliest decides")
			}
			require.NotEqual(t, StuckTelemetryGap, condition.Bound, "that is no threshold of anybody's")
			if due > now && !never && condition.Hop >= 0 {
				require.NotZero(t, verdict.Next)
				require.LessOrEqual(t, verdict.Next, due)
			}
		}
		if verdict.Since != 0 && v.Declared == OutcomeUnset {
			require.True(t, decided)
		}
	})
}

func TestTake(t *testing.T) {
	o := build([]Fact{{Kind: KindSend, At: 1, ID: "x"}, {Kind: KindLog, At: 2}, {Kind: KindLog, At: 2}})
	taken := o.Take(func(f *Fact) bool { return f.ID == "" })
	require.Len(t, taken, 1)
	require.Equal(t, 1, o.Len())
	require.Equal(t, "x", o.Identity().ID)
}

func TestFactsSurviveStoring(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFact(t)
		f.Alias, f.AliasRank = rapid.String().Draw(t, "alias"), 3
		f.Namespace, f.OperationName = rapid.String().Draw(t, "namespace"), rapid.String().Draw(t, "operation")
		f.System, f.Instance = rapid.String().Draw(t, "system"), rapid.String().Draw(t, "instance")
		f.ErrorType, f.ErrorMessage, f.Detail = rapid.String().Draw(t, "type"), rapid.String().Draw(t, "message"), rapid.String().Draw(t, "detail")
		f.Delivery = uint16(rapid.IntRange(0, 9).Draw(t, "delivery"))
		f.Progress = uint16(rapid.IntRange(0, 1001).Draw(t, "progress"))
		f.Partition = Partition(rapid.Uint16().Draw(t, "partition"))
		f.Severity = uint8(rapid.IntRange(0, 24).Draw(t, "severity"))
		f.Consumer, f.Batch = rapid.Bool().Draw(t, "consumer"), rapid.Bool().Draw(t, "batch")
		if f.ID == "" {
			f.IDRank = 0
		}
		if f.Alias == "" {
			f.AliasRank = 0
		}
		require.Equal(t, []Fact{f}, build([]Fact{f}).Facts())
	})
}

func TestSymbolsAreBounded(t *testing.T) {
	s := NewSymbols(2)
	require.EqualValues(t, 1, s.Number("a"))
	require.EqualValues(t, 2, s.Number("b"))
	require.Zero(t, s.Number("c"))
	require.EqualValues(t, 1, s.Number("a"))
	require.Equal(t, 2, s.Len())
	require.Zero(t, s.Number(string(make([]byte, maxSymbol+1))))
}

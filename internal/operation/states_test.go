package operation

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// story is an operation of which it is known what becomes of it, under what, and when to the nanosecond.
type story struct {
	facts         []Fact
	policy        Policy
	circumstances Circumstances
	// at is when it comes to this verdict if nothing more happens, which then lasts; 0: it has been from the first.
	at     int64
	state  State
	reason StuckReason
	flags  Flags
	source ThresholdSource
	// group and awaited are as in Verdict.
	group, awaited string
	// cure are later facts, with which it is completed; none if nothing cures it.
	cure []Fact
	// curedFlags are the flags it then has.
	curedFlags Flags
}

// chain is the healthy beginning of a story: messages of which each was sent while the one before was processed.
type chain struct {
	t     *rapid.T
	facts []Fact
	// last is the span that processed the last message, 0 without one; clock the time in seconds.
	last  byte
	clock float64
	spans byte
	// queue is the number of the destination that the next message goes to.
	queue int
}

func drawChain(t *rapid.T, least int) *chain {
	c := &chain{t: t, clock: 1}
	for range rapid.IntRange(least, 3).Draw(t, "messages before") {
		c.consumed(c.send(c.destination()), c.destination())
		c.queue++
	}
	return c
}

// pass lets some seconds pass.
func (c *chain) pass(label string, most int) float64 {
	c.clock += float64(rapid.IntRange(1, most).Draw(c.t, label))
	return c.clock
}

func (c *chain) destination() string { return "queue-" + strconv.Itoa(c.queue) }

// worker is who consumes from a destination.
func worker(destination string) string { return destination + "-worker" }

// send adds a send from within the last processing, and returns its span.
func (c *chain) send(destination string) byte {
	c.spans++
	at := c.clock - 0.5
	f := send(c.spans, destination, at, at+0.1)
	if c.last != 0 {
		f = under(by(f, "queue-sender"), c.last)
	}
	f.MessageID = "message-of-" + destination
	c.facts = append(c.facts, f)
	return c.spans
}

// sentAt is when the message of a span was sent.
func (c *chain) sentAt(id byte) int64 {
	return c.facts[slices.IndexFunc(c.facts, func(f Fact) bool { return f.Kind == KindSend && f.Span == SpanID{id} })].At
}

// attempt is a try at the message of a send, which takes some seconds; it comes by its parent, a link or the message's ID.
func (c *chain) attempt(sent byte, destination string) Fact {
	c.spans++
	from := c.pass("wait", 20)
	f := process(c.spans, sent, destination, worker(destination), from, c.pass("processing", 20))
	switch rapid.SampledFrom([]string{"parent", "link", "message"}).Draw(c.t, "propagation") {
	case "link":
		f = apart(f, 2+c.spans, sent)
	case "message":
		f = apart(f, 2+c.spans, 0)
	}
	f.MessageID = "message-of-" + destination
	return f
}

// consumed adds an attempt that ended well.
func (c *chain) consumed(sent byte, destination string) Fact {
	f := c.attempt(sent, destination)
	c.facts = append(c.facts, f)
	c.last = f.Span[0]
	if f.Trace != (TraceID{1}) {
		// What it sends is not in the first trace, so it is told by the message alone.
		c.last = 0
	}
	return f
}

func (c *chain) story(p Policy) story { return story{facts: c.facts, policy: p} }

// drawLimit is a threshold of whole seconds, so long that nothing healthy in a story exceeds it.
func drawLimit(t *rapid.T, label string) Threshold {
	return Threshold{Limit: time.Duration(rapid.IntRange(25, 500).Draw(t, label)) * time.Second, Source: SourceRule}
}

// drawPolicy is one with thresholds that are drawn, without a deadline.
func drawPolicy(t *rapid.T) Policy {
	return Policy{
		Waiting: drawLimit(t, "waiting limit"), Processing: drawLimit(t, "processing limit"), Stalled: drawLimit(t, "stalled limit"),
		RetryWithin: time.Duration(rapid.IntRange(21, 60).Draw(t, "retry within")) * time.Second, RetrySource: SourceRule,
		Settle: time.Duration(rapid.IntRange(0, 20).Draw(t, "settle")) * time.Second,
	}
}

// stories draw one for each state, reason and way to come to it.
var stories = map[string]func(t *rapid.T) story{
	"completed": func(t *rapid.T) story {
		c := drawChain(t, 1)
		s := c.story(drawPolicy(t))
		s.state, s.at = StateCompleted, sec(c.clock)+int64(s.policy.Settle)
		return s
	},
	"declared completed": func(t *rapid.T) story {
		c := drawChain(t, 0)
		c.send(c.destination())
		c.facts = append(c.facts, record(KindOperationCompleted, "api", 1, c.pass("end", 30)))
		s := c.story(drawPolicy(t))
		s.state = StateCompleted
		return s
	},
	"completed at its end": func(t *rapid.T) story {
		c := drawChain(t, 1)
		s := c.story(drawPolicy(t))
		s.policy.CompletesOn = c.facts[len(c.facts)-1].Destination
		s.state = StateCompleted
		c.send("elsewhere")
		s.facts = c.facts
		return s
	},
	"cancelled": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		c.facts = append(c.facts, record(KindOperationCancelled, "api", 1, c.pass("cancelled", 30)))
		if rapid.Bool().Draw(t, "goes on all the same") {
			c.consumed(sent, c.destination())
		}
		s := c.story(drawPolicy(t))
		s.state = StateCancelled
		return s
	},
	"declared failed": func(t *rapid.T) story {
		c := drawChain(t, 1)
		c.facts = append(c.facts, record(KindOperationFailed, "api", 1, c.pass("end", 30)))
		s := c.story(drawPolicy(t))
		s.state = StateFailed
		return s
	},
	"waiting": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		s := c.story(drawPolicy(t))
		s.stuck(StuckWaiting, c.sentAt(sent), s.policy.Waiting)
		s.cure = []Fact{c.attempt(sent, c.destination())}
		return s
	},
	"waiting, scheduled": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		due := c.pass("due", 10_000)
		c.facts[len(c.facts)-1].Due = sec(due)
		s := c.story(drawPolicy(t))
		s.stuck(StuckWaiting, sec(due), s.policy.Waiting)
		s.flags, s.curedFlags = FlagDelayed, FlagDelayed
		s.cure = []Fact{c.attempt(sent, c.destination())}
		return s
	},
	"waiting, put back": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		first := disposed(c.attempt(sent, c.destination()), DispositionRetry)
		c.facts = append(c.facts, first)
		s := c.story(drawPolicy(t))
		s.stuck(StuckWaiting, first.End, s.policy.Waiting)
		s.cure = []Fact{c.attempt(sent, c.destination())}
		return s
	},
	"processing": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := c.attempt(c.send(c.destination()), c.destination())
		c.facts = append(c.facts, unended(f))
		s := c.story(drawPolicy(t))
		s.stuck(StuckProcessing, f.At, s.policy.Processing)
		s.cure = []Fact{f}
		return s
	},
	"processing, by its first log line": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := c.attempt(c.send(c.destination()), c.destination())
		f.Trace, f.Parent = TraceID{1}, SpanID{}
		line := record(KindStarted, f.Service, f.Span[0], float64(f.At)/1e9)
		line.Destination, line.MessageID = f.Destination, f.MessageID
		c.facts = append(c.facts, line)
		s := c.story(drawPolicy(t))
		s.stuck(StuckProcessing, f.At, s.policy.Processing)
		s.cure = []Fact{f}
		return s
	},
	"processing, after progress": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := unended(c.attempt(c.send(c.destination()), c.destination()))
		c.facts = append(c.facts, f)
		var told float64
		for range rapid.IntRange(1, 5).Draw(t, "signs") {
			told = c.pass("progress", 20)
			sign := record(KindProgress, f.Service, f.Span[0], told)
			sign.Trace, sign.Progress = f.Trace, uint16(rapid.IntRange(0, 1001).Draw(t, "thousandths"))
			c.facts = append(c.facts, sign)
		}
		s := c.story(drawPolicy(t))
		s.stuck(StuckProcessing, sec(told), s.policy.Processing)
		f.End = sec(c.pass("end", 1000))
		s.cure = []Fact{f}
		return s
	},
	"processing, without the next heartbeat": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := unended(c.attempt(c.send(c.destination()), c.destination()))
		c.facts = append(c.facts, f)
		var sign Fact
		for range rapid.IntRange(1, 5).Draw(t, "signs") {
			sign = record(KindAlive, f.Service, f.Span[0], c.pass("alive", 20))
			sign.Trace, sign.End = f.Trace, sec(c.clock+21)
			c.facts = append(c.facts, sign)
		}
		s := c.story(drawPolicy(t))
		s.stuck(StuckProcessing, sign.At, Threshold{Limit: 21 * time.Second, Source: SourceHeartbeat})
		f.End = sec(c.pass("end", 1000))
		s.cure = []Fact{f}
		return s
	},
	"stalled, as declared for the hop": func(t *rapid.T) story {
		c := drawChain(t, 1)
		last := c.facts[len(c.facts)-1]
		s := c.story(drawPolicy(t))
		limit := drawLimit(t, "hop limit")
		s.policy.Hops = []HopPolicy{HopPolicy{
			Destination: []string{last.Destination}, Then: []string{"next", "other"}, Stalled: &limit.Limit, Source: SourceHop,
		}.Compiled()}
		s.stuck(StuckStalled, last.End, Threshold{Limit: limit.Limit, Source: SourceHop})
		s.awaited = "next, other"
		s.cure = c.goOn("next")
		return s
	},
	"stalled, before its declared end": func(t *rapid.T) story {
		c := drawChain(t, 1)
		s := c.story(drawPolicy(t))
		s.policy.CompletesOn = "next"
		s.stuck(StuckStalled, sec(c.clock), s.policy.Stalled)
		s.awaited = "next"
		s.cure = c.goOn("next")
		return s
	},
	"stalled, as learned": func(t *rapid.T) story {
		c := drawChain(t, 1)
		last := c.facts[len(c.facts)-1]
		s := c.story(drawPolicy(t))
		s.policy.Stalled.Source = SourceDefault
		limit := drawLimit(t, "learned limit").Limit
		s.circumstances.Experience = &veteran{successors: map[string][]Successor{
			last.Destination: {{Destination: "next", Usual: Usual{Threshold: int64(limit), Samples: 200}}},
		}}
		s.stuck(StuckStalled, last.End, Threshold{Limit: limit, Source: SourceLearned})
		s.awaited = "next"
		s.cure = c.goOn("next")
		return s
	},
	"waiting for a group that is declared": func(t *rapid.T) story {
		return drawMissingGroup(t, func(s *story, destination string) Threshold {
			s.policy.Hops = []HopPolicy{HopPolicy{
				Destination: []string{destination}, Groups: []string{"audit", worker(destination)}, Source: SourceDestination,
			}.Compiled()}
			return s.policy.Waiting
		})
	},
	"waiting for a group that always consumed": func(t *rapid.T) story {
		return drawMissingGroup(t, func(s *story, destination string) Threshold {
			s.policy.Waiting.Source = SourceDefault
			limit := drawLimit(t, "learned limit").Limit
			s.circumstances.Experience = &veteran{
				groups: map[string][]UsualGroup{destination: {{Group: "audit", Service: "auditor"}}},
				usual:  map[Stage]Usual{{Kind: StageWaiting, Destination: destination, Group: "audit"}: {Threshold: int64(limit)}},
			}
			return Threshold{Limit: limit, Source: SourceLearned}
		})
	},
	"overdue": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := c.attempt(c.send(c.destination()), c.destination())
		c.facts = append(c.facts, unended(f))
		s := c.story(drawPolicy(t))
		s.policy.Processing.Limit = 0
		s.policy.Deadline = Threshold{Limit: time.Duration(c.clock)*time.Second + drawLimit(t, "deadline").Limit, Source: SourceRule}
		s.stuck(StuckOverdue, sec(0.5), s.policy.Deadline)
		s.cure = []Fact{f}
		return s
	},
	"failed": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		f := failed(c.attempt(sent, c.destination()))
		c.facts = append(c.facts, f)
		s := c.story(drawPolicy(t))
		s.state, s.at, s.source = StateFailed, f.End+int64(s.policy.RetryWithin), SourceRule
		s.cure, s.curedFlags = []Fact{c.attempt(sent, c.destination())}, FlagRetried
		return s
	},
	"dead-lettered": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		c.facts = append(c.facts, failed(c.attempt(sent, c.destination())), failed(c.attempt(sent, c.destination())))
		s := c.story(drawPolicy(t))
		s.state, s.at, s.source = StateDeadLettered, sec(c.clock)+int64(s.policy.RetryWithin), SourceRule
		s.flags, s.curedFlags = FlagRetried, FlagRetried
		s.cure = []Fact{c.attempt(sent, c.destination())}
		return s
	},
	"dead-lettered at once": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := disposed(failed(c.attempt(c.send(c.destination()), c.destination())), DispositionDeadLetter)
		c.facts = append(c.facts, f)
		s := c.story(drawPolicy(t))
		s.state, s.at = StateDeadLettered, f.End
		return s
	},
	"unknown, for who would process is silent": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := c.attempt(c.send(c.destination()), c.destination())
		c.facts = append(c.facts, unended(f))
		s := c.story(drawPolicy(t))
		s.unknown(t, f.At, s.policy.Processing, worker(c.destination()))
		s.cure = []Fact{f}
		return s
	},
	"processing, and silent only afterwards, or before": func(t *rapid.T) story {
		c := drawChain(t, 0)
		f := c.attempt(c.send(c.destination()), c.destination())
		c.facts = append(c.facts, unended(f))
		s := c.story(drawPolicy(t))
		s.stuck(StuckProcessing, f.At, s.policy.Processing)
		begun, due := float64(f.At)/1e9, float64(s.at)/1e9
		long := float64(rapid.IntRange(1, 1000).Draw(t, "silent for"))
		s.circumstances.Telemetry = silence{
			worker(c.destination()): rapid.SampledFrom([][2]float64{{due, due + long}, {begun - long, begun}}).Draw(t, "silent"),
			"somebody else":         {0, 1e9},
		}
		s.cure = []Fact{f}
		return s
	},
	"unknown, for who usually consumes is silent": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		s := c.story(drawPolicy(t))
		s.circumstances.Experience = &veteran{consumers: map[string][]string{c.destination(): {"other", "worker"}}}
		s.unknown(t, c.sentAt(sent), s.policy.Waiting, "worker")
		s.cure = []Fact{c.attempt(sent, c.destination())}
		return s
	},
	"unknown, for everybody is silent": func(t *rapid.T) story {
		c := drawChain(t, 0)
		sent := c.send(c.destination())
		s := c.story(drawPolicy(t))
		s.unknown(t, c.sentAt(sent), s.policy.Waiting, "")
		s.cure = []Fact{c.attempt(sent, c.destination())}
		return s
	},
}

// over are the stories that are not to be cured.
var over = []string{"completed", "declared completed", "completed at its end", "cancelled", "declared failed", "dead-lettered at once"}

// TestThereIsAStoryForEveryState, and every reason: but for an operation that never started, which has no facts.
func TestThereIsAStoryForEveryState(t *testing.T) {
	states, reasons := []string{StateInProgress.String()}, []string{StuckMissed.String()}
	for _, draw := range stories {
		s := rapid.Custom(draw).Example(1)
		states = append(states, s.state.String())
		if s.reason != StuckNone {
			reasons = append(reasons, s.reason.String())
		}
	}
	require.Subset(t, states, StateNames())
	require.Subset(t, reasons, StuckReasonNames())
}

func (s *story) stuck(reason StuckReason, since int64, limit Threshold) {
	s.state, s.reason, s.at, s.source = StateStuck, reason, since+int64(limit.Limit), limit.Source
}

// unknown makes a service silent over some of the time in which it would have told.
func (s *story) unknown(t *rapid.T, since int64, limit Threshold, service string) {
	s.stuck(StuckTelemetryGap, since, limit)
	s.state = StateUnknown
	due := float64(s.at) / 1e9
	from := due - float64(rapid.IntRange(1, int(limit.Limit/time.Second)).Draw(t, "silent before"))
	s.circumstances.Telemetry = silence{service: {from, from + float64(rapid.IntRange(1, 1000).Draw(t, "silent for"))}}
}

// goOn is a healthy message to the destination, sent from within what came last.
func (c *chain) goOn(destination string) []Fact {
	before := len(c.facts)
	c.consumed(c.send(destination), destination)
	return slices.Clone(c.facts[before:])
}

// drawMissingGroup draws a message that one of two groups consumed. expect says who always does, and how long is waited.
func drawMissingGroup(t *rapid.T, expect func(s *story, destination string) Threshold) story {
	c := drawChain(t, 0)
	sent := c.send(c.destination())
	c.consumed(sent, c.destination())
	s := c.story(drawPolicy(t))
	s.stuck(StuckWaiting, c.sentAt(sent), expect(&s, c.destination()))
	s.group = "audit"
	s.cure = []Fact{group(by(c.attempt(sent, c.destination()), "auditor"), "audit")}
	return s
}

// arranged builds the view of facts that come in any order, some twice, some by way of other collectors.
func arranged(t *rapid.T, facts []Fact) *View {
	all := slices.Clone(facts)
	if len(facts) > 0 {
		all = append(all, rapid.SliceOfN(rapid.SampledFrom(facts), 0, 3).Draw(t, "again")...)
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
	r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	parts := [2]Operation{New(testSymbols), New(testSymbols)}
	for i := range all {
		parts[r.IntN(2)].Add(&all[i])
	}
	parts[0].Merge(&parts[1])
	return parts[0].View(NoHabits{})
}

func (s *story) judge(v *View, now int64) Verdict { return Judge(v, &s.policy, &s.circumstances, now) }

// requireCome requires that the verdict is what the story says.
func (s *story) requireCome(t require.TestingT, v Verdict) {
	require.Equal(t, []any{s.state, s.reason, s.flags, s.group, s.awaited}, []any{v.State, v.Reason, v.Flags, v.Group, v.Awaited})
	if v.Threshold != 0 {
		require.Equal(t, s.source, v.Source)
		require.Equal(t, s.at, v.Since+v.Threshold)
	}
}

// TestEveryStateComesWhenItIsDueAndLasts: in whatever order facts come, the verdict is in_progress until the very nanosecond, and from
// then on what the story says; who looks at it only when the verdict before said so misses nothing.
func TestEveryStateComesWhenItIsDueAndLasts(t *testing.T) {
	for name, draw := range stories {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := draw(t)
				v := arranged(t, s.facts)
				if s.at != 0 {
					require.Equal(t, StateInProgress, s.judge(v, s.at-1).State)
				}
				s.requireCome(t, s.judge(v, s.at))
				s.requireCome(t, s.judge(v, s.at+rapid.Int64Range(0, 1<<50).Draw(t, "later")))

				now := int64(0)
				for verdict := s.judge(v, now); verdict.State == StateInProgress; verdict = s.judge(v, now) {
					require.Greater(t, verdict.Next, now)
					now = verdict.Next
				}
				require.Equal(t, s.at, now)
			})
		})
	}
}

// TestEveryStoryIsCuredBySuccess: late success makes the operation completed, and it stays so.
func TestEveryStoryIsCuredBySuccess(t *testing.T) {
	for name, draw := range stories {
		if slices.Contains(over, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := draw(t)
				require.NotEmpty(t, s.cure)
				v := arranged(t, append(slices.Clone(s.facts), s.cure...))
				settled := v.LastAt + int64(s.policy.Settle)
				for _, now := range []int64{settled, settled + rapid.Int64Range(0, 1<<50).Draw(t, "later")} {
					verdict := s.judge(v, now)
					require.Equal(t, []any{StateCompleted, StuckNone, s.curedFlags}, []any{verdict.State, verdict.Reason, verdict.Flags})
				}
			})
		})
	}
}

// TestNothingButItsEndUndoesCancelled: whatever is told of the work later.
func TestNothingButItsEndUndoesCancelled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stories["cancelled"](t)
		others := slices.DeleteFunc(drawFacts(t), func(f Fact) bool { return f.Kind >= KindOperationCompleted })
		v := arranged(t, append(slices.Clone(s.facts), others...))
		require.Equal(t, StateCancelled, s.judge(v, rapid.Int64Range(0, 1<<50).Draw(t, "now")).State)
		end := record(KindOperationCompleted, "api", 1, float64(v.CancelledAt+1)/1e9)
		end.At = v.CancelledAt + 1
		v = arranged(t, append(append(slices.Clone(s.facts), others...), end))
		require.Equal(t, StateCompleted, s.judge(v, 0).State, "the application knows better")
	})
}

// TestTheMostSpecificThresholdApplies: of those that somebody wrote the nearest to the hop, then what was learned, then the default.
func TestTheMostSpecificThresholdApplies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawChain(t, 0)
		kind := rapid.SampledFrom([]StageKind{StageWaiting, StageProcessing}).Draw(t, "stage")
		sent, destination := c.send(c.destination()), c.destination()
		since, groupName := c.sentAt(sent), ""
		if kind == StageProcessing {
			f := unended(c.attempt(sent, destination))
			c.facts = append(c.facts, f)
			since, groupName = f.At, f.Service
		}
		s := c.story(drawPolicy(t))
		s.policy.Waiting.Limit, s.policy.Processing.Limit = 25*time.Second, 25*time.Second
		at := &s.policy.Waiting
		if kind == StageProcessing {
			at = &s.policy.Processing
		}
		*at = drawLimit(t, "default")
		at.Source = rapid.SampledFrom([]ThresholdSource{SourceDefault, SourceDefaults, SourceRule}).Draw(t, "source")
		want := *at
		if rapid.Bool().Draw(t, "learned") {
			learned := drawLimit(t, "learned").Limit
			s.circumstances.Experience = &veteran{usual: map[Stage]Usual{
				{Kind: kind, Destination: destination, Group: groupName, Operation: "queue-0"}: {Threshold: int64(learned)},
				{Kind: kind, Destination: destination, Group: groupName}:                       {Threshold: int64(learned)},
			}}
			if !want.Declared() {
				want = Threshold{Limit: learned, Source: SourceLearned}
			}
		}
		for _, source := range []ThresholdSource{SourceDestination, SourceHop} {
			if rapid.Bool().Draw(t, source.String()) {
				limit := drawLimit(t, source.String())
				h := HopPolicy{Destination: []string{destination}, Source: source}
				if kind == StageWaiting {
					h.Waiting = &limit.Limit
				} else {
					h.Processing = &limit.Limit
				}
				s.policy.Hops = append([]HopPolicy{h.Compiled()}, s.policy.Hops...)
				want = Threshold{Limit: limit.Limit, Source: source}
			}
		}
		s.stuck(StuckReason(kind)+StuckWaiting, since, want)
		v := arranged(t, s.facts)
		require.Equal(t, StateInProgress, s.judge(v, s.at-1).State)
		s.requireCome(t, s.judge(v, s.at))
	})
}

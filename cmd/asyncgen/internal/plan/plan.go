package plan

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// Settings determine a plan completely.
type Settings struct {
	Seed uint64
	// Operations is the number of operations, over which the mix is exact; 0 means that there is no end, and the mix is
	// then exact over every 1,000.
	Operations int
	// Hops is the number of hops of an operation that completes, from 1 to MaxHops.
	Hops int
	Mix  Mix
	// TimeScale multiplies every duration but RecoverAfter.
	TimeScale float64
	// RecoverAfter is how long after it was sent a message of ScenarioNeverConsumed is consumed after all; 0 means never.
	RecoverAfter time.Duration
	// Long is how long an attempt of ScenarioProgress tells of its progress before it does the rest; it is not scaled.
	Long time.Duration
	// Instances is the number of processes of each service, 0 is 1. Bad is what makes operations fail that would complete.
	Instances int
	Bad       Bad
}

// maxAttempts is how often a message is delivered before it is given up on.
const maxAttempts = 3

// cycle is the number of operations over which the mix is exact when there is no end.
const cycle = 1000

// Partitions is the number of partitions of every Kafka topic.
const Partitions = 6

// Ranges of durations at a time scale of 1.
const (
	minWait, maxWait       = 5 * time.Millisecond, 200 * time.Millisecond
	minProcess, maxProcess = 10 * time.Millisecond, 300 * time.Millisecond
	minBackoff, maxBackoff = 100 * time.Millisecond, 500 * time.Millisecond
	minEntry, maxEntry     = 5 * time.Millisecond, 30 * time.Millisecond
	minDelay, maxDelay     = time.Second, 3 * time.Second
	minCancel, maxCancel   = 200 * time.Millisecond, time.Second
)

// declaredDelay is how many times as late a scheduled message is due if it says so.
const declaredDelay = 4

// beats is how often a long attempt tells of its progress.
const beats = 6

// Streams of randomness that must not overlap: one generator for the order of scenarios, one for each operation.
const (
	streamDeck      = 0x9e3779b97f4a7c15
	streamOperation = 0xbf58476d1ce4e5b9
	streamPeriodic  = 0x2545f4914f6cdd1d
	streamPlace     = 0x8cb92ba72f3d8dd7
)

// Plan tells what the operation with a given index does. It is not safe for concurrent use.
type Plan struct {
	settings  Settings
	workflows []Workflow
	suffix    string
	deck      []Scenario
	dealt     int
}

// New returns the plan for valid settings.
func New(settings Settings) *Plan {
	p := &Plan{settings: settings, workflows: workflows(settings.Hops), dealt: -1}
	p.suffix = fmt.Sprintf("%08x", uint32(mix64(settings.Seed)>>32))
	return p
}

// Operations returns the number of operations, 0 if there is no end.
func (p *Plan) Operations() int { return p.settings.Operations }

// Workflows returns the kinds of operations that occur.
func (p *Plan) Workflows() []Workflow { return p.workflows }

// Services returns the names of all services that take part, each once.
func (p *Plan) Services() []string {
	var services []string
	for i := range p.workflows {
		services = append(services, p.workflows[i].EntryService)
		for _, stage := range p.workflows[i].Stages {
			services = append(services, stage.Service)
			for k := range stage.Further {
				services = append(services, stage.Further[k].Service)
			}
		}
	}
	return services
}

// Operation returns the plan of the operation with the given index, counted from 0.
func (p *Plan) Operation(index int) *Operation {
	random := rand.New(rand.NewPCG(p.settings.Seed, mix64(streamOperation+uint64(index))))
	workflow, scenario := p.pickWorkflow(random), p.scenario(index)
	if scenario == ScenarioFanout || scenario == ScenarioGroupMissing {
		workflow = &p.workflows[fanout]
	}
	return p.operation(random, index, workflow, scenario)
}

// Periodic returns the plan of the run with the given number of the operation that runs by the clock.
func (p *Plan) Periodic(number int) *Operation {
	random := rand.New(rand.NewPCG(p.settings.Seed, mix64(streamPeriodic+uint64(number))))
	return p.operation(random, number, &p.workflows[periodic], ScenarioCompleted)
}

func (p *Plan) operation(random *rand.Rand, index int, workflow *Workflow, planned Scenario) *Operation {
	op := &Operation{
		Index: index, Scenario: planned, Workflow: workflow,
		ID:       fmt.Sprintf("%s-%06d-%s", workflow.Prefix, index, p.suffix),
		Customer: fmt.Sprintf("customer-%03d", random.IntN(500)),
	}
	// What happens where has a generator of its own, so that an operation is the same on however many processes.
	places := rand.New(rand.NewPCG(p.settings.Seed, mix64(streamPlace+uint64(index))))
	op.Entry = p.process(places, workflow.EntryService, index)
	op.EntrySteps, op.EntryRest = split(random, p.between(random, minEntry, maxEntry))
	stages := len(workflow.Stages)
	if planned == ScenarioStalled {
		// After the last one nothing follows.
		stages = max(1, stages-1)
	}
	fault := random.IntN(stages)
	for number := range workflow.Stages {
		scenario := ScenarioCompleted
		if number == fault {
			scenario = op.Scenario
		}
		hop := p.hop(random, &workflow.Stages[number], scenario)
		if p.place(places, &hop, index, op.Scenario == ScenarioCompleted) {
			op.Scenario, op.Bad = ScenarioFailed, p.settings.Bad.Attribute
		}
		op.Hops = append(op.Hops, hop)
		if hop.continues() && scenario != ScenarioStalled {
			continue
		}
		if scenario == ScenarioDeadLettered && random.IntN(2) == 0 {
			op.Hops = append(op.Hops, p.deadLetter(random, hop.Stage))
		}
		break
	}
	return op
}

// continues reports whether the hop's handler gets as far as sending the next message.
func (h *Hop) continues() bool {
	for i := range h.Attempts {
		if h.Attempts[i].Outcome == OutcomeSucceeds {
			return true
		}
	}
	return false
}

func (p *Plan) pickWorkflow(random *rand.Rand) *Workflow {
	total := 0
	for i := range p.workflows {
		total += p.workflows[i].weight
	}
	n := random.IntN(total)
	for i := range p.workflows {
		if n -= p.workflows[i].weight; n < 0 {
			return &p.workflows[i]
		}
	}
	panic("unreachable: the weights add up to the total")
}

// scenario deals from a shuffled deck, so that the proportions are exact and not only probable.
func (p *Plan) scenario(index int) Scenario {
	size := p.settings.Operations
	if size == 0 {
		size = cycle
	}
	if number := index / size; number != p.dealt {
		random := rand.New(rand.NewPCG(p.settings.Seed, mix64(streamDeck+uint64(number))))
		p.deck, p.dealt = p.settings.Mix.deck(size, random), number
	}
	return p.deck[index%size]
}

func (p *Plan) hop(random *rand.Rand, stage *Stage, scenario Scenario) Hop {
	hop := Hop{Stage: stage, MessageID: messageID(random), BodyBytes: 200 + random.IntN(3800), Partition: random.IntN(Partitions)}
	first := p.attempt(random, p.between(random, minWait, maxWait), OutcomeSucceeds)
	hop.Attempts = []Attempt{first}
	switch scenario {
	case ScenarioRetried:
		p.fail(random, &hop, 1+random.IntN(2))
		hop.Attempts = append(hop.Attempts, p.attempt(random, p.between(random, minBackoff, maxBackoff), OutcomeSucceeds))
	case ScenarioFailed:
		p.fail(random, &hop, 1+random.IntN(maxAttempts))
	case ScenarioDeadLettered:
		p.fail(random, &hop, maxAttempts)
	case ScenarioNeverConsumed:
		if p.settings.RecoverAfter == 0 {
			hop.Attempts = nil
			break
		}
		hop.Attempts[0].Wait, hop.Attempts[0].Comeback = p.settings.RecoverAfter, true
	case ScenarioKilled:
		hop.Attempts[0].Outcome, hop.Attempts[0].StepsDone = OutcomeKilled, random.IntN(len(stage.Steps)+1)
	case ScenarioDuplicated:
		hop.Attempts = append(hop.Attempts, p.attempt(random, p.between(random, minBackoff, maxBackoff), OutcomeSucceeds))
	case ScenarioDelayed:
		hop.Delay, hop.Declared = p.between(random, minDelay, maxDelay), random.IntN(2) == 0
		if hop.Declared {
			// Longer than anybody lets a message wait that is due at once.
			hop.Delay *= declaredDelay
		}
		hop.Attempts[0].Wait += hop.Delay
	case ScenarioCancelled:
		hop.Attempts, hop.CancelAfter = nil, p.between(random, minCancel, maxCancel)
	case ScenarioProgress, ScenarioProgressKilled:
		p.long(random, &hop.Attempts[0], scenario == ScenarioProgressKilled)
	case ScenarioCompleted, ScenarioStalled, ScenarioFanout, ScenarioGroupMissing:
	}
	p.branch(random, &hop, scenario == ScenarioGroupMissing)
	return hop
}

// long makes an attempt tell of its progress, and die in the middle if it is to be killed.
func (p *Plan) long(random *rand.Rand, a *Attempt, killed bool) {
	a.Beats, a.BeatsPlanned, a.Beat = beats, beats, p.settings.Long/beats
	if killed {
		a.Beats, a.Outcome = 1+random.IntN(beats-1), OutcomeKilled
	}
}

// branch plans what the other groups do with the message. If one is to be missing, it is the last of them.
func (p *Plan) branch(random *rand.Rand, hop *Hop, missing bool) {
	for i := range hop.Stage.Further {
		b := Branch{Stage: &hop.Stage.Further[i]}
		if attempt := p.attempt(random, p.between(random, minWait, maxWait), OutcomeSucceeds); !missing || i < len(hop.Stage.Further)-1 {
			b.Attempts = []Attempt{attempt}
		}
		hop.Further = append(hop.Further, b)
	}
}

// deadLetter is the message to the dead-letter queue of a stage, which stays there.
func (p *Plan) deadLetter(random *rand.Rand, stage *Stage) Hop {
	hop := p.hop(random, stage.DeadLetterQueue(), ScenarioCompleted)
	hop.Attempts = nil
	return hop
}

// fail makes the first attempt fail and adds failing ones until there are n.
func (p *Plan) fail(random *rand.Rand, hop *Hop, n int) {
	hop.Attempts[0].Outcome = OutcomeFails
	for len(hop.Attempts) < n {
		hop.Attempts = append(hop.Attempts, p.attempt(random, p.between(random, minBackoff, maxBackoff), OutcomeFails))
	}
}

func (p *Plan) attempt(random *rand.Rand, wait time.Duration, outcome Outcome) Attempt {
	a := Attempt{Wait: wait, Outcome: outcome, FailureNumber: 1000 + random.IntN(9000)}
	a.Steps, a.Rest = split(random, p.between(random, minProcess, maxProcess))
	return a
}

// between draws a duration from the range and applies the time scale.
func (p *Plan) between(random *rand.Rand, low, high time.Duration) time.Duration {
	d := low + time.Duration(random.Int64N(int64(high-low)+1))
	return time.Duration(float64(d) * p.settings.TimeScale)
}

// split divides a handler's time into its two steps, which take most of it, and the rest after the next message was sent.
func split(random *rand.Rand, whole time.Duration) (steps [2]time.Duration, rest time.Duration) {
	steps[0] = time.Duration(float64(whole) * (0.3 + 0.2*random.Float64()))
	steps[1] = time.Duration(float64(whole) * (0.2 + 0.2*random.Float64()))
	return steps, whole - steps[0] - steps[1]
}

// messageID draws a version 4 UUID.
func messageID(random *rand.Rand) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], random.Uint64())
	binary.BigEndian.PutUint64(b[8:], random.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// mix64 spreads neighbouring numbers over all bits (the finaliser of SplitMix64).
func mix64(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

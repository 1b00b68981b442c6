package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// row is what a collector writes at a time.
type row struct {
	at     int64
	facts  []operation.Fact
	states []State
}

// journal is a log and the collector that writes it: restart replaces the engine by one that knows only what was written.
type journal struct {
	settings func(*Settings)
	engine   *Engine
	rows     []row
	habits   []byte
	// output is the number of the last output that was written, told that of the last one that was told for certain.
	output, told int64
	// heard are the changes that a receiver was told of what is not gone since, by operation and revision; all also the others; uncertain
	// are those that may be told again.
	heard, all map[revised]operation.Change
	uncertain  map[revised]bool
	// latest are the greatest numbers that were told of each name.
	latest map[address]spent
}

func newJournal(t require.TestingT, change func(*Settings)) *journal {
	return &journal{settings: change, engine: newEngine(t, change), heard: map[revised]operation.Change{}, all: map[revised]operation.Change{}, uncertain: map[revised]bool{}, latest: map[address]spent{}}
}

func (j *journal) apply(seconds float64, facts []operation.Fact) {
	j.rows = append(j.rows, row{at: at(seconds), facts: slices.Clone(facts)})
	j.engine.Apply(time.Unix(0, at(seconds)), facts, nil)
}

// sweep finds changes and writes them, and returns them for being told.
func (j *journal) sweep(seconds float64) []operation.Change {
	changes := sweep(j.engine, seconds)
	j.output++
	states := j.engine.States(changes, j.output, func(int) string { return "" })
	j.rows = append(j.rows, row{at: at(seconds), states: slices.Clone(states)})
	j.habits = j.engine.SaveHabits()
	return changes
}

// tell is a receiver that knows repetitions by their revision.
func (j *journal) tell(t require.TestingT, changes []operation.Change) {
	for _, c := range changes {
		key := revised{address{c.View.Namespace, c.View.ID}, c.Revision}
		before, known := j.heard[key]
		if known {
			require.True(t, c.Again && j.uncertain[key], "%s is told twice: %d %v %v", c.View.ID, c.Revision, c.Verdict.State, before.Verdict.State)
			require.Equal(t, before.Verdict.State, c.Verdict.State)
			require.Equal(t, before.At, c.At)
			continue
		}
		j.count(t, key.address, c)
		j.heard[key], j.uncertain[key] = c, true
		if _, known := j.all[key]; !known {
			j.all[key] = c
		}
		if c.Left {
			// One that is found anew begins anew.
			maps.DeleteFunc(j.heard, func(known revised, _ operation.Change) bool {
				return known.address == key.address && known.revision < c.Revision
			})
			delete(j.latest, key.address)
		}
	}
}

// count sees to it that no number is told of a name that was told before, or before a greater one.
func (j *journal) count(t require.TestingT, a address, c operation.Change) {
	latest := j.latest[a]
	require.Greater(t, c.Revision, latest.revision, "a revision of %s", a.id)
	latest.revision = c.Revision
	if c.Verdict.State.Final() {
		require.Greater(t, uint16(c.FinalRevision), latest.final, "a final revision of %s", a.id)
		latest.final = uint16(c.FinalRevision)
	}
	j.latest[a] = latest
}

// certain says that everything was told that was written.
func (j *journal) certain() {
	j.told = j.output
	clear(j.uncertain)
	j.engine.Adopt(nil, j.told)
}

// restart is a kill and a start at some time.
func (j *journal) restart(t require.TestingT, seconds float64) {
	j.engine = newEngine(t, j.settings)
	if j.habits != nil {
		require.NoError(t, j.engine.RestoreHabits(j.habits))
	}
	var unknown []State
	for _, r := range j.rows {
		j.engine.Replay(r.at, slices.Clone(r.facts))
		unknown = j.engine.Adopt(append(unknown, r.states...), j.told)
		j.engine.Tidy(time.Unix(0, r.at))
	}
	requireSound(t, j.engine)
}

// base writes everything anew, in place of what was written.
func (j *journal) base() {
	var rows []row
	for c := range j.engine.Export() {
		rows = append(rows, row{c.At, cloneFacts(c.Facts), slices.Clone(c.States)})
	}
	j.rows = rows
}

// cloneFacts copies facts whose texts are good for a while only.
func cloneFacts(facts []operation.Fact) []operation.Fact {
	o := operation.New(nil)
	for i := range facts {
		o.Add(&facts[i])
	}
	return o.Facts()
}

// summary is what a receiver makes of a change.
func summary(c operation.Change) string {
	return fmt.Sprintf("%s %d: %v %v %v hop %d, final %d, was stuck %b, gone %v, new %v, before %v, at %d", c.View.ID, c.Revision, c.Verdict.State, c.Verdict.Reason,
		c.Verdict.Flags, c.Verdict.Hop, c.FinalRevision, c.WasStuck, c.Gone, c.New, c.Before.State, c.At)
}

func (j *journal) summaries() []string {
	var all []string
	for _, c := range j.all {
		all = append(all, summary(c))
	}
	slices.Sort(all)
	return all
}

// drawStory draws the records of some operations in the order in which they come, each with an ID.
func drawStory(t *rapid.T) []operation.Fact {
	var facts []operation.Fact
	for o := range rapid.IntRange(1, 4).Draw(t, "operations") {
		own := drawOperation(t, o)
		for i := range own {
			if own[i].IsStrong() {
				own[i].ID = "op-" + string(rune('a'+o))
			}
			if own[i].Kind == operation.KindProcess && rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
				own[i].Outcome = operation.OutcomeError
			}
		}
		facts = append(facts, own...)
	}
	return facts
}

// TestRestartsChangeNothing: a collector that is killed between writing and telling, or after it, tells the same as one that is not, at
// most twice, and that only where it was not certain that it had been told.
func TestRestartsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := func(s *Settings) { s.Retention = 10 * time.Minute }
		steady, killed := newJournal(t, change), newJournal(t, change)
		story := drawStory(t)
		now := 0.0
		for len(story) > 0 {
			now += float64(rapid.IntRange(0, 60).Draw(t, "pause"))
			if rapid.Bool().Draw(t, "apply") {
				n := rapid.IntRange(1, len(story)).Draw(t, "some")
				steady.apply(now, story[:n])
				killed.apply(now, story[:n])
				story = story[n:]
			}
			step(t, steady, killed, now)
		}
		for _, later := range []float64{1, 10, 70, 200, 500, 1000, 1001, 1002} {
			step(t, steady, killed, now+later)
		}
		require.Equal(t, steady.summaries(), killed.summaries())
		require.Equal(t, steady.engine.Stats().Operations, killed.engine.Stats().Operations)
	})
}

// step sweeps both, and kills one of them before, between or after.
func step(t *rapid.T, steady, killed *journal, now float64) {
	steady.tell(t, steady.sweep(now))
	steady.certain()
	if rapid.IntRange(0, 2).Draw(t, "kill before") == 0 {
		killed.restart(t, now)
	}
	changes := killed.sweep(now)
	switch rapid.IntRange(0, 6).Draw(t, "then") {
	case 0:
		killed.restart(t, now)
		killed.tell(t, killed.sweep(now))
	case 1:
		killed.tell(t, changes)
		killed.restart(t, now)
		killed.tell(t, killed.sweep(now))
	case 2:
		killed.tell(t, changes)
		killed.base()
		killed.restart(t, now)
		killed.tell(t, killed.sweep(now))
	default:
		killed.tell(t, changes)
		killed.certain()
		if rapid.Bool().Draw(t, "base") {
			killed.base()
		}
	}
}

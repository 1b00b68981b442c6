package engine

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// written is a row of somebody's stream, with the number by which it was written before or after others.
type written struct {
	row
	stream, seq int
	order       int
}

// collector is one one that follows the others, or the judge.
type collector struct {
	engine *Engine
	// read is how far it has come with each stream.
	read    []int
	unknown []State
}

// cluster is several collectors with a log in common, of which one at a time is the judge.
type cluster struct {
	*journal
	nodes []*collector
	judge int
	log   []written
	// seqs are the numbers last given out in each stream; orders those of rows.
	seqs  []int
	order int
}

func newCluster(t require.TestingT, n int, change func(*Settings)) *cluster {
	c := &cluster{journal: newJournal(t, change)}
	for range n {
		c.nodes = append(c.nodes, &collector{engine: newEngine(t, change), read: make([]int, n)})
	}
	c.seqs = make([]int, n)
	return c
}

func (c *cluster) write(stream int, r row) {
	c.seqs[stream]++
	c.order++
	c.log = append(c.log, written{r, stream, c.seqs[stream], c.order})
	c.nodes[stream].read[stream] = c.seqs[stream]
}

func (c *cluster) apply(stream int, seconds float64, facts []operation.Fact) {
	c.write(stream, row{at: at(seconds), facts: slices.Clone(facts)})
	c.nodes[stream].engine.Apply(time.Unix(0, at(seconds)), facts, nil)
}

// follow reads what others wrote, in the order in which it was written.
func (c *cluster) follow(node int) {
	n := c.nodes[node]
	rows := slices.DeleteFunc(slices.Clone(c.log), func(w written) bool { return w.seq <= n.read[w.stream] })
	slices.SortFunc(rows, func(a, b written) int { return cmp.Compare(a.order, b.order) })
	for _, w := range rows {
		n.engine.Replay(w.at, slices.Clone(w.facts))
		n.unknown = n.engine.Adopt(append(n.unknown, w.states...), c.told)
		n.read[w.stream] = w.seq
	}
	n.engine.Adopt(nil, c.told)
}

// sweep is that of the judge.
func (c *cluster) sweep(seconds float64) []operation.Change {
	c.follow(c.judge)
	e := c.nodes[c.judge].engine
	changes := sweep(e, seconds)
	c.output++
	c.write(c.judge, row{at: at(seconds), states: slices.Clone(e.States(changes, c.output, func(int) string { return "" }))})
	c.habits = e.SaveHabits()
	return changes
}

// base is written by the judge into its own stream, in place of what it has applied. Nothing is cut that others did not read.
func (c *cluster) base() {
	for i := range c.nodes {
		c.follow(i)
	}
	n := c.nodes[c.judge]
	read := slices.Clone(n.read)
	for chunk := range n.engine.Export() {
		c.write(c.judge, row{chunk.At, cloneFacts(chunk.Facts), slices.Clone(chunk.States)})
	}
	c.log = slices.DeleteFunc(c.log, func(w written) bool { return w.seq <= read[w.stream] })
}

// restart begins a collector anew.
func (c *cluster) restart(t require.TestingT, node int, seconds float64) {
	n := &collector{engine: newEngine(t, c.settings), read: make([]int, len(c.nodes))}
	c.nodes[node] = n
	if c.habits != nil {
		require.NoError(t, n.engine.RestoreHabits(c.habits))
	}
	c.follow(node)
	n.engine.Tidy(time.Unix(0, at(seconds)))
	requireSound(t, n.engine)
}

// takeOver makes another one the judge.
func (c *cluster) takeOver(t require.TestingT, node int) {
	c.judge = node
	c.follow(node)
	if c.habits != nil {
		require.NoError(t, c.nodes[node].engine.RestoreHabits(c.habits))
	}
}

func (c *cluster) certain() {
	c.told = c.output
	clear(c.uncertain)
	for _, n := range c.nodes {
		n.engine.Adopt(nil, c.told)
	}
}

// TestSeveralCollectorsAreAsOne: facts come to any of some collectors, of which any may end, begin anew, or take over as the judge, between
// writing and telling or after it. Together they tell the same as a single one that never ends.
func TestSeveralCollectorsAreAsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := func(s *Settings) { s.Retention = 10 * time.Minute }
		steady, several := newJournal(t, change), newCluster(t, rapid.IntRange(2, 3).Draw(t, "collectors"), change)
		story := drawStory(t)
		now := 0.0
		for len(story) > 0 {
			now += float64(rapid.IntRange(0, 60).Draw(t, "pause"))
			for range rapid.IntRange(0, 3).Draw(t, "batches") {
				n := min(len(story), rapid.IntRange(1, 4).Draw(t, "some"))
				steady.apply(now, story[:n])
				several.apply(rapid.IntRange(0, len(several.nodes)-1).Draw(t, "to"), now, story[:n])
				story = story[n:]
			}
			several.step(t, steady, now)
		}
		for _, later := range []float64{1, 10, 70, 200, 500, 1000, 1001, 1002} {
			several.step(t, steady, now+later)
		}
		// Who began anew just now lets go of what is too old by its first sweep, and tells of it by the second.
		for _, later := range []float64{1003, 1004} {
			steady.tell(t, steady.sweep(now+later))
			several.tell(t, several.sweep(now+later))
		}
		require.Equal(t, steady.summaries(), several.summaries())
		require.Equal(t, steady.engine.Stats().Operations, several.nodes[several.judge].engine.Stats().Operations)
	})
}

func (c *cluster) step(t *rapid.T, steady *journal, now float64) {
	steady.tell(t, steady.sweep(now))
	steady.certain()
	anybody := rapid.IntRange(0, len(c.nodes)-1)
	for range rapid.IntRange(0, 2).Draw(t, "before") {
		node := anybody.Draw(t, "who")
		switch rapid.IntRange(0, 2).Draw(t, "what") {
		case 0:
			c.restart(t, node, now)
		case 1:
			c.follow(node)
		case 2:
			// Who has not followed for long must not let go of anything: what it holds may have gone on. It begins anew instead (Reset).
			c.follow(node)
			c.nodes[node].engine.Tidy(time.Unix(0, at(now)))
		}
	}
	changes := c.sweep(now)
	told := rapid.Bool().Draw(t, "told")
	if told {
		c.tell(t, changes)
	}
	if rapid.IntRange(0, 3).Draw(t, "base") == 0 {
		c.base()
	}
	switch rapid.IntRange(0, 3).Draw(t, "then") {
	case 0:
		c.takeOver(t, (c.judge+rapid.IntRange(1, len(c.nodes)-1).Draw(t, "judge"))%len(c.nodes))
		c.tell(t, c.sweep(now))
	case 1:
		c.restart(t, c.judge, now)
		c.tell(t, c.sweep(now))
	default:
		if !told {
			c.tell(t, changes)
		}
		c.certain()
	}
}

// TestWhoNeverSweepsIsBounded tidies after each operation while old ones leave: what waits to be judged stays in proportion to what is
// there, though it is not looked through each time.
func TestWhoNeverSweepsIsBounded(t *testing.T) {
	const held = 500
	e := newEngine(t, func(s *Settings) {
		s.MaxOperations = held
		s.Judged = func(*operation.View, *operation.Policy, int64) {}
	})
	most := 0
	for n := range 100 * held {
		send, _ := hop(n, n*2, "orders", "trace", float64(n)/1000)
		e.Replay(send.At, []operation.Fact{withID(send, fmt.Sprintf("o-%d", n))})
		waiting := 0
		for i := range e.shards {
			waiting += len(e.shards[i].dirty)
		}
		e.Tidy(time.Unix(0, send.At))
		most = max(most, waiting)
	}
	require.LessOrEqual(t, most, 2*held+len(e.shards)*seldom)
}

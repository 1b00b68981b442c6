package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/replay"
)

// replayed is one way to replay a recording.
type replayed struct {
	order replay.Order
	seed  uint64
	// split sends each span and each log record by itself.
	split bool
	// pause is the time between two requests; without one, thresholds and graces pass after the last request alone.
	pause time.Duration
}

// String names the subtest.
func (r replayed) String() string {
	text := string(r.order)
	if r.order != replay.OrderArrival && r.order != replay.OrderReversed {
		text = fmt.Sprintf("%s-%d", text, r.seed)
	}
	if r.split {
		text += "-split"
	}
	if r.pause > 0 {
		text += "-slow"
	}
	return text
}

var ways = []replayed{
	{order: replay.OrderArrival},
	{order: replay.OrderReversed},
	{order: replay.OrderShuffled, seed: 1},
	{order: replay.OrderShuffled, seed: 2},
	{order: replay.OrderShuffled, seed: 3},
	{order: replay.OrderDuplicated, seed: 1},
	{order: replay.OrderDuplicated, seed: 2},
	{order: replay.OrderDuplicatedShuffled, seed: 1},
	{order: replay.OrderArrival, split: true},
	{order: replay.OrderShuffled, seed: 1, split: true},
	{order: replay.OrderShuffled, seed: 1, pause: 500 * time.Millisecond},
}

// exception is an operation that cannot be judged right, because its telemetry lacks something.
type exception struct {
	recording, operation string
	// verdict is what it may be besides: unknown or in_progress, which claim nothing.
	verdict string
	lacks   string
}

// exceptions are all that are known.
var exceptions []exception

func excused(recording string, d *replay.Difference) bool {
	return d.Truth != nil && slices.ContainsFunc(exceptions, func(e exception) bool {
		return e.recording == recording && e.operation == d.Truth.ID && e.verdict == d.Got
	})
}

func (r replayed) send(t *testing.T) func(p *pipeline, requests []replay.Request) {
	return func(p *pipeline, requests []replay.Request) {
		last := requests[len(requests)-1].At
		var err error
		if r.split {
			requests, err = replay.Split(requests)
			require.NoError(t, err)
		}
		requests, err = replay.Arrange(requests, r.order, r.seed)
		require.NoError(t, err)
		time.Sleep(time.Until(last)) // synctest: fake time
		for i := range requests {
			p.send(&requests[i])
			time.Sleep(r.pause) // synctest: fake time
		}
	}
}

// TestOrders: every operation of every recording is judged right, whatever arrives first, twice, or apart, and nobody is
// told of operations that did not take place. `go test -v -run TestOrders` shows the confusion matrices.
func TestOrders(t *testing.T) {
	for _, e := range exceptions {
		require.Contains(t, []string{"unknown/telemetry_gap", "in_progress"}, e.verdict, "%s %s: an exception claims nothing", e.recording, e.operation)
		require.NotEmpty(t, e.lacks)
	}
	var table strings.Builder
	for _, name := range recordings(t) {
		fmt.Fprintf(&table, "\n%s:", name)
		t.Run(name, func(t *testing.T) {
			r := load(t, name)
			for _, way := range ways {
				t.Run(way.String(), func(t *testing.T) {
					report := judge(t, r, way.send(t))
					fmt.Fprintf(&table, " %s %d/%d", way, report.Matrix.Right(), report.Matrix.Total())
					t.Logf("%s, %s: %s", name, way, report.Summary())
					require.Equal(t, len(r.Truth.Operations), report.Matrix.Total())
					require.Zero(t, report.FalseAlarms)
					for i := range report.Differences {
						d := &report.Differences[i]
						require.True(t, excused(name, d), "%s", report.List())
					}
				})
			}
		})
	}
	t.Log("operations judged right", table.String())
}

// TestExceptionsAreNeeded: what is judged right now is no exception any more.
func TestExceptionsAreNeeded(t *testing.T) {
	needed := map[exception]bool{}
	for _, name := range recordings(t) {
		if !slices.ContainsFunc(exceptions, func(e exception) bool { return e.recording == name }) {
			continue
		}
		report := judge(t, load(t, name), replayed{order: replay.OrderArrival}.send(t))
		for i := range report.Differences {
			for _, e := range exceptions {
				if d := &report.Differences[i]; e.recording == name && d.Truth != nil && d.Truth.ID == e.operation {
					needed[e] = true
				}
			}
		}
	}
	require.Len(t, needed, len(exceptions))
}

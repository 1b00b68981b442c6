package skew

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// message is one of a simulation, by the true clock: sent at a time, having waited.
type message struct {
	at, wait int64
	back     bool
}

// simulation draws messages between two services in the order of their receipt, at most a few in one moment.
func simulation(t *rapid.T) []message {
	var out []message
	at := epoch
	for range rapid.IntRange(0, 60).Draw(t, "messages") {
		at += rapid.Int64Range(0, 5*second).Draw(t, "pause")
		out = append(out, message{at, rapid.Int64Range(0, 20*second).Draw(t, "wait"), rapid.Bool().Draw(t, "back")})
	}
	return out
}

// send lets the estimator see a message while worker's clock is behind shop's by so much.
func send(e *Estimator, m message, behind int64) {
	if m.back {
		e.Observe("worker", "shop", m.wait+behind, m.at)
		return
	}
	e.Observe("shop", "worker", m.wait-behind, m.at-behind)
}

func TestPropertyNeverMoreThanTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEstimator(t)
		behind := rapid.Int64Range(-30*second, 30*second).Draw(t, "behind")
		for _, m := range simulation(t) {
			send(e, m, behind)
			offset, _ := e.Offset("shop", "worker")
			require.LessOrEqual(t, offset, max(0, behind))
			require.GreaterOrEqual(t, offset, min(0, behind))
			// Hence no wait is made longer than it was, nor any shorter that was not recorded too long.
			forth, _ := e.Correct("shop", "worker", m.wait-behind)
			require.LessOrEqual(t, forth, m.wait+max(0, -behind))
			back, _ := e.Correct("worker", "shop", m.wait+behind)
			require.GreaterOrEqual(t, back, min(m.wait, m.wait+behind))
		}
	})
}

func TestPropertyConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEstimator(t)
		behind := rapid.Int64Range(2*second, 1000*second).Draw(t, "behind")
		least := rapid.Int64Range(0, second/4).Draw(t, "least")
		// Each moment has one quick message among slow ones; the way back is as slow as it likes to be.
		for i := range rapid.Int64Range(support, 50).Draw(t, "moments") {
			for range 3 {
				send(e, message{at: epoch + i*second, wait: rapid.Int64Range(least, 60*second).Draw(t, "slow")}, behind)
			}
			send(e, message{at: epoch + i*second, wait: least}, behind)
			send(e, message{at: epoch + i*second, wait: rapid.Int64Range(0, 60*second).Draw(t, "back"), back: true}, behind)
		}
		offset, ok := e.Offset("shop", "worker")
		require.True(t, ok)
		require.Equal(t, behind-least, offset)
	})
}

func TestPropertyDriftIsFollowedFromBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEstimator(t)
		// A drift of up to 1 ms in a second is ten times what a bad quartz does.
		drift := rapid.Int64Range(-second/1000, second/1000).Draw(t, "drift")
		base := rapid.Int64Range(-5*second, 5*second).Draw(t, "base")
		most, least := int64(0), int64(0)
		for _, m := range simulation(t) {
			behind := base + drift*((m.at-epoch)/second)
			most, least = max(most, behind), min(least, behind)
			send(e, m, behind)
			offset, _ := e.Offset("shop", "worker")
			require.LessOrEqual(t, offset, most)
			require.GreaterOrEqual(t, offset, least)
		}
	})
}

func TestPropertyAStepIsOverInAFewMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEstimator(t)
		steps := rapid.SliceOfN(rapid.Int64Range(-30*second, 30*second), 1, 5).Draw(t, "steps")
		at := epoch
		for _, behind := range steps {
			forth := 0
			for range rapid.IntRange(1, 30).Draw(t, "messages") {
				at += second
				send(e, message{at: at, wait: rapid.Int64Range(0, 5*second).Draw(t, "wait")}, behind)
				if forth++; forth >= recent {
					offset, _ := e.Offset("shop", "worker")
					require.LessOrEqual(t, offset, max(0, behind))
				}
			}
			// Steps are by far fewer than messages, and clocks jump while machines stand still.
			at += 60 * second
		}
	})
}

func TestPropertyAFewWrongTimesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEstimator(t)
		next := 0
		for i := range rapid.Int64Range(1, 200).Draw(t, "moments") {
			wait := rapid.Int64Range(0, 100*second).Draw(t, "wait")
			if next--; next < 0 && rapid.Bool().Draw(t, "wrong") {
				wait, next = -rapid.Int64Range(1, maxWait).Draw(t, "by"), moments/2
			}
			e.Observe("shop", "worker", wait, epoch+i*second)
			_, ok := e.Offset("shop", "worker")
			require.False(t, ok)
		}
	})
}

func TestPropertyWhatIsCorrectedNeedsNoCorrection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := newEstimator(t)
		behind := rapid.Int64Range(-30*second, 30*second).Draw(t, "behind")
		again := newEstimator(t)
		for _, m := range simulation(t) {
			send(raw, m, behind)
			from, to, wait := "shop", "worker", m.wait-behind
			if m.back {
				from, to, wait = "worker", "shop", m.wait+behind
			}
			corrected, _ := raw.Correct(from, to, wait)
			again.Observe(from, to, corrected, m.at)
			_, ok := again.Offset("shop", "worker")
			require.False(t, ok)
			twice, skewed := again.Correct(from, to, corrected)
			require.Equal(t, corrected, twice)
			require.False(t, skewed)
		}
	})
}

func TestPropertySeveralClocksOfOneNameAreNotCorrected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEstimator(t)
		for i := range rapid.Int64Range(1, 60).Draw(t, "moments") {
			// Every moment has a quick message each way of the instance that is right, some have one that is behind.
			if rapid.Bool().Draw(t, "other") {
				send(e, message{at: epoch + i*second, wait: 0}, 10*second)
			}
			send(e, message{at: epoch + i*second, wait: second / 100}, 0)
			send(e, message{at: epoch + i*second, wait: second / 100, back: true}, 0)
			offset, _ := e.Offset("shop", "worker")
			require.LessOrEqual(t, offset, second/100)
		}
	})
}

// A day in which worker's clock drifts, is far behind for some hours, and gets fixed, with messages both ways.
func TestDay(t *testing.T) {
	e := newEstimator(t)
	var over, under, messages int
	for s := range int64(86_400) {
		behind := s * 20_000 // 20 ppm
		if s > 30_000 && s < 50_000 {
			behind += 40 * second
		}
		// A queue that is slow by day.
		wait := second/100 + int64(float64(second)*(1+math.Sin(float64(s)/13_000))*float64(s*7919%100)/100)
		send(e, message{at: epoch + s*second, wait: wait}, behind)
		if s%10 == 0 {
			send(e, message{at: epoch + s*second, wait: second / 50, back: true}, behind)
		}
		offset, _ := e.Offset("shop", "worker")
		messages++
		if offset > behind {
			over++
		}
		if behind > 40*second && offset < behind-2*second {
			under++
		}
	}
	require.LessOrEqual(t, over, recent, "after the clock was fixed")
	require.LessOrEqual(t, under, 2*support, "after it went wrong")
	require.Equal(t, 86_400, messages)
}

func FuzzExtremeTimes(f *testing.F) {
	f.Add("a", "b", int64(math.MinInt64), int64(math.MinInt64), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Add("b", "a", int64(-maxWait), int64(0), int64(maxWait), int64(-1))
	f.Fuzz(func(t *testing.T, from, to string, wait, at, wait2, at2 int64) {
		e := newEstimator(t)
		for i := range int64(moments) {
			e.Observe(from, to, wait, at+i*second)
			e.Observe(to, from, wait2, at2-i*second)
			e.Observe(from, to, wait/2, at2)
		}
		offset, ok := e.Offset(from, to)
		require.Equal(t, ok, offset != 0)
		require.LessOrEqual(t, max(offset, -offset), int64(maxWait))
		for _, w := range []int64{wait, at, wait2, at2, math.MinInt64, math.MaxInt64} {
			corrected, _ := e.Correct(from, to, w)
			require.GreaterOrEqual(t, corrected, int64(0))
		}
		for _, p := range e.Report(5) {
			require.GreaterOrEqual(t, p.Nanos, int64(0))
		}
	})
}

package skew

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const second = int64(time.Second)

// epoch is when the simulations begin.
var epoch = time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC).UnixNano()

func newEstimator(t require.TestingT) *Estimator {
	e, err := New(DefaultSettings())
	require.NoError(t, err)
	return e
}

// observe lets messages wait so many seconds, one a second from the given one on.
func observe(e *Estimator, from, to string, start int64, waits ...float64) {
	for i, w := range waits {
		e.Observe(from, to, int64(w*float64(second)), epoch+(start+int64(i))*second)
	}
}

func requireOffset(t *testing.T, e *Estimator, from, to string, seconds float64) {
	t.Helper()
	want := int64(seconds * float64(second))
	got, ok := e.Offset(from, to)
	require.Equal(t, want, got)
	require.Equal(t, want != 0, ok)
	got, ok = e.Offset(to, from)
	require.Equal(t, -want, got)
	require.Equal(t, want != 0, ok)
}

func TestNothingIsProvenBySomeWaits(t *testing.T) {
	for name, waits := range map[string][]float64{
		"none":                        {},
		"positive":                    {3, 2, 1, 0, 5},
		"one negative":                {-3, 1, 2, 3},
		"two negative":                {-3, -4, 1, 2},
		"two of a few":                {-3, -4},
		"two bogus among many":        {1, 1, 1, -3600, 1, 1, 1, 1, 1, -3600, 1, 1, 1, 1},
		"all of the same clock, late": {100, 100, 100, 100},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEstimator(t)
			observe(e, "shop", "worker", 0, waits...)
			requireOffset(t, e, "shop", "worker", 0)
		})
	}
}

func TestOffset(t *testing.T) {
	for name, c := range map[string]struct {
		forth, back []float64
		want        float64
	}{
		"the least wait is the proof":        {forth: []float64{-9, -10, -9.5}, want: 10},
		"an outlier is no proof":             {forth: []float64{-9, -10, -9.5, -3600}, want: 10},
		"what has no support counts as far":  {forth: []float64{-1, -1, 30, -9, 20}, want: 1},
		"the recent moments count":           {forth: []float64{-10, -10, -10, -8, -8, -8, -8, -8}, want: 8},
		"a positive wait takes nothing away": {forth: []float64{-10, 5, -10, 7, -10}, want: 10},
		"ahead":                              {back: []float64{-10, -10, -10}, want: -10},
		"both ways agree":                    {forth: []float64{-9, -10, -9}, back: []float64{11, 12, 30}, want: 10},
		"the way back allows less":           {forth: []float64{-9, -10, -9}, back: []float64{8, 12, 30}, want: 8},
		"the way back contradicts":           {forth: []float64{-9, -10, -9}, back: []float64{0.1}, want: 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEstimator(t)
			observe(e, "shop", "worker", 0, c.forth...)
			observe(e, "worker", "shop", 2, c.back...)
			requireOffset(t, e, "shop", "worker", c.want)
		})
	}
}

func TestNegativeWaitsBothWaysAreNotOfOneClock(t *testing.T) {
	e := newEstimator(t)
	for s := range int64(20) {
		observe(e, "shop", "worker", s, -10)
		observe(e, "worker", "shop", s, -2)
		requireOffset(t, e, "shop", "worker", 0)
	}
	require.Equal(t, []Pair{{Ahead: "shop", Behind: "worker", Contradictory: true, Moments: 32, At: epoch + 19*second}}, e.Report(1))
}

func TestFixedClocksAreNoticed(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10, -10, -10, -10, -10, -10)
	requireOffset(t, e, "shop", "worker", 10)
	observe(e, "shop", "worker", 8, 0.1, 0.1, 0.1, 0.1)
	requireOffset(t, e, "shop", "worker", 10)
	observe(e, "shop", "worker", 12, 0.1)
	requireOffset(t, e, "shop", "worker", 0)
}

func TestTheWayBackShowsAFixAtOnce(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10, -10, -10, -10, -10, -10)
	observe(e, "worker", "shop", 8, 0)
	requireOffset(t, e, "shop", "worker", 0)
}

func TestOldProofOfTheOtherSideGivesWay(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	observe(e, "worker", "shop", 10, -4, -4, -4)
	requireOffset(t, e, "shop", "worker", -4)
}

func TestOldMomentsAreForgotten(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	requireOffset(t, e, "shop", "worker", 10)
	observe(e, "shop", "worker", 2*3600, -10)
	requireOffset(t, e, "shop", "worker", 0)
	observe(e, "shop", "worker", 2*3600+1, -10, -10)
	requireOffset(t, e, "shop", "worker", 10)
}

func TestATimeFarOffHarmsForOneMoment(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	e.Observe("shop", "worker", -10*second, math.MaxInt64)
	requireOffset(t, e, "shop", "worker", 0)
	observe(e, "shop", "worker", 3, -10)
	requireOffset(t, e, "shop", "worker", 10)
}

func TestManyWaitsOfOneMomentAreOne(t *testing.T) {
	e := newEstimator(t)
	for range 1000 {
		observe(e, "shop", "worker", 0, -10)
	}
	requireOffset(t, e, "shop", "worker", 0)
}

func TestCorrect(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	for _, c := range []struct {
		from, to        string
		wait, corrected int64
		skewed          bool
	}{
		{"shop", "worker", -10, 0, true},
		{"shop", "worker", -11, 0, true},
		{"shop", "worker", 5, 15, true},
		{"worker", "shop", 15, 5, true},
		{"worker", "shop", 5, 0, true},
		{"shop", "other", 5, 5, false},
		{"shop", "other", -5, 0, true},
		{"shop", "shop", 5, 5, false},
	} {
		corrected, skewed := e.Correct(c.from, c.to, c.wait*second)
		require.Equal(t, c.corrected*second, corrected, c)
		require.Equal(t, c.skewed, skewed, c)
	}
	corrected, skewed := e.Correct("shop", "worker", math.MinInt64)
	require.Zero(t, corrected)
	require.True(t, skewed)
	corrected, skewed = e.Correct("shop", "worker", math.MaxInt64)
	require.Equal(t, int64(math.MaxInt64), corrected)
	require.False(t, skewed)
}

func TestReport(t *testing.T) {
	e := newEstimator(t)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	observe(e, "shop", "mailer", 0, 1, 2, 3)
	observe(e, "zoo", "mailer", 0, -20, -20, -20)
	observe(e, "mailer", "audit", 0, -5, -5, -5)
	observe(e, "audit", "mailer", 2, 3)
	want := []Pair{
		{Ahead: "zoo", Behind: "mailer", Nanos: 20 * second, Moments: 3, At: epoch + 2*second},
		{Ahead: "shop", Behind: "worker", Nanos: 10 * second, Moments: 3, At: epoch + 2*second},
		{Ahead: "mailer", Behind: "audit", Nanos: 3 * second, Contradictory: true, Moments: 4, At: epoch + 2*second},
	}
	require.Equal(t, want, e.Report(10))
	require.Equal(t, want[:1], e.Report(1))
	require.Empty(t, e.Report(-1))
}

func TestStats(t *testing.T) {
	e, err := New(Settings{MaxPairs: 1, Moment: time.Second, MaxAge: time.Hour})
	require.NoError(t, err)
	observe(e, "shop", "worker", 0, -1, 1)
	observe(e, "shop", "shop", 0, 1)
	observe(e, "shop", "", 0, 1)
	e.Observe("shop", "worker", math.MinInt64, epoch)
	require.Equal(t, Stats{Pairs: 1, Observed: 2, Negative: 1, Ignored: 2}, e.Stats())
	observe(e, "shop", "mailer", 0, 1)
	require.Equal(t, Stats{Pairs: 1, Observed: 3, Negative: 1, Ignored: 2, Evicted: 1}, e.Stats())
	observe(e, "shop", string(make([]byte, maxName+1)), 0, 1)
	require.Equal(t, Stats{Pairs: 1, Observed: 4, Negative: 1, Ignored: 2, Evicted: 1, Refused: 1}, e.Stats())
}

func TestAFloodOfNamesDoesNotHurtABusyPair(t *testing.T) {
	s := DefaultSettings()
	s.MaxPairs = 100
	e, err := New(s)
	require.NoError(t, err)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	for i := range int64(20_000) {
		observe(e, "shop", fmt.Sprint("flood", i), i, 1)
		if i%20 == 0 {
			observe(e, "shop", "worker", i, -10)
		}
		requireOffset(t, e, "shop", "worker", 10)
	}
	stats := e.Stats()
	require.Equal(t, 100, stats.Pairs)
	require.Equal(t, uint64(20_000-99), stats.Evicted+stats.Refused)
}

func TestSettings(t *testing.T) {
	require.NoError(t, DefaultSettings().Validate())
	_, err := New(Settings{MaxPairs: 0, Moment: 2 * time.Hour, MaxAge: time.Hour})
	require.EqualError(t, err, "MaxPairs is 0: must be at least 1\nmoment is 2h0m0s: must be between 1ms and MaxAge, 1h0m0s")
	_, err = New(Settings{MaxPairs: 1, MaxAge: time.Hour})
	require.EqualError(t, err, "moment is 0s: must be between 1ms and MaxAge, 1h0m0s")
	_, err = New(Settings{MaxPairs: 1, Moment: time.Second, MaxAge: time.Hour, Least: -1})
	require.EqualError(t, err, "least is -1ns: must not be negative")
}

func TestRoundingIsNoSkew(t *testing.T) {
	e := newEstimator(t)
	for i := range int64(10) {
		e.Observe("shop", "worker", -int64(900*time.Microsecond), epoch+i*second)
		e.Observe("shop", "mailer", -int64(2*time.Millisecond), epoch+i*second)
	}
	_, ok := e.Offset("shop", "worker")
	require.False(t, ok, "times of whole milliseconds")
	offset, ok := e.Offset("shop", "mailer")
	require.True(t, ok)
	require.Equal(t, int64(2*time.Millisecond), offset)
}

func TestConcurrentUse(t *testing.T) {
	e := newEstimator(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range int64(2000) {
				e.Observe("shop", "worker", -10*second, epoch+i*second)
				e.Observe("shop", fmt.Sprint("worker", w, i%50), i, epoch+i*second)
				offset, ok := e.Offset("shop", "worker")
				require.Equal(t, ok, offset == 10*second)
				require.LessOrEqual(t, len(e.Report(1)), 1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, uint64(4*2*2000), e.Stats().Observed)
	requireOffset(t, e, "shop", "worker", 10)
}

func BenchmarkObserve(b *testing.B) {
	for name, wait := range map[string]int64{"healthy": second, "skewed": -second} {
		b.Run(name, func(b *testing.B) {
			e := newEstimator(b)
			b.ReportAllocs()
			at := epoch
			for b.Loop() {
				at += second / 100
				e.Observe("shop", "worker", wait, at)
			}
		})
	}
}

func BenchmarkOffset(b *testing.B) {
	e := newEstimator(b)
	observe(e, "shop", "worker", 0, -10, -10, -10)
	b.ReportAllocs()
	for b.Loop() {
		e.Offset("shop", "worker")
	}
}

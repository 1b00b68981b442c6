package learn

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestPropertyOrderDoesNotMatter while nothing is beyond the threshold: the sketch is that of the set.
func TestPropertyOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waits := rapid.SliceOfN(rapid.Int64Range(0, 29*second), 5, 60).Draw(t, "waits")
		shuffled := rapid.Permutation(waits).Draw(t, "shuffled")
		b, other := newBook(t, enough(len(waits))), newBook(t, enough(len(waits)))
		for i := range waits {
			b.Learn(hop(epoch, waits[i], waits[i]), epoch)
			other.Learn(hop(epoch, shuffled[i], shuffled[i]), epoch)
		}
		requireSame(t, b, other)
		usual, ok := b.Usual(waiting)
		require.True(t, ok)
		longest := int64(1000)
		for _, w := range waits {
			longest = max(longest, w)
		}
		require.InEpsilon(t, longest, usual.Value, 2*accuracy, "the quantile of so few is the longest")
	})
}

func enough(n int) func(*Settings) { return func(s *Settings) { s.MinSamples = n } }

// TestPropertyTheQuantileIsThatOfWhatIsRemembered whatever came, in whatever order, within a half-life.
func TestPropertyTheQuantileIsThatOfWhatIsRemembered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook(t, func(s *Settings) { s.MinSamples, s.Quantile = 10, 0.9 })
		least, most := int64(maxTime), int64(0)
		now := epoch
		for range rapid.IntRange(10, 80).Draw(t, "operations") {
			now += rapid.Int64Range(0, day).Draw(t, "pause")
			wait := rapid.Int64Range(1, hour).Draw(t, "wait")
			least, most = min(least, wait), max(most, wait)
			b.Learn(hop(now, wait, 0), now)
		}
		usual, ok := b.Usual(waiting)
		require.True(t, ok)
		require.GreaterOrEqual(t, float64(usual.Value), float64(max(least, shortest))*(1-2*accuracy))
		require.LessOrEqual(t, float64(usual.Value), float64(max(most, shortest))*(1+2*accuracy))
		require.GreaterOrEqual(t, usual.Samples, 10)
		require.GreaterOrEqual(t, usual.Threshold, int64(b.settings.Floor))
	})
}

// TestReadersAndALearnerAtOnce is for the race detector.
func TestReadersAndALearnerAtOnce(t *testing.T) {
	b := newBook(t, few)
	var work sync.WaitGroup
	work.Go(func() {
		teach(b, 200, func(at int64) *facts { return chain(at, "orders", "payments") })
	})
	work.Go(func() {
		for range 100 {
			require.NoError(t, newBook(t).Restore(b.Snapshot(), epoch))
		}
	})
	for range 2 {
		work.Go(func() {
			for range 1000 {
				b.Usual(waiting)
				b.Successors("orders", "orders", "", nil)
				b.Groups("orders", nil)
				b.Consumers("orders", nil)
				b.Report(10)
				b.Stats()
			}
		})
	}
	work.Wait()
	require.Equal(t, []string{"payments"}, after(b, "orders"))
}

func TestAskingAllocatesNothing(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments") })
	var successors [4]operation.Successor
	var groups [4]operation.UsualGroup
	var consumers [4]string
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b.Usual(waiting)
		b.Usual(operation.Stage{Operation: "nobody", Destination: "orders"})
		b.Successors("orders", "orders", "", successors[:0])
		b.Groups("orders", groups[:0])
		b.Consumers("orders", consumers[:0])
	}))
}

func TestLearningMoreOfTheSameAllocatesNothing(t *testing.T) {
	b := newBook(t, few)
	v := chain(epoch, "orders", "payments", "shipments").view()
	for range 100 {
		b.Learn(v, epoch)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { b.Learn(v, epoch) }))
}

func BenchmarkLearn(b *testing.B) {
	book := newBook(b)
	f := chain(epoch, "orders", "payments", "shipments")
	for n := range int64(9) {
		f.work(2, "worker", n, n+1)
	}
	v, now := f.view(), epoch
	b.ReportAllocs()
	for b.Loop() {
		now += second / 1000
		book.Learn(v, now)
	}
}

func BenchmarkUsual(b *testing.B) {
	book := newBook(b)
	teach(book, 300, func(at int64) *facts { return chain(at, "orders", "payments", "shipments") })
	stage := operation.Stage{Kind: operation.StageProcessing, Operation: "orders", Destination: "payments", Group: "payments-worker"}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := book.Usual(stage); !ok {
			b.Fatal("nothing is known")
		}
	}
}

// BenchmarkSnapshot writes and reads a full book.
func BenchmarkSnapshot(b *testing.B) {
	l := newLife(b, few)
	for n := range 2500 {
		name := string([]rune{rune('a' + n/625), rune('a' + n/25%25), rune('a' + n%25)})
		for range 40 {
			v := hop(epoch, l.around(second), l.around(minute))
			v.Name, v.Hops[0].Destination = name, name
			l.Learn(v, epoch)
		}
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		data := l.Snapshot()
		size = len(data)
		if err := newBook(b, few).Restore(data, epoch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(float64(l.Stats().Stages), "stages")
}

package learn

import (
	"math"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"github.com/throughline/throughline/internal/operation"
)

const (
	// accuracy is the relative error of the quantiles; maxBins bounds the bins of a sketch, so that the longest times, within
	// eight orders of magnitude, are told apart.
	accuracy, maxBins = 0.02, 512
	// unit is the weight of one observation. Weights are whole numbers, so that sums of them are exact.
	unit = 1024
	// lessons is how fast what is beyond the threshold gains weight, as a multiple of the weight that moves the quantile in a
	// half-life; saved is how much of that can be saved up.
	lessons, saved = 1.25, 0.125
	// refreshEvery is how many observations may pass until the quantile is looked up anew.
	refreshEvery = 32
	// shortest is the least time that is told apart, in nanoseconds.
	shortest = int64(time.Microsecond)
)

// buckets maps times to the bins of sketches.
var buckets = newBuckets()

func newBuckets() *mapping.CubicallyInterpolatedMapping {
	m, err := mapping.NewCubicallyInterpolatedMapping(accuracy)
	if err != nil {
		panic(err) // The accuracy is a constant.
	}
	return m
}

// minBin and maxBin are the bins of the shortest and the longest time.
var minBin, maxBin = binOf(shortest), binOf(int64(maxTime))

// binOf returns the bin of a time in nanoseconds.
func binOf(nanos int64) int { return buckets.Index(float64(min(max(nanos, shortest), int64(maxTime)))) }

// generation holds the observations of one span of time.
type generation struct {
	weights *store.CollapsingLowestDenseStore
	// samples is the number of observations that had their full weight.
	samples int
}

func newGeneration() generation {
	return generation{weights: store.NewCollapsingLowestDenseStore(maxBins)}
}

// stage is a sketch of how long a stage takes.
type stage struct {
	young, old generation
	// began is when the younger generation did.
	began int64
	// credit is the weight that what is beyond the threshold may still gain, as of the time credited.
	credit   float64
	credited int64
	// seen is when something was last observed.
	seen int64
	// fresh counts what was observed since usual, whose value is in the bin, was determined.
	fresh, bin int
	usual      operation.Usual
}

func newStage(now int64) *stage {
	return &stage{young: newGeneration(), began: now, credited: now}
}

// observe takes note of a time in nanoseconds, whose bin is given too.
func (g *stage) observe(nanos int64, bin int, now int64, b *Book) {
	s := &b.settings
	g.seen = now
	if now-g.began >= int64(s.HalfLife) && g.young.samples >= s.MinSamples {
		g.turn(now)
	}
	weight := float64(unit)
	if beyond := g.usual.Threshold; beyond > 0 && nanos > beyond {
		weight = g.spend(now, s)
	}
	g.young.weights.AddWithCount(bin, weight)
	if weight == unit {
		g.young.samples++
	}
	g.fresh++
	if g.samples() >= s.MinSamples && (g.fresh >= refreshEvery || g.usual.Samples == 0 || bin > g.bin) {
		g.refresh(b)
	}
}

// turn lets a new generation begin, and forgets the older one.
func (g *stage) turn(now int64) {
	g.young, g.old = g.old, g.young
	g.began, g.fresh = now, refreshEvery
	if g.young.weights == nil {
		g.young = newGeneration()
	}
	g.young.weights.Clear()
	g.young.samples = 0
}

// spend returns the weight that an observation beyond the threshold has: what is left of what they all may gain.
func (g *stage) spend(now int64, s *Settings) float64 {
	allowance := lessons * (1 - s.Quantile) * g.weight()
	since := float64(max(0, now-g.credited)) / float64(s.HalfLife)
	g.credited = max(g.credited, now)
	g.credit = min(g.credit+since*allowance, saved*allowance)
	weight := min(unit, math.Floor(g.credit))
	g.credit -= weight
	return weight
}

// samples is the number of observations that are remembered, weight their weight.
func (g *stage) samples() int { return g.young.samples + g.old.samples }

func (g *stage) weight() float64 {
	weight := g.young.weights.TotalCount()
	if g.old.weights != nil {
		weight += g.old.weights.TotalCount()
	}
	return weight
}

// refresh determines what is usual.
func (g *stage) refresh(b *Book) {
	s, all := &b.settings, g.young.weights
	if g.old.weights != nil {
		b.scratch.Clear()
		b.scratch.MergeWith(g.old.weights)
		b.scratch.MergeWith(g.young.weights)
		all = b.scratch
	}
	g.fresh, g.bin = 0, all.KeyAtRank(s.Quantile*all.TotalCount())
	value := buckets.Value(g.bin)
	g.usual = operation.Usual{
		Threshold: int64(max(float64(s.Floor), min(s.Factor*value, float64(maxTime)))),
		Value:     int64(value), Quantile: s.Quantile, Samples: g.samples(),
	}
}

// told returns what is usual, false while too little is known.
func (g *stage) told() (operation.Usual, bool) {
	if g == nil || g.usual.Samples == 0 {
		return operation.Usual{}, false
	}
	return g.usual, true
}

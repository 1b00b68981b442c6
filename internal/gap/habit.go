package gap

import (
	"math"
	"time"
)

const (
	// buckets is the number of lengths of waits that are told apart: from 1 s to 24 days, each 1.41 times the one before.
	buckets = 43
	// gapWeight is how many times the threshold a wait beyond it counts for at most, and gapShare at most which share, as one
	// in so many, of what may be unusual of all that is remembered: an outage must not be taken for a habit.
	gapWeight, gapShare = 10, 2
)

// habit is how long a service lets one wait for something new. It holds, by length of wait, how many seconds were spent in
// waits like that, in two generations of which the older one is forgotten at a time.
type habit struct {
	now, before [buckets]float32
	// turned is when the younger generation began.
	turned  int64
	samples int
	watched int64
	// usual and threshold are in nanoseconds; threshold is 0 until there is a habit.
	usual, threshold int64
}

// bucketOf returns the bucket for a wait in nanoseconds.
func bucketOf(wait int64) int {
	seconds := float64(wait) / float64(time.Second)
	if seconds <= 1 {
		return 0
	}
	return min(buckets-1, int(math.Ceil(2*math.Log2(seconds))))
}

// lengths are the longest waits of the buckets in nanoseconds.
var lengths = func() (out [buckets]int64) {
	for b := range out {
		out[b] = int64(math.Exp2(float64(b)/2) * float64(time.Second))
	}
	return out
}()

// learn takes note of a wait, which went on for so long; a service that is making up for something lets one wait longer
// than it takes.
func (h *habit) learn(wait, took, now int64, s *Settings) {
	if h.threshold > 0 && wait > h.threshold {
		took = min(took, gapWeight*h.threshold, int64((1-s.Quantile)/gapShare*float64(h.sum())*float64(time.Second)))
	}
	if now-h.turned >= int64(s.Memory) {
		if h.turned != 0 {
			h.before, h.now = h.now, [buckets]float32{}
		}
		h.turned = now
	}
	h.now[bucketOf(wait)] += float32(took) / float32(time.Second)
	h.samples = min(h.samples+1, s.MinSamples)
	h.watched = min(h.watched+took, int64(s.MinWatched))
	h.decide(s)
}

// decide says what is usual, once enough is known.
func (h *habit) decide(s *Settings) {
	if h.samples == s.MinSamples && h.watched == int64(s.MinWatched) {
		h.usual = h.quantile(s.Quantile)
		h.threshold = max(int64(s.Floor), int64(s.Factor*float64(h.usual)))
	}
}

// sum is how much time is remembered, in seconds.
func (h *habit) sum() float32 {
	var sum float32
	for b := range h.now {
		sum += h.now[b] + h.before[b]
	}
	return sum
}

func (h *habit) quantile(q float64) int64 {
	rest := h.sum() * float32(q)
	for b := range h.now {
		rest -= h.now[b] + h.before[b]
		if rest <= 0 {
			return lengths[b]
		}
	}
	return lengths[buckets-1]
}

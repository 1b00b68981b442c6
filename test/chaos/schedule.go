package chaos

import (
	"math/rand/v2"
	"time"
)

// Schedule chooses moments by a seed, so that a run can be repeated.
type Schedule struct{ random *rand.Rand }

// NewSchedule returns the schedule of a seed.
func NewSchedule(seed uint64) *Schedule {
	return &Schedule{rand.New(rand.NewPCG(seed, 0))}
}

// Pause is a time from half of mean to one and a half of it.
func (s *Schedule) Pause(mean time.Duration) time.Duration {
	return mean/2 + time.Duration(s.random.Float64()*float64(mean))
}

// Pick is a number below n.
func (s *Schedule) Pick(n int) int { return s.random.IntN(n) }

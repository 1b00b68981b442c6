package learn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestNothingIsToldBeforeEnoughIsKnown(t *testing.T) {
	b := newBook(t)
	for n := range int64(200) {
		_, ok := b.Usual(waiting)
		require.False(t, ok, "after %d", n)
		b.Learn(hop(epoch+n*second, 20*second, 2*minute), epoch+n*second)
	}
	usual, ok := b.Usual(waiting)
	require.True(t, ok)
	require.Equal(t, 200, usual.Samples)
	require.InDelta(t, 0.999, usual.Quantile, 0)
	near(t, 20*second, usual.Value)
	near(t, 60*second, usual.Threshold)
	usual, ok = b.Usual(processing)
	require.True(t, ok)
	near(t, 2*minute, usual.Value)
	near(t, 6*minute, usual.Threshold)
}

func TestThresholdIsTheQuantileTimesTheFactor(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Settings)
		want   int64
	}{
		"default":  {func(*Settings) {}, 3 * 999 * second / 10},
		"quantile": {func(s *Settings) { s.Quantile = 0.5 }, 3 * 50 * second},
		"factor":   {func(s *Settings) { s.Factor = 2 }, 2 * 999 * second / 10},
		"floor":    {func(s *Settings) { s.Floor = time.Hour }, hour},
		"at most":  {func(s *Settings) { s.Factor, s.Floor = 1, maxTime }, int64(maxTime)},
	} {
		b := newBook(t, tc.change)
		for n := range int64(1000) {
			b.Learn(hop(epoch, n*617%1000*second/10, 0), epoch)
		}
		near(t, tc.want, int64(threshold(b, waiting)), name)
	}
}

func TestFloor(t *testing.T) {
	b := newBook(t)
	for range 200 {
		b.Learn(hop(epoch, 3, 0), epoch)
	}
	require.Equal(t, 30*time.Second, threshold(b, waiting))
	require.Equal(t, 30*time.Second, threshold(b, processing), "what takes no time at all")
}

func TestAnotherNameServesWhileTooLittleIsKnown(t *testing.T) {
	b := newBook(t, few)
	for range 15 {
		b.Learn(hop(epoch, minute, minute), epoch)
		v := hop(epoch, minute, minute)
		v.Name = "other"
		b.Learn(v, epoch)
	}
	near(t, 3*minute, int64(threshold(b, waiting)))
	near(t, 3*minute, int64(threshold(b, processing)))
	elsewhere := waiting
	elsewhere.Type = "parcel"
	require.Zero(t, threshold(b, elsewhere), "of another type of message nothing is known")
	for range 5 {
		b.Learn(hop(epoch, minute, minute), epoch)
	}
	for range 100 {
		v := hop(epoch, 2*minute, minute)
		v.Name = "other"
		b.Learn(v, epoch)
	}
	near(t, 3*minute, int64(threshold(b, waiting)), "now its own counts")
	third := waiting
	third.Operation = "third"
	near(t, 6*minute, int64(threshold(b, third)))
}

func TestOperationsThatNobodyGaveAnIDAreLearnedTogether(t *testing.T) {
	b := newBook(t, few)
	for range 20 {
		v := hop(epoch, minute, minute)
		v.Implicit = true
		b.Learn(v, epoch)
	}
	for _, learned := range b.Report(10) {
		require.Empty(t, learned.Operation)
	}
	require.Len(t, b.Report(10), 2)
	near(t, 3*minute, int64(threshold(b, waiting)))
}

// TestWhatIsNoObservation are views that say nothing of how long something takes.
func TestWhatIsNoObservation(t *testing.T) {
	for name, spoil := range map[string]func(*operation.Hop){
		"uncertain":       func(h *operation.Hop) { h.Uncertain = true },
		"failed":          func(h *operation.Hop) { h.State = operation.HopFailed },
		"dead-lettered":   func(h *operation.Hop) { h.Destination = "orders.dlq" },
		"a retry":         func(h *operation.Hop) { h.Destination = "orders.retry" },
		"presumed":        func(h *operation.Hop) { h.PresumeConsumed(epoch) },
		"never sent":      func(h *operation.Hop) { h.Destination = "" },
		"made up":         func(h *operation.Hop) { h.Destination = "amq.gen-dGhpcyBpcyBpdA" },
		"made up type":    func(h *operation.Hop) { h.Type = "job-4711471147" },
		"unknown times":   func(h *operation.Hop) { h.Consumers[0].WaitedNanos = -1; h.Consumers[0].Attempts[0].EndedAt = 0 },
		"proven by later": func(h *operation.Hop) { h.Consumers[0].Attempts[0].Inferred = true },
	} {
		b := newBook(t, few)
		for range 20 {
			v := hop(epoch, minute, minute)
			spoil(&v.Hops[0])
			b.Learn(v, epoch)
		}
		require.Empty(t, b.Report(100), name)
	}
}

func TestOnlyTheFirstAttemptWaitsAndTheSuccessfulOneCounts(t *testing.T) {
	b := newBook(t, few)
	for range 20 {
		f := started(epoch)
		message := f.send(0, "api", "orders", 0)
		f.process(message, "worker", "orders", minute, 20*minute)
		f.all[len(f.all)-1].Outcome = operation.OutcomeError
		f.process(message, "worker", "orders", 40*minute, 42*minute)
		b.Learn(f.view(), epoch)
	}
	near(t, 3*minute, int64(threshold(b, waiting)))
	near(t, 6*minute, int64(threshold(b, processing)))
}

func TestScheduledMessagesWaitFromTheirDueTime(t *testing.T) {
	b := newBook(t, few)
	for range 20 {
		f := started(epoch)
		message := f.send(0, "api", "orders", 0)
		f.all[0].Due = epoch + hour
		f.process(message, "worker", "orders", hour+minute, hour+2*minute)
		b.Learn(f.view(), epoch)
	}
	near(t, 3*minute, int64(threshold(b, waiting)))
}

func TestEachGroupHasItsOwnTimes(t *testing.T) {
	b := newBook(t, few)
	learn := func(n int) {
		for range n {
			f := started(epoch)
			message := f.send(0, "api", "orders", 0)
			f.processIn("packing", message, "packer", "orders", minute, 2*minute)
			f.processIn("audit", message, "auditor", "orders", 10*minute, 13*minute)
			b.Learn(f.view(), epoch)
		}
	}
	learn(20)
	of := func(s operation.Stage, group string) int64 {
		s.Group = group
		return int64(threshold(b, s))
	}
	near(t, 3*minute, of(waiting, ""), "until anybody consumes it")
	near(t, 3*minute, of(waiting, "packing"))
	near(t, 30*minute, of(waiting, "audit"))
	near(t, 3*minute, of(processing, "packing"))
	near(t, 9*minute, of(processing, "audit"))
	require.Zero(t, of(processing, "somebody"))
	near(t, 3*minute, of(waiting, "somebody"), "as for anybody")
}

func TestSettingsAreValidated(t *testing.T) {
	require.NoError(t, DefaultSettings().Validate())
	for want, change := range map[string]func(*Settings){
		"`quantile` is 1: must be above 0 and at most 0.99999":                func(s *Settings) { s.Quantile = 1 },
		"`quantile` is 0: must be above 0 and at most 0.99999":                func(s *Settings) { s.Quantile = 0 },
		"`factor` is 0.5: must be between 1 and 1000":                         func(s *Settings) { s.Factor = 0.5 },
		"`factor` is 1001: must be between 1 and 1000":                        func(s *Settings) { s.Factor = 1001 },
		"`floor` is -1s: must be between 0s and 87600h0m0s":                   func(s *Settings) { s.Floor = -time.Second },
		"`half_life` is 1s: must be between 1m and 87600h0m0s":                func(s *Settings) { s.HalfLife = time.Second },
		"`min_samples` is 0: must be between 1 and 1000000":                   func(s *Settings) { s.MinSamples = 0 },
		"`max_stages` is 100001: must be between 1 and 100000":                func(s *Settings) { s.MaxStages = 100_001 },
		"`factor` is 0: must be between 1 and 1000\n`floor` is -1ns: must be": func(s *Settings) { s.Factor, s.Floor = 0, -1 },
	} {
		s := DefaultSettings()
		change(&s)
		_, err := New(s)
		require.ErrorContains(t, err, want)
	}
}

package alertexporter

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadata"
	"github.com/throughline/throughline/internal/alert"
)

// notifier keeps when it was told what, and answers with an error of the test's choosing.
type notifier struct {
	mu   sync.Mutex
	err  error
	told []told
}

type told struct {
	at     time.Time
	id     string
	status alert.Status
}

// Notify implements alert.Notifier.
func (n *notifier) Notify(_ context.Context, alerts []alert.Alert) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range alerts {
		n.told = append(n.told, told{at: time.Now(), id: alerts[i].ID, status: alerts[i].Status})
	}
	return n.err
}

func (n *notifier) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// since returns what was told after the last call, in seconds after the given time.
func (n *notifier) since(begin time.Time) (seconds []float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.told {
		seconds = append(seconds, t.at.Sub(begin).Seconds())
	}
	n.told = nil
	return seconds
}

func newTestDelivery(t *testing.T, n alert.Notifier) *delivery {
	t.Helper()
	book, err := alert.NewBook(alert.DefaultSettings())
	require.NoError(t, err)
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	d := newDelivery(nameAlertmanager, maxBatch, book, telemetry)
	d.notifier = n
	return d
}

func (d *delivery) tell(t *testing.T, a alert.Alert) {
	t.Helper()
	d.book.Put(a, time.Now())
	require.NoError(t, d.deliver(t.Context(), func(now time.Time) []alert.Alert { return d.book.Changed([]string{a.ID}, now) }))
}

// repeating starts the loop for as long as the test lasts.
func repeating(t *testing.T, d *delivery) {
	t.Helper()
	stop := d.startRepeating(time.Minute, time.Second, zap.NewNop())
	t.Cleanup(func() { require.NoError(t, stop(context.WithoutCancel(t.Context()))) })
}

// pass lets time go by and whatever is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, n := time.Now(), &notifier{}
		d := newTestDelivery(t, n)
		repeating(t, d)
		pass(90 * time.Second)
		require.Empty(t, n.since(begin), "there is nothing to tell")

		d.tell(t, alert.Alert{ID: "a", Revision: 1})
		pass(2*time.Minute + time.Second)
		require.Equal(t, []float64{90, 150, 210}, n.since(begin), "exactly once in each interval")

		d.tell(t, alert.Alert{ID: "a", Revision: 2, Status: alert.StatusResolved})
		pass(time.Hour)
		require.Equal(t, []float64{211, 271, 331, 391, 451}, n.since(begin), "for five minutes, then silence")
	})
}

func TestAStaleAlertIsLeftToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, n := time.Now(), &notifier{}
		d := newTestDelivery(t, n)
		repeating(t, d)
		d.tell(t, alert.Alert{ID: "a", Revision: 1})
		pass(time.Hour)
		require.Len(t, n.since(begin), 15)
		require.Equal(t, int64(1), d.book.Stats().Stale)
	})
}

func TestRepetitionsGoOnAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, n := time.Now(), &notifier{}
		d := newTestDelivery(t, n)
		repeating(t, d)
		d.tell(t, alert.Alert{ID: "a", Revision: 1})
		n.fail(&alert.Error{Status: 503, Retryable: true, RetryAfter: 3 * time.Minute})
		pass(61 * time.Second)
		require.Equal(t, []float64{0, 60}, n.since(begin))
		n.fail(&alert.Error{Status: 400})
		pass(4 * time.Minute)
		require.Equal(t, []float64{240, 300}, n.since(begin), "after as long as the backend asked for")
		n.fail(nil)
		pass(time.Minute)
		require.Equal(t, []float64{360}, n.since(begin))
	})
}

// blocked does not answer until its context ends.
type blocked struct{ entered chan struct{} }

// Notify implements alert.Notifier.
func (b blocked) Notify(ctx context.Context, _ []alert.Alert) error {
	b.entered <- struct{}{}
	<-ctx.Done()
	return alert.NoAnswer(ctx.Err())
}

func TestOneDeliveryAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := blocked{entered: make(chan struct{}, 10)}
		d := newTestDelivery(t, b)
		d.book.Put(alert.Alert{ID: "a", Revision: 1}, time.Now())
		changed := func(now time.Time) []alert.Alert { return d.book.Changed([]string{"a"}, now) }
		first, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() { errs <- d.deliver(first, changed) }()
		<-b.entered
		second, done := context.WithTimeout(t.Context(), time.Second)
		defer done()
		require.ErrorIs(t, d.deliver(second, changed), context.DeadlineExceeded, "it waits for its turn")
		require.Empty(t, b.entered)
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)
	})
}

func TestStoppingEndsADeliveryUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := blocked{entered: make(chan struct{}, 10)}
		d := newTestDelivery(t, b)
		d.book.Put(alert.Alert{ID: "a", Revision: 1}, time.Now())
		stop := d.startRepeating(time.Minute, 0, zap.NewNop())
		<-b.entered
		begin := time.Now()
		require.NoError(t, stop(t.Context()))
		require.Equal(t, begin, time.Now())
	})
}

func TestRefusedAlertsDoNotKeepOthersFromBeingTold(t *testing.T) {
	n := &notifier{}
	n.fail(&alert.Error{Status: 400})
	d := newTestDelivery(t, n)
	err := d.deliver(t.Context(), func(time.Time) []alert.Alert { return make([]alert.Alert, 2*maxBatch) })
	require.Error(t, err)
	require.Len(t, n.told, 2*maxBatch)
	n.fail(&alert.Error{Status: 500, Retryable: true})
	err = d.deliver(t.Context(), func(time.Time) []alert.Alert { return make([]alert.Alert, 2*maxBatch) })
	require.Error(t, err)
	require.Len(t, n.told, 3*maxBatch, "the rest has to wait in any case")
}

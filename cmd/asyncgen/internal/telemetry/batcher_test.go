package telemetry

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slowExporter keeps the sizes of the batches it gets, after waiting at its gate.
type slowExporter struct {
	gate chan struct{}
	err  error

	mu       sync.Mutex
	batches  []int
	shutdown bool
}

func (e *slowExporter) Export(ctx context.Context, records []sdklog.Record) error {
	if e.gate != nil {
		select {
		case <-e.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.batches = append(e.batches, len(records))
	return e.err
}

func (e *slowExporter) ForceFlush(context.Context) error { return nil }

func (e *slowExporter) Shutdown(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shutdown = true
	return nil
}

func (e *slowExporter) total() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	sum := 0
	for _, n := range e.batches {
		sum += n
	}
	return sum
}

func emit(t *testing.T, b *Batcher, n int) {
	t.Helper()
	for range n {
		require.NoError(t, b.OnEmit(context.Background(), &sdklog.Record{}))
	}
}

func TestBatcherExportsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slowExporter{}
		b := NewBatcher(context.Background(), e)
		emit(t, b, 3)
		synctest.Wait()
		require.Zero(t, e.total())
		<-time.After(logDelay)
		synctest.Wait()
		require.Equal(t, []int{3}, e.batches)
		emit(t, b, logBatch+1)
		synctest.Wait()
		require.Equal(t, []int{3, logBatch}, e.batches, "a full batch does not wait")
		require.NoError(t, b.Shutdown(context.Background()))
		require.Equal(t, []int{3, logBatch, 1}, e.batches)
		require.True(t, e.shutdown)
		emit(t, b, logQueue+10)
		require.NoError(t, b.ForceFlush(context.Background()), "a stopped batcher ignores what comes")
		require.NoError(t, b.Shutdown(context.Background()))
	})
}

func TestBatcherFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slowExporter{}
		b := NewBatcher(context.Background(), e)
		emit(t, b, 2*logBatch+5)
		require.NoError(t, b.ForceFlush(context.Background()))
		require.Equal(t, 2*logBatch+5, e.total())
		require.NoError(t, b.Shutdown(context.Background()))
	})
}

func TestBatcherBlocksInsteadOfDropping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slowExporter{gate: make(chan struct{})}
		b := NewBatcher(context.Background(), e)
		const all = logQueue + 3*logBatch
		emitted := make(chan struct{})
		go func() {
			defer close(emitted)
			for range all {
				_ = b.OnEmit(context.Background(), &sdklog.Record{})
			}
		}()
		synctest.Wait()
		select {
		case <-emitted:
			require.Fail(t, "the queue is full and the exporter stands still")
		default:
		}
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, b.ForceFlush(short), context.DeadlineExceeded)
		close(e.gate)
		<-emitted
		require.NoError(t, b.Shutdown(context.Background()))
		require.Equal(t, all, e.total())
	})
}

func TestBatcherAbandonsExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slowExporter{gate: make(chan struct{})}
		count := &tally{}
		b := NewBatcher(context.Background(), countingLogs{e, count})
		emit(t, b, 3)
		require.ErrorIs(t, b.Shutdown(expired()), context.Canceled)
		synctest.Wait()
		require.Equal(t, int64(3), count.delivery().LogsLost, "what is abandoned is counted")
	})
}

func TestBatcherLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slowExporter{gate: make(chan struct{})}
		b := NewBatcher(context.Background(), e)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { emit(t, b, 2000) })
		}
		close(e.gate)
		wg.Wait()
		require.NoError(t, b.Shutdown(context.Background()))
		require.Equal(t, 20_000, e.total())
	})
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// handled collects what the SDK's global error handler gets.
type handled struct {
	mu   sync.Mutex
	errs []error
}

func (h *handled) Handle(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
}

func TestLossIsCountedAndReported(t *testing.T) {
	h := &handled{}
	previous := otel.GetErrorHandler()
	otel.SetErrorHandler(h)
	defer otel.SetErrorHandler(previous)
	gone := errors.New("gone")
	count := &tally{}
	b := NewBatcher(context.Background(), countingLogs{&slowExporter{err: gone}, count})
	emit(t, b, 7)
	require.NoError(t, b.Shutdown(context.Background()))
	require.Equal(t, Delivery{LogsLost: 7, LastError: gone}, count.delivery())
	require.Equal(t, []error{gone}, h.errs)
}

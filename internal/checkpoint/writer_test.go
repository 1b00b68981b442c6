package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ledger is a store that keeps rows, and does with each transaction what it is told.
type ledger struct {
	mu      sync.Mutex
	rows    map[int64]store.Row
	records []store.Record
	writes  int
	trouble error
	// before is asked before a transaction is taken: kept says whether it is, err what the writer hears of it.
	before func(b *store.Batch) (kept bool, err error)
}

func newLedger() *ledger {
	return &ledger{rows: make(map[int64]store.Row), before: func(*store.Batch) (bool, error) { return true, nil }}
}

func (l *ledger) Write(_ context.Context, b *store.Batch) error {
	kept, err := l.before(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	if l.trouble != nil {
		return l.trouble
	}
	if !kept {
		return err
	}
	for _, r := range b.Rows {
		if _, known := l.rows[r.Seq]; !known {
			l.rows[r.Seq] = r
		}
	}
	l.records = append(l.records, b.Records...)
	return err
}

// fail lets each transaction fail like this, nil: none does.
func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = err
}

func (l *ledger) written() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes
}

func (l *ledger) Trim(context.Context, store.Limits) (store.Trimmed, error) {
	return store.Trimmed{}, nil
}

// content returns the facts and states in the order of the rows.
func (l *ledger) content(tb rapidOrT) (facts []operation.Fact, states []engine.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := int64(0)
	for seq := range l.rows {
		last = max(last, seq)
	}
	at := int64(0)
	for seq := int64(1); seq <= last; seq++ {
		row, ok := l.rows[seq]
		if !ok {
			continue
		}
		require.Greater(tb, row.At, at, "rows lie in the order of time")
		at = row.At
		sections, err := Sections(nil, row.Data)
		require.NoError(tb, err)
		for _, s := range sections {
			switch s.Kind {
			case KindFacts:
				_, data, err := splitFacts(s.Data)
				require.NoError(tb, err)
				some, err := store.DecodeFacts(data)
				require.NoError(tb, err)
				facts = append(facts, some...)
			case KindStates:
				some, err := DecodeStates(s.Data)
				require.NoError(tb, err)
				states = append(states, some...)
			}
		}
	}
	return facts, states
}

type rapidOrT interface {
	Errorf(format string, args ...any)
	FailNow()
}

// events counts what an observer is told.
type events struct {
	mu                      sync.Mutex
	committed, failed, lost int
	dropped                 int64
	lastFailure             error
}

func (e *events) Committed(int, int64, int64, time.Duration) {
	e.mu.Lock()
	e.committed++
	e.mu.Unlock()
}
func (e *events) Failed(err error)           { e.mu.Lock(); e.failed++; e.lastFailure = err; e.mu.Unlock() }
func (e *events) Dropped(_ int, bytes int64) { e.mu.Lock(); e.dropped += bytes; e.mu.Unlock() }
func (e *events) Lost()                      { e.mu.Lock(); e.lost++; e.mu.Unlock() }

func settings(l *ledger, e *events) Settings {
	return Settings{Store: l, Collector: "a", Interval: time.Second, Timeout: 5 * time.Second, MaxBytes: 1 << 20, Observer: e}
}

func fact(id string) []operation.Fact {
	return []operation.Fact{{Kind: operation.KindSend, ID: id, At: 1, MessageID: id}}
}

// run starts the writer and returns what ends it.
func run(t *testing.T, w *Writer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		loop.Wait()
	})
}

func TestWhatNobodyWaitsForIsCommittedOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		w := NewWriter(settings(l, e))
		run(t, w)
		for i := range 9 {
			w.Facts(time.Now().UnixNano(), fact(fmt.Sprint("order-", i)))
			time.Sleep(100 * time.Millisecond) // synctest: fake time
		}
		synctest.Wait()
		require.Zero(t, l.written())
		time.Sleep(200 * time.Millisecond) // synctest: fake time
		synctest.Wait()
		require.Equal(t, 1, l.written())
		facts, _ := l.content(t)
		require.Len(t, facts, 9)
		time.Sleep(10 * time.Second) // synctest: fake time
		require.Equal(t, 1, l.written(), "nothing came, nothing is written")
	})
}

func TestManyWhoWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		l.before = func(*store.Batch) (bool, error) {
			time.Sleep(10 * time.Millisecond) // synctest: fake time
			return true, nil
		}
		w := NewWriter(settings(l, e))
		run(t, w)
		var clients sync.WaitGroup
		for c := range 50 {
			clients.Go(func() {
				for i := range 10 {
					w.Facts(1, fact(fmt.Sprint(c, "-", i)))
					require.NoError(t, w.Commit(t.Context()))
				}
			})
		}
		clients.Wait()
		require.LessOrEqual(t, l.written(), 30, "500 waits")
		facts, _ := l.content(t)
		require.Len(t, facts, 500)
	})
}

func TestInTroubleNobodyWaitsAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		l.fail(fmt.Errorf("%w: /data", store.ErrFull))
		w := NewWriter(settings(l, e))
		run(t, w)
		w.Facts(1, fact("order-1"))
		err := w.Commit(t.Context())
		require.ErrorIs(t, err, ErrUncommitted)
		require.ErrorIs(t, err, store.ErrFull)
		began := time.Now()
		w.Facts(1, fact("order-2"))
		require.ErrorIs(t, w.Commit(t.Context()), store.ErrFull)
		require.Zero(t, time.Since(began), "it is known already")
		require.ErrorIs(t, w.Status().Trouble, store.ErrFull)
		require.Positive(t, w.Status().Pending)

		l.fail(nil)
		time.Sleep(2 * lastPause) // synctest: fake time
		synctest.Wait()
		require.Equal(t, Status{LastCommit: w.Status().LastCommit}, w.Status())
		facts, _ := l.content(t)
		require.Equal(t, append(fact("order-1"), fact("order-2")...), facts)
		require.NoError(t, w.Commit(t.Context()))
	})
}

func TestASlowStoreHoldsUpNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		answer := make(chan struct{})
		l.before = func(*store.Batch) (bool, error) {
			<-answer
			return true, nil
		}
		w := NewWriter(settings(l, e))
		run(t, w)
		w.Facts(1, fact("order-1"))
		began := time.Now()
		require.ErrorIs(t, w.Commit(t.Context()), store.ErrUnavailable)
		require.Equal(t, 5*time.Second, time.Since(began))
		w.Facts(1, fact("order-2"))
		require.ErrorIs(t, w.Commit(t.Context()), ErrUncommitted)
		require.Equal(t, 5*time.Second, time.Since(began))
		close(answer)
		synctest.Wait()
		require.NoError(t, w.Commit(t.Context()))
		require.NoError(t, w.Status().Trouble)
		require.Equal(t, 1, e.failed)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.Facts(1, fact("order-3"))
		require.ErrorIs(t, w.Commit(ctx), context.Canceled)
	})
}

func TestWhatWaitsIsBoundedAndSaysSoWhenItIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		l.fail(store.ErrUnavailable)
		w := NewWriter(settings(l, e))
		run(t, w)
		require.False(t, w.Incomplete())
		for i := range 50_000 {
			w.Facts(1, fact(fmt.Sprint("order-", i)))
			require.LessOrEqual(t, w.Status().Pending, int64(1<<20))
		}
		require.Positive(t, e.dropped)
		require.True(t, w.Incomplete())
		require.False(t, w.Incomplete(), "it is told once")
		require.ErrorIs(t, w.Commit(t.Context()), store.ErrUnavailable)
		l.fail(nil)
		w.Facts(1, fact("last"))
		time.Sleep(2 * lastPause) // synctest: fake time
		require.NoError(t, w.Commit(t.Context()))
		facts, _ := l.content(t)
		require.Equal(t, fact("last")[0], facts[len(facts)-1])
	})
}

func TestAFormerJudgeCommitsItsFactsAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		l.before = func(b *store.Batch) (bool, error) {
			if b.Role != nil {
				return false, fmt.Errorf("%w: judge", store.ErrLost)
			}
			return true, nil
		}
		w := NewWriter(settings(l, e))
		run(t, w)
		w.Facts(1, fact("order-1"))
		w.Judge(&Judgement{Role: &store.Tenure{Epoch: 1}, States: []engine.State{{ID: "order-1", Revision: 1}}, Records: []store.Record{{ID: "order-1"}}})
		require.NoError(t, w.Commit(t.Context()))
		require.Equal(t, 1, e.lost)
		require.Zero(t, e.failed)
		facts, states := l.content(t)
		require.Equal(t, fact("order-1"), facts)
		require.Empty(t, states)
		require.Empty(t, l.records)
	})
}

func TestFactsAreCommittedBeforeWhatWasJudgedOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLedger(), &events{}
		known := make(map[string]bool)
		l.before = func(b *store.Batch) (bool, error) {
			for _, r := range b.Rows {
				sections, err := Sections(nil, r.Data)
				require.NoError(t, err)
				for _, s := range sections {
					if s.Kind == KindFacts {
						_, data, err := splitFacts(s.Data)
						require.NoError(t, err)
						facts, err := store.DecodeFacts(data)
						require.NoError(t, err)
						for i := range facts {
							known[facts[i].ID] = true
						}
						continue
					}
					states, err := DecodeStates(s.Data)
					require.NoError(t, err)
					for i := range states {
						require.True(t, known[states[i].ID], states[i].ID)
					}
				}
			}
			return true, nil
		}
		s := settings(l, e)
		s.MaxBytes = 1 << 40
		w := NewWriter(s)
		// More than one transaction can hold.
		for i := range 200_000 {
			id := fmt.Sprint("order-", i, "-of-a-customer-with-a-rather-long-name")
			w.Facts(1, fact(id))
			if i%1000 == 0 {
				w.Judge(&Judgement{States: []engine.State{{ID: id, Revision: 1}}})
			}
		}
		require.NoError(t, w.Flush(t.Context()))
		require.Greater(t, l.written(), 1)
		_, states := l.content(t)
		require.Len(t, states, 200)
	})
}

// Whatever fails, and whether or not it was committed nevertheless: all that was appended and not dropped is there once, in order.
func TestTheStreamIsWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, e := newLedger(), &events{}
		failures := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 20).Draw(t, "failures")
		l.before = func(*store.Batch) (bool, error) {
			if len(failures) == 0 {
				return true, nil
			}
			how := failures[0]
			failures = failures[1:]
			switch how {
			case 1:
				return false, store.ErrUnavailable
			case 2:
				return true, store.ErrUnavailable // The answer was lost.
			}
			return true, nil
		}
		s := settings(l, e)
		s.MaxBytes = 1 << 30
		w := NewWriter(s)
		var want []operation.Fact
		for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
			some := fact(fmt.Sprint("order-", i))
			w.Facts(1, some)
			want = append(want, some...)
			if rapid.Bool().Draw(t, "commit") {
				err := w.commitSome(t.Context())
				require.True(t, err == nil || errors.Is(err, store.ErrUnavailable), err)
			}
		}
		for w.commitSome(t.Context()) != nil {
			continue
		}
		got, _ := l.content(t)
		require.Equal(t, want, got)
	})
}

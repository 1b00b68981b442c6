package checkpoint

import (
	"context"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// story returns the facts of an operation: sent, consumed, and sent on.
func story(i int, at time.Time) []operation.Fact {
	id, trace := fmt.Sprint("order-", i), operation.TraceID{1, byte(i), byte(i >> 8), byte(i >> 16)}
	span := operation.SpanID{1, byte(i), byte(i >> 8), byte(i >> 16)}
	n := at.UnixNano()
	return []operation.Fact{
		{Kind: operation.KindSend, ID: id, Trace: trace, Span: span, At: n, End: n + 1e6, Service: "checkout", Destination: "orders", System: "kafka", MessageID: id},
		{Kind: operation.KindProcess, Trace: trace, Parent: span, Span: operation.SpanID{2, byte(i), byte(i >> 8)}, At: n + 2e6, End: n + 5e6, Service: "payment", Destination: "orders", System: "kafka", MessageID: id, Consumer: true},
	}
}

func newEngine(t *testing.T) *engine.Engine {
	t.Helper()
	s := engine.DefaultSettings()
	s.ArrivalGrace = 0
	e, err := engine.New(s)
	require.NoError(t, err)
	return e
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func restored(t *testing.T, s store.Log, told int64) (*engine.Engine, *Follower) {
	t.Helper()
	e := newEngine(t)
	f := &Follower{Log: s, Engine: e, Collector: "next", Damaged: func(collector string, seq int64, err error) {
		require.NoError(t, err, "row %d of %q", seq, collector)
	}}
	require.NoError(t, f.Pass(t.Context(), told))
	return e, f
}

// held is what an engine holds, without what differs between two that know the same.
func held(e *engine.Engine) map[string]operation.State {
	states := make(map[string]operation.State)
	for c := range e.Export() {
		for i := range c.States {
			states[c.States[i].ID] = c.States[i].Verdict.State
		}
	}
	return states
}

func TestWhatWasCommittedIsThereAfterARestart(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	e := newEngine(t)
	w := NewWriter(Settings{Store: s, Collector: "a", Interval: time.Second, Timeout: time.Minute, MaxBytes: 64 << 20, Observer: &events{}})
	run(t, w)
	begin := time.Now().Add(-time.Minute)
	var sweeping sync.Mutex
	sweep := func(now time.Time, output int64) []operation.Change {
		sweeping.Lock()
		defer sweeping.Unlock()
		changes := e.Sweep(now)
		w.Judge(&Judgement{States: e.States(changes, output, func(int) string { return "" })})
		return changes
	}
	const operations = 500
	for i := range operations {
		facts := story(i, begin)
		if i%3 == 0 {
			facts = facts[:1]
		}
		w.Facts(begin.UnixNano(), facts)
		e.Apply(begin, facts, nil)
	}
	sweep(begin.Add(10*time.Second), 1)
	require.NotEmpty(t, sweep(begin.Add(10*time.Minute), 2))
	require.NoError(t, w.Commit(t.Context()))
	want := held(e)
	require.Len(t, want, operations)

	again, f := restored(t, s, 2)
	require.Equal(t, want, held(again))
	require.Empty(t, again.Sweep(begin.Add(10*time.Minute)), "all of it was told")
	require.Equal(t, int64(2), f.Stats().LastOutput)

	// Output 2 was not dealt with when the collector was killed.
	untold, _ := restored(t, s, 1)
	repeated := untold.Sweep(begin.Add(10 * time.Minute))
	require.NotEmpty(t, repeated)
	for _, c := range repeated {
		require.True(t, c.Again)
	}

	rebuilder := &Rebuilder{
		Writer: w, Export: e.Export(), Sweeping: &sweeping, Applied: func() {}, Others: f.Positions(),
		Role: func() (*store.Tenure, bool) { return nil, true }, Blobs: func(int64) []store.Blob { return []store.Blob{{Key: "base", Data: []byte{1}}} },
	}
	bytes, err := rebuilder.Run(t.Context())
	require.NoError(t, err)
	require.Positive(t, bytes)
	based, after := restored(t, s, 2)
	require.Equal(t, want, held(based))
	require.Empty(t, based.Sweep(begin.Add(10*time.Minute)))
	require.Less(t, after.Stats().Rows, f.Stats().Rows+2, "what was before is cut")
}

// A rebuild that another collector interrupts removes nothing.
func TestAFormerJudgeRemovesNothing(t *testing.T) {
	l, e := newLedger(), newEngine(t)
	l.before = func(b *store.Batch) (bool, error) {
		require.Empty(t, b.Cut)
		return b.Role == nil, nil
	}
	w := NewWriter(settings(l, &events{}))
	run(t, w)
	facts := story(1, time.Now())
	w.Facts(1, facts)
	e.Apply(time.Now(), facts, nil)
	asked := 0
	rebuilder := &Rebuilder{
		Writer: w, Export: e.Export(), Sweeping: &sync.Mutex{}, Applied: func() {},
		Role:  func() (*store.Tenure, bool) { asked++; return nil, asked == 1 },
		Blobs: func(int64) []store.Blob { return nil },
	}
	_, err := rebuilder.Run(t.Context())
	require.NoError(t, err)
}

func TestADamagedRowHarmsNoOther(t *testing.T) {
	good := func(seq int64, id string) store.Row {
		data := appendSection(newRow(nil), KindFacts, append(make([]byte, arrivalBytes), store.AppendFacts(nil, fact(id))...))
		return store.Row{Collector: "a", Seq: seq, At: seq, Data: seal(data)}
	}
	damaged, newer := good(2, "order-2"), good(3, "order-3")
	damaged.Data[9] ^= 1
	newer.Data[0] = RowVersion + 1
	l := rows{good(1, "order-1"), damaged, newer, good(4, "order-4")}
	var told []error
	e := newEngine(t)
	f := &Follower{Log: l, Engine: e, Damaged: func(_ string, _ int64, err error) { told = append(told, err) }}
	require.NoError(t, f.Pass(t.Context(), 0))
	require.Len(t, told, 2)
	require.ErrorIs(t, told[0], store.ErrCorrupt)
	require.ErrorIs(t, told[1], store.ErrNewer)
	require.True(t, f.Stats().Newer)
	require.Equal(t, int64(2), f.Stats().Facts)
	require.Equal(t, []store.Position{{Collector: "a", Seq: 4}}, f.Positions())
}

func TestWhoStartsAnewReadsItsOwnRowsToo(t *testing.T) {
	row := func(collector string, at int64) store.Row {
		data := appendSection(newRow(nil), KindFacts, append(make([]byte, arrivalBytes), store.AppendFacts(nil, fact(collector))...))
		return store.Row{Collector: collector, Seq: 1, At: at, Data: seal(data)}
	}
	l := &asked{rows: rows{row("a", 1), row("own", 2)}}
	f := &Follower{Log: l, Engine: newEngine(t), Collector: "own"}
	own := store.Position{Collector: "own", Seq: math.MaxInt64}
	require.NoError(t, f.Pass(t.Context(), 0))
	require.Contains(t, l.after, own)
	f.Restart()
	require.NoError(t, f.Pass(t.Context(), 0))
	require.Empty(t, l.after)
	require.NoError(t, f.Pass(t.Context(), 0))
	require.Contains(t, l.after, own)
}

// asked is a log that keeps what it was asked for.
type asked struct {
	rows
	after []store.Position
}

func (a *asked) Rows(ctx context.Context, after []store.Position) iter.Seq2[store.Row, error] {
	a.after = after
	return a.rows.Rows(ctx, after)
}

// rows is a log that was written.
type rows []store.Row

func (r rows) Rows(context.Context, []store.Position) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for _, row := range r {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// What is written anew is more than may wait, and none of it gives way.
func TestWhatIsWrittenAnewFitsIntoASmallBuffer(t *testing.T) {
	e, seen := newEngine(t), &events{}
	begin := time.Now()
	for i := range 10_000 {
		e.Apply(begin, story(i, begin), nil)
	}
	w := NewWriter(settings(newLedger(), seen))
	run(t, w)
	rebuilder := &Rebuilder{
		Writer: w, Export: e.Export(), Sweeping: &sync.Mutex{}, Applied: func() {},
		Role: func() (*store.Tenure, bool) { return nil, true }, Blobs: func(int64) []store.Blob { return nil },
	}
	bytes, err := rebuilder.Run(t.Context())
	require.NoError(t, err)
	require.Greater(t, bytes, w.settings.MaxBytes)
	require.Zero(t, seen.dropped)
}

// A defect in applying ends the pass, and nobody goes on reading.
func TestNobodyReadsOnAfterADefect(t *testing.T) {
	var l rows
	for seq := range int64(5 * readAhead) {
		data := appendSection(newRow(nil), KindFacts, append(make([]byte, arrivalBytes), store.AppendFacts(nil, fact("order"))...))
		l = append(l, store.Row{Collector: "a", Seq: seq + 1, At: seq + 1, Data: seal(data)})
	}
	f := &Follower{Log: l, Engine: defective{newEngine(t)}}
	require.Panics(t, func() { _ = f.Pass(t.Context(), 0) })
}

// defective is an engine with a defect.
type defective struct{ *engine.Engine }

func (defective) Replay(int64, []operation.Fact) { panic("a defect") }

// BenchmarkRestore measures reading, decoding and applying a log of two facts to an operation, `-cpu 1,2`: with two processors one reads and decodes ahead.
func BenchmarkRestore(b *testing.B) {
	const operations, atOnce = 50_000, 100
	var l rows
	at := time.Unix(1_795_255_200, 0)
	for first := 0; first < operations; first += atOnce {
		var facts []operation.Fact
		for i := range atOnce {
			facts = append(facts, story(first+i, at)...)
		}
		data := store.AppendFacts(make([]byte, arrivalBytes), facts)
		l = append(l, store.Row{Collector: "a", Seq: int64(len(l) + 1), At: int64(len(l) + 1), Data: seal(appendSection(newRow(nil), KindFacts, data))})
	}
	b.ReportAllocs()
	for b.Loop() {
		e, err := engine.New(engine.DefaultSettings())
		require.NoError(b, err)
		f := &Follower{Log: l, Engine: e}
		require.NoError(b, f.Pass(b.Context(), 0))
		require.Equal(b, int64(2*operations), f.Stats().Facts)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*operations), "ns/operation")
}

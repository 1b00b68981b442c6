package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// contradicted are the records of a trace that make one operation of two names, and then two of it again.
func contradicted() (first, joined, apart operation.Fact) {
	record := func(n int, id string, rank uint8) operation.Fact {
		f, _ := hop(1, n, "orders", "trace", float64(n))
		f.ID, f.IDRank = id, rank
		return f
	}
	return record(1, "corr", 1), record(3, "op-a", 0), record(5, "op-b", 0)
}

// TestANameCountsOn when its operation is found again after it was a part of another one, with restarts between or without.
func TestANameCountsOn(t *testing.T) {
	for _, c := range []struct {
		name    string
		between func(*journal)
	}{
		{"without a restart", func(*journal) {}},
		{"with a restart", func(j *journal) { j.restart(t, 200) }},
		{"with everything written anew", func(j *journal) {
			j.base()
			j.restart(t, 200)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJournal(t, nil)
			first, joined, apart := contradicted()
			corr := address{id: "corr"}
			for i, f := range []operation.Fact{first, joined, apart} {
				now := float64(100 * i)
				j.apply(now, []operation.Fact{f})
				c.between(j)
				j.tell(t, j.sweep(now+90))
				j.certain()
				if i == 0 {
					require.Equal(t, uint32(1), j.latest[corr].revision)
				}
			}
			require.Greater(t, j.latest[corr].revision, uint32(1))
			found, known := j.engine.Get("", "corr")
			require.True(t, known)
			require.Equal(t, operation.StateStuck, found.Verdict.State)
			require.Equal(t, []string{"corr stuck waiting", "op-a stuck waiting", "op-b stuck waiting"}, j.believed())
		})
	}
}

// TestOfTwoWhichWereToldTheNameGoesOn, whichever is older.
func TestOfTwoWhichWereToldTheNameGoesOn(t *testing.T) {
	for _, ids := range [][2]string{{"op-a", "corr"}, {"corr", "op-a"}} {
		j := newJournal(t, nil)
		for i, id := range ids {
			f, _ := hop(i, i*2, "orders", "trace", 0)
			f.ID = id
			if id == "corr" {
				f.IDRank = 1
			}
			j.apply(0, []operation.Fact{f})
		}
		j.tell(t, j.sweep(90))
		line := operation.Fact{Kind: operation.KindLog, Trace: trace(0), Span: spanID(0), At: at(91), ID: "op-a", Alias: "corr", AliasRank: 1}
		j.apply(100, []operation.Fact{line})
		changes := j.sweep(200)
		j.tell(t, changes)
		require.Len(t, changes, 1)
		require.Equal(t, "corr", changes[0].View.ID)
		require.True(t, changes[0].Gone)
		require.Equal(t, []string{"op-a stuck waiting"}, j.believed())
	}
}

// TestWhatIsSpentOfFactsThatWait is kept with them.
func TestWhatIsSpentOfFactsThatWait(t *testing.T) {
	e := newEngine(t, nil)
	send, _ := hop(1, 1, "orders", "trace", 0)
	e.Replay(at(0), []operation.Fact{{Kind: operation.KindLog, Trace: send.Trace, Span: send.Span, At: at(0)}})
	require.Equal(t, 1, e.Stats().Waiting)
	told := State{ID: operation.ImplicitID(send.Trace, send.Span), Again: true, Revision: 4, FinalRevision: 2}
	require.Empty(t, e.Adopt([]State{told}, 0))

	again := newEngine(t, nil)
	for c := range e.Export() {
		again.Replay(c.At, cloneFacts(c.Facts))
		require.Empty(t, again.Adopt(c.States, 0))
	}
	for _, e := range []*Engine{e, again} {
		apply(e, 1, send)
		changes := sweep(e, 90)
		require.Len(t, changes, 1)
		require.Equal(t, told.ID, changes[0].View.ID)
		require.Equal(t, uint32(5), changes[0].Revision)
		require.True(t, changes[0].New)
	}
}

// TestWhatIsPresumedIsTakenBack: a message without an ID is taken to be consumed, until it is known that the consumption was another one's.
func TestWhatIsPresumedIsTakenBack(t *testing.T) {
	e := newEngine(t, nil)
	waits, _ := hop(1, 1, "orders", "trace", 0)
	sent, processed := hop(3, 3, "orders", "message", 1)
	processed.Trace = trace(5)
	apply(e, 2, withID(waits, "op-a"), processed)
	for _, seconds := range []float64{3, 8, 15, 25} {
		sweep(e, seconds)
	}
	found, _ := e.Get("", "op-a")
	require.Equal(t, operation.StateCompleted, found.Verdict.State)
	apply(e, 26, withID(sent, "op-b"))
	for _, seconds := range []float64{27, 32, 33} {
		sweep(e, seconds)
	}
	found, _ = e.Get("", "op-a")
	require.Equal(t, operation.StateInProgress, found.Verdict.State)
	sweep(e, 100)
	found, _ = e.Get("", "op-a")
	require.Equal(t, operation.StateStuck, found.Verdict.State)
}

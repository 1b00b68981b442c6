package skew

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/snapshot"
)

type observation struct {
	from, to string
	wait, at int64
}

func observations(t *rapid.T, label string) []observation {
	names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) observation {
		return observation{
			names.Draw(t, "from"), names.Draw(t, "to"), rapid.Int64Range(-5e9, 5e9).Draw(t, "wait"), rapid.Int64Range(0, 7200e9).Draw(t, "at"),
		}
	}), 0, 200).Draw(t, label)
}

func (e *Estimator) all(seen []observation) {
	for _, o := range seen {
		e.Observe(o.from, o.to, o.wait, o.at)
	}
}

func requireSame(t require.TestingT, e, other *Estimator) {
	require.Equal(t, e.Report(100), other.Report(100))
	for _, from := range []string{"a", "b", "c", "d"} {
		for _, to := range []string{"a", "b", "c", "d"} {
			offset, ok := e.Offset(from, to)
			same, too := other.Offset(from, to)
			require.Equal(t, offset, same)
			require.Equal(t, ok, too)
		}
	}
}

// TestPropertyRestoreContinues: what was restored corrects the same, and learns on to the same.
func TestPropertyRestoreContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, again := newEstimator(t), newEstimator(t)
		e.all(observations(t, "before"))
		require.NoError(t, again.Restore(e.Snapshot()))
		requireSame(t, e, again)
		more := observations(t, "after")
		e.all(more)
		again.all(more)
		requireSame(t, e, again)
		require.Equal(t, e.Stats().Pairs, again.Stats().Pairs)
	})
}

func TestRestoreKeepsWhatThisRunKnows(t *testing.T) {
	e := newEstimator(t)
	observe(e, "a", "b", 0, -1, -1, -1, -1, -1)
	observe(e, "a", "c", 0, -1, -1, -1, -1, -1)
	later := newEstimator(t)
	observe(later, "a", "b", 100, -3, -3, -3, -3, -3)
	require.NoError(t, later.Restore(e.Snapshot()))
	requireOffset(t, later, "a", "b", 3)
	requireOffset(t, later, "a", "c", 1)
	require.NoError(t, later.Restore(e.Snapshot()))
	requireOffset(t, later, "a", "b", 3)
	require.EqualValues(t, 25, later.seq)
}

func TestRestoreKeepsToTheBounds(t *testing.T) {
	e := newEstimator(t)
	observe(e, "a", "b", 0, 1)
	observe(e, "a", "c", 0, 1)
	s := DefaultSettings()
	s.MaxPairs = 1
	small, err := New(s)
	require.NoError(t, err)
	require.NoError(t, small.Restore(e.Snapshot()))
	require.Equal(t, 1, small.Stats().Pairs)
}

func TestSnapshotsThatCannotBeRead(t *testing.T) {
	e := newEstimator(t)
	observe(e, "a", "b", 0, 1)
	data := e.Snapshot()
	require.EqualError(t, e.Restore(data[:len(data)-1]), "snapshot of clock offsets: the checksum does not match")
	require.EqualError(t, e.Restore(snapshot.NewWriter(snapshotName, snapshotVersion).Close()), "snapshot of clock offsets: malformed")
}

func FuzzRestore(f *testing.F) {
	e := newEstimator(f)
	observe(e, "a", "b", 0, -1, -1, -1, -1, -1)
	observe(e, "b", "a", 0, 1, 2, 3)
	head := len(snapshot.NewWriter(snapshotName, snapshotVersion).Bytes())
	data := e.Snapshot()
	f.Add(data[head : len(data)-4])
	f.Fuzz(func(t *testing.T, data []byte) {
		e := newEstimator(t)
		w := snapshot.NewWriter(snapshotName, snapshotVersion)
		if e.Restore(snapshot.Append(append(w.Bytes(), data...)).Close()) != nil {
			require.Zero(t, e.Stats().Pairs)
			return
		}
		observe(e, "a", "b", 10, -1, -2, 3)
		observe(e, "b", "a", 10, 1)
		e.Report(10)
		require.NoError(t, newEstimator(t).Restore(e.Snapshot()))
	})
}

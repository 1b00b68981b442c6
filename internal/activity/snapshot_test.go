package activity

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/snapshot"
)

// TestPropertyRestoreMerges: whatever was seen by the one or the other is seen.
func TestPropertyRestoreMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []*operation.View {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *operation.View {
				return consumed(rapid.SampledFrom([]string{"orders", "mails"}).Draw(t, "destination"),
					rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group"), rapid.Int64Range(1, 100).Draw(t, "at"))
			}), 0, 10).Draw(t, label)
		}
		both, one, other := New(10), New(10), New(10)
		for _, v := range draw("one") {
			one.Observe(v, 200)
			both.Observe(v, 200)
		}
		for _, v := range draw("other") {
			other.Observe(v, 200)
			both.Observe(v, 200)
		}
		require.NoError(t, other.Restore(one.Snapshot(), 200))
		for _, destination := range []string{"orders", "mails"} {
			for _, group := range []string{"", "a", "b", "c"} {
				require.Equal(t, both.Last(destination, group), other.Last(destination, group))
			}
		}
		require.Zero(t, other.Refused())
	})
}

func TestRestoreKeepsWhoWasSeenLast(t *testing.T) {
	l := New(10)
	for i := range 10 {
		l.Observe(consumed(fmt.Sprint("queue-of-", i, "-orders"), "g", int64(i+1)), 200)
	}
	for i := range maxGroups {
		l.Observe(consumed("queue-of-9-orders", fmt.Sprint("group", i), int64(50+i)), 200)
	}
	small := New(3)
	small.Observe(consumed("queue-of-9-orders", "newest", 100), 200)
	require.NoError(t, small.Restore(l.Snapshot(), 60))
	require.Len(t, small.destinations, 3)
	require.NotZero(t, small.Last("queue-of-8-orders", ""))
	require.Zero(t, small.Last("queue-of-1-orders", ""))
	require.EqualValues(t, 60, small.Last("queue-of-9-orders", "group12").At, "not later than now")
	require.EqualValues(t, 100, small.Last("queue-of-9-orders", "newest").At)
	require.Zero(t, small.Last("queue-of-9-orders", "group0"))
}

func TestSnapshotsThatCannotBeRead(t *testing.T) {
	l := New(10)
	l.Observe(consumed("orders", "g", 5), 200)
	data := l.Snapshot()
	data[len(data)-1]++
	require.EqualError(t, New(10).Restore(data, 200), "snapshot of who consumed last: the checksum does not match")
}

func FuzzRestore(f *testing.F) {
	l := New(10)
	l.Observe(consumed("orders", "g", 5), 200)
	l.Observe(consumed("mails", "g", 6), 200)
	head := len(snapshot.NewWriter(snapshotName, snapshotVersion).Bytes())
	data := l.Snapshot()
	f.Add(data[head : len(data)-4])
	f.Fuzz(func(t *testing.T, data []byte) {
		l := New(10)
		w := snapshot.NewWriter(snapshotName, snapshotVersion)
		if l.Restore(snapshot.Append(append(w.Bytes(), data...)).Close(), 200) != nil {
			require.Empty(t, l.destinations)
			return
		}
		require.LessOrEqual(t, len(l.destinations), 10)
		for destination := range l.destinations {
			require.LessOrEqual(t, l.Last(destination, "").At, int64(200))
		}
		again := New(10)
		require.NoError(t, again.Restore(l.Snapshot(), 200))
		require.Len(t, again.destinations, len(l.destinations))
	})
}

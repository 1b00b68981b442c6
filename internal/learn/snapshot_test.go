package learn

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestPropertyRestoreContinues: what was restored tells the same, and learns on to the same.
func TestPropertyRestoreContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := func(s *Settings) { s.MinSamples, s.HalfLife = 2, 24*time.Hour }
		b := newBook(t, change)
		now := epoch
		learn := func(books ...*Book) {
			for range rapid.IntRange(0, 20).Draw(t, "operations") {
				now += rapid.Int64Range(0, day/2).Draw(t, "pause")
				v := drawView(t, now)
				for _, book := range books {
					book.Learn(v, now)
				}
			}
		}
		learn(b)
		data := b.Snapshot()
		again := newBook(t, change)
		require.NoError(t, again.Restore(data, now))
		requireSame(t, b, again)
		require.Equal(t, data, again.Snapshot())
		learn(b, again)
		requireSame(t, b, again)
	})
}

func requireSame(t require.TestingT, b, other *Book) {
	report := b.Report(10_000)
	require.Equal(t, report, other.Report(10_000))
	for _, learned := range report {
		usual, ok := b.Usual(learned.Stage)
		same, okToo := other.Usual(learned.Stage)
		require.Equal(t, ok, okToo)
		require.Equal(t, usual, same)
		require.ElementsMatch(t, b.Groups(learned.Destination, nil), other.Groups(learned.Destination, nil))
		require.ElementsMatch(t, b.Consumers(learned.Destination, nil), other.Consumers(learned.Destination, nil))
		require.ElementsMatch(t,
			b.Successors(learned.Operation, learned.Destination, "", nil), other.Successors(learned.Operation, learned.Destination, "", nil))
	}
	require.Equal(t, b.Stats().Stages, other.Stats().Stages)
}

func TestRestoreUnderOtherSettings(t *testing.T) {
	b := newBook(t, few)
	for range 50 {
		b.Learn(hop(epoch, minute, minute), epoch)
	}
	stricter := newBook(t)
	require.NoError(t, stricter.Restore(b.Snapshot(), epoch))
	require.Zero(t, threshold(stricter, waiting))
	bolder := newBook(t, few, func(s *Settings) { s.Factor = 5 })
	require.NoError(t, bolder.Restore(b.Snapshot(), epoch))
	near(t, 5*minute, int64(threshold(bolder, waiting)))
}

func TestRestoreKeepsWhatWasLearnedSince(t *testing.T) {
	b := newBook(t, few)
	for range 20 {
		b.Learn(hop(epoch, minute, minute), epoch)
	}
	later := newBook(t, few)
	for range 20 {
		later.Learn(hop(epoch+hour, 2*minute, 2*minute), epoch+hour)
	}
	require.NoError(t, later.Restore(b.Snapshot(), epoch+hour))
	near(t, 6*minute, int64(threshold(later, waiting)))
}

// TestPropertyAFollowerKnowsWhatTheOtherLearned: whoever restores again knows what the later snapshot says.
func TestPropertyAFollowerKnowsWhatTheOtherLearned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := func(s *Settings) { s.MinSamples, s.HalfLife = 2, 24*time.Hour }
		b, follower := newBook(t, change), newBook(t, change)
		now := epoch
		for range rapid.IntRange(1, 4).Draw(t, "snapshots") {
			for range rapid.IntRange(0, 10).Draw(t, "operations") {
				now += rapid.Int64Range(1, day/2).Draw(t, "pause")
				b.Learn(drawView(t, now), now)
			}
			require.NoError(t, follower.Restore(b.Snapshot(), now))
			requireSame(t, b, follower)
			requireSound(t, follower, follower.settings.MaxStages)
		}
		// Now the follower learns, and the other one follows.
		for range rapid.IntRange(1, 10).Draw(t, "operations") {
			now += rapid.Int64Range(1, day/2).Draw(t, "pause")
			follower.Learn(drawView(t, now), now)
		}
		require.NoError(t, b.Restore(follower.Snapshot(), now))
		requireSame(t, follower, b)
	})
}

func TestAClockThatWasSetBackTakesNothingAway(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments") })
	again := newBook(t, few)
	require.NoError(t, again.Restore(b.Snapshot(), epoch-day))
	require.Equal(t, []string{"payments"}, after(again, "orders"))
	for _, learned := range again.Report(100) {
		require.Equal(t, epoch-day, learned.SeenAt)
	}
}

func TestRestoreRefusesWhatIsNoSnapshot(t *testing.T) {
	b := newBook(t, few)
	teach(b, 30, func(at int64) *facts { return chain(at, "orders", "payments") })
	good := b.Snapshot()
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":          {nil, "malformed"},
		"something else":   {[]byte("{\"version\":1,\"rules\":[]}{\"version\":1,\"rules\":[]}"), "malformed"},
		"another version":  {append([]byte(magic+"\x03"), good[len(magic)+1:]...), "version is 3: must be at most 2"},
		"cut":              {good[:len(good)-1], "checksum"},
		"changed":          {append(append([]byte{}, good[:100]...), append([]byte{good[100] ^ 1}, good[101:]...)...), "checksum"},
		"cut with its sum": {sealed(good[len(magic)+1 : len(good)-20]), "malformed"},
		"more at the end":  {sealed(append(slices.Clone(good[len(magic)+1:len(good)-4]), 0)), "malformed"},
	} {
		again := newBook(t, few)
		err := again.Restore(tc.data, epoch)
		require.ErrorContains(t, err, "snapshot of what was learned: ", name)
		require.ErrorContains(t, err, tc.want, name)
		require.Empty(t, again.Report(10), name)
	}
}

// sealed puts a body into an envelope that is in order.
func sealed(body []byte) []byte {
	data := append(append([]byte(magic), version), body...)
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, checksums))
}

// FuzzRestore reads any body, and then learns, tells and writes what it has read.
func FuzzRestore(f *testing.F) {
	b := newBook(f, few)
	teach(b, 30, func(at int64) *facts { return chain(at, "orders", "payments") })
	teach(b, 30, fanOut("packing", "audit"))
	good := b.Snapshot()
	f.Add(good[len(magic)+1 : len(good)-4])
	f.Add([]byte{})
	f.Add([]byte{2, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		b := newBook(t, func(s *Settings) { s.MinSamples, s.MaxStages = 3, 20 })
		if err := b.Restore(sealed(body), epoch); err != nil {
			require.Empty(t, b.Report(10))
			return
		}
		requireSound(t, b, 20)
		for _, learned := range b.Report(100) {
			require.GreaterOrEqual(t, learned.Threshold, int64(0))
			require.LessOrEqual(t, learned.Threshold, int64(maxTime))
			require.LessOrEqual(t, learned.SeenAt, epoch)
		}
		b.Learn(chain(epoch, "orders", "payments").view(), epoch)
		again := newBook(t, func(s *Settings) { s.MinSamples, s.MaxStages = 3, 20 })
		require.NoError(t, again.Restore(b.Snapshot(), epoch))
		b.Usual(operation.Stage{Destination: "orders"})
	})
}

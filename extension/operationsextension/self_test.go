package operationsextension

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// roomOf returns the room of that name.
func roomOf(tb testing.TB, s *console.Self, name string) console.Room {
	tb.Helper()
	for _, r := range s.Rooms {
		if r.Name == name {
			return r
		}
	}
	require.Fail(tb, "no such room", name)
	return console.Room{}
}

func TestSelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.MaxOperations, c.MaxWaiting, c.SweepInterval = 1000, 500, time.Second })
		reader := o.Subscribe()
		reader.Name("operations logs")
		defer reader.Close()
		logs := evidence.Batch{Facts: make([]operation.Fact, 5), Partial: 2}
		logs.Dropped[evidence.DropJunkID] = 3
		o.Read(gap.SignalLogs, &logs)
		o.Read(gap.SignalTraces, &evidence.Batch{Facts: make([]operation.Fact, 7)})
		weak := operation.Fact{Kind: operation.KindLog, Trace: operation.TraceID{99}, At: time.Now().UnixNano()}
		began := time.Now()
		o.Apply(began, []operation.Fact{sent("o-1", 1), processed(1), weak}, nil)
		time.Sleep(20*time.Second + time.Millisecond) // synctest: fake time

		self, err := o.Console().Self(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]uint64{"spans": 7, "logs": 3, "partial_spans": 2}, self.Drawn)
		require.EqualValues(t, 3, self.Ignored["junk_id"])
		require.EqualValues(t, 1, self.Facts["send"])
		require.EqualValues(t, 1, self.Reasons["correlation_id"])
		require.EqualValues(t, 1, self.Records[coverage.GroupSend].Records)
		require.EqualValues(t, 1, self.Records[coverage.GroupLog].Waiting)
		require.Equal(t, 1, self.Waiting.Facts)
		require.Equal(t, 500, self.Waiting.Limit)
		require.Equal(t, began.UnixNano(), self.Waiting.OldestAt)
		require.Positive(t, self.Waiting.Bytes)
		require.Equal(t, console.Room{Name: "operations", Key: "max_operations", Used: 1, Limit: 1000}, roomOf(t, &self, "operations"))
		require.EqualValues(t, 1, roomOf(t, &self, "of them finished").Used)
		require.EqualValues(t, 20, self.Sweeps.Count)
		require.Equal(t, began.Add(20*time.Second).UnixNano(), self.Sweeps.LastAt)
		require.EqualValues(t, time.Second, self.Sweeps.Interval)
		require.Equal(t, []console.Output{{Name: "operations logs", Queued: 1, Limit: maxQueued}}, self.Outputs)
		require.True(t, self.Learning)
		require.EqualValues(t, 1, self.Learned.Learned)
		require.Empty(t, self.Storage)
		require.Positive(t, self.HeapBytes)
		require.Positive(t, self.Goroutines)

		_, err = reader.Next(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute) // synctest: fake time
		self, err = o.Console().Self(t.Context())
		require.NoError(t, err)
		require.Equal(t, []console.Output{{Name: "operations logs", Limit: maxQueued, Taken: 1}}, self.Outputs)
		require.EqualValues(t, 1, self.Dropped["no_operation"])
		require.EqualValues(t, 1, self.Records[coverage.GroupLog].Lost[coverage.LossNoOperation])
		require.Zero(t, self.Waiting.OldestAt)
	})
}

func TestWhatIsStoredIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryStorage()
		o, _, _ := stored(t, nil)
		require.NoError(t, o.Start(t.Context(), hostOf{storageID: m}))
		require.NoError(t, o.Ready())
		parts := func() console.Storage {
			self, err := o.Console().Self(t.Context())
			require.NoError(t, err)
			return self.Storage
		}
		require.Equal(t, console.Storage{
			ID: "memory_storage", Parts: []console.StoredPart{{Name: "learned"}, {Name: "clocks"}, {Name: "consumers"}, {Name: "resources"}},
		}, parts())
		time.Sleep(saveEvery + time.Millisecond) // synctest: fake time
		saved := parts().Parts[0]
		require.Equal(t, time.Now().Add(-time.Millisecond).UnixNano(), saved.SavedAt)
		require.Positive(t, saved.Bytes)
		require.False(t, saved.Failing)

		m.fail(errors.New("the disk is full"))
		time.Sleep(saveEvery) // synctest: fake time
		failed := parts().Parts[0]
		require.Equal(t, saved.SavedAt, failed.SavedAt)
		require.True(t, failed.Failing)
		require.EqualValues(t, 1, failed.Failures)
		m.fail(nil)
		time.Sleep(saveEvery) // synctest: fake time
		require.False(t, parts().Parts[0].Failing)
		require.NoError(t, o.NotReady())
		require.NoError(t, o.Shutdown(t.Context()))
	})
}

func TestADefectInASweepIsCounted(t *testing.T) {
	o, _ := start(t, nil)
	o.guard(stepJudge, func() { panic("broken") })
	self, err := o.Console().Self(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, self.Sweeps.Failures)
}

func TestWhatASubscriberMissesIsItsOwn(t *testing.T) {
	f := newFeed(func(int) {})
	s := f.subscribe()
	s.Name("operations traces")
	f.publish(output(maxQueued))
	f.publish(output(2))
	require.Equal(t, []console.Output{{Name: "operations traces", Queued: 2, Limit: maxQueued, Dropped: maxQueued}}, f.outputs())
	s.Close()
	require.Empty(t, f.outputs())
}

func TestHowMuchTheStoreKeepsIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := startKept(t, filepath.Join(t.TempDir(), "store.db"), nil)
		require.NoError(t, o.Ready())
		size := func() store.Size {
			self, err := source{o}.Self(t.Context())
			require.NoError(t, err)
			return store.Size{Bytes: self.Store.Bytes, Rows: self.Store.Rows, Records: self.Store.Records}
		}
		before := size()
		require.Positive(t, before.Bytes)
		require.Zero(t, before.Records)
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		time.Sleep(20 * time.Second) // synctest: fake time
		require.Equal(t, before, size(), "counted now and then only")
		time.Sleep(time.Hour) // synctest: fake time
		require.Positive(t, size().Rows)
		require.Equal(t, int64(1), size().Records, "it is stuck")
		end(t, o)
	})
}

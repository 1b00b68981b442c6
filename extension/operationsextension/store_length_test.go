package operationsextension

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/throughline/throughline/internal/operation"
)

// opened applies facts of so many operations, in batches of which each is committed by itself.
func opened(o *operations, first, n int) {
	for i := first; i < first+n; i++ {
		f := sent(fmt.Sprint("o-", i), 1)
		binary.LittleEndian.PutUint64(f.Trace[:], uint64(i)+1)
		o.Apply(time.Now(), []operation.Fact{f}, nil)
		if i%100 == 99 {
			time.Sleep(2 * time.Second) // synctest: fake time
		}
	}
	time.Sleep(time.Minute) // synctest: fake time
}

// What was written when everything was written anew is no growth of the log, whoever reads it.
func TestARestartIsNoReasonToWriteEverythingAnew(t *testing.T) {
	const least = 4 << 10
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		start := func() (*operations, *observer.ObservedLogs) {
			o, logs := kept(t, path, nil)
			o.durable.length.least = least
			require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
			require.NoError(t, o.Ready())
			return o, logs
		}
		writtenAnew := func(logs *observer.ObservedLogs) int { return logs.FilterMessageSnippet("was written anew").Len() }
		o, logs := start()
		opened(o, 0, 1000)
		require.NotZero(t, writtenAnew(logs))
		base := o.durable.length.base
		require.Greater(t, base, int64(least))
		beyond := o.durable.length.beyond()
		kill(t, o)

		for range 3 {
			o, logs = start()
			require.InDelta(t, beyond, o.durable.length.beyond(), float64(base)/10, "the log is as long as it was")
			time.Sleep(10 * time.Minute) // synctest: fake time
			require.Zero(t, writtenAnew(logs))
			require.Equal(t, base, o.durable.length.base)
			beyond = o.durable.length.beyond()
			end(t, o)
		}
		o, logs = start()
		opened(o, 1000, 3000)
		require.NotZero(t, writtenAnew(logs), "a log that grows is written anew")
		end(t, o)
	})
}

func TestWhoFollowsKnowsHowLongTheLogIs(t *testing.T) {
	l := length{least: 10}
	l.grow(1000)
	l.restored(900)
	require.False(t, l.tooLong())
	l.grow(801)
	require.True(t, l.tooLong())
	l.seen(900)
	require.True(t, l.tooLong(), "nobody wrote it anew")
	l.seen(950)
	require.False(t, l.tooLong(), "another collector did")
	l.grow(100)
	before := l.beyond()
	l.grow(1010)
	l.rebuilt(1000, before)
	require.Equal(t, int64(10), l.beyond(), "what came meanwhile")
	l.forget()
	l.grow(1500)
	l.restored(1000)
	require.Equal(t, int64(500), l.beyond())
}

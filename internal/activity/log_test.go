package activity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func consumed(destination, group string, at int64) *operation.View {
	return &operation.View{Hops: []operation.Hop{{Destination: destination, Consumers: []operation.Consumer{{
		Group: group, Service: group + "-service", Attempts: []operation.Attempt{{ReceivedAt: at}},
	}}}}}
}

func TestWhoConsumedLast(t *testing.T) {
	l := New(10)
	require.Zero(t, l.Last("orders", ""))
	l.Observe(consumed("orders", "billing", 100), 200)
	l.Observe(consumed("orders", "mail", 150), 200)
	l.Observe(consumed("orders", "billing", 120), 200)
	l.Observe(consumed("orders", "billing", 90), 200)
	require.Equal(t, operation.Sighting{Group: "mail", Service: "mail-service", At: 150}, l.Last("orders", ""))
	require.Equal(t, operation.Sighting{Group: "billing", Service: "billing-service", At: 120}, l.Last("orders", "billing"))
	require.Zero(t, l.Last("orders", "unheard-of"))
	require.Zero(t, l.Last("payments", ""))
}

func TestEverySignOfLifeCounts(t *testing.T) {
	for name, a := range map[string]operation.Attempt{
		"started": {ReceivedAt: 1, StartedAt: 50}, "ended": {StartedAt: 1, EndedAt: 50},
		"progress": {StartedAt: 1, ProgressAt: 50}, "alive": {StartedAt: 1, AliveAt: 50},
	} {
		l := New(10)
		v := consumed("orders", "billing", 0)
		v.Hops[0].Consumers[0].Attempts[0] = a
		l.Observe(v, 200)
		require.EqualValues(t, 50, l.Last("orders", "").At, name)
	}
}

// What nobody saw is no sign, and a clock that is ahead makes nobody seen in the future.
func TestOnlyWhatWasSeenUpToNow(t *testing.T) {
	l := New(10)
	v := consumed("orders", "billing", 50)
	v.Hops[0].Consumers[0].Attempts[0].Inferred = true
	l.Observe(v, 200)
	require.Zero(t, l.Last("orders", ""))
	l.Observe(consumed("orders", "billing", 1<<62), 200)
	require.EqualValues(t, 200, l.Last("orders", "").At)
}

func TestNamesAreBounded(t *testing.T) {
	l := New(10)
	l.Observe(consumed(strings.Repeat("q", 256), "g", 1), 2)
	l.Observe(consumed("orders", strings.Repeat("g", 256), 1), 2)
	l.Observe(consumed("amq.gen-JzTY20BRgKO", "g", 1), 2)
	l.Observe(consumed("", "g", 1), 2)
	l.Observe(consumed("orders", "", 1), 2)
	require.EqualValues(t, 5, l.Refused())
	require.Empty(t, l.destinations)
	for i := range 100 {
		l.Observe(consumed(fmt.Sprint("queue-of-", string(rune('a'+i%26)), i), "g", int64(i+1)), 200)
		l.Observe(consumed("orders", fmt.Sprint("group", i), int64(i+1)), 200)
	}
	require.Len(t, l.destinations, 10)
	require.Len(t, l.destinations["orders"], maxGroups)
	require.EqualValues(t, 100, l.Last("orders", "").At)
	require.Zero(t, l.Last("orders", "group3"))
}

func TestWhoWasNotSeenForADayMakesRoom(t *testing.T) {
	l := New(2)
	day := int64(24 * time.Hour)
	l.Observe(consumed("old", "g", 1), 3*day)
	l.Observe(consumed("young", "g", 2*day), 3*day)
	l.Observe(consumed("new", "g", 2*day+1), 3*day)
	require.Zero(t, l.Last("old", ""))
	require.NotZero(t, l.Last("young", ""))
	require.NotZero(t, l.Last("new", ""))
	l.Observe(consumed("one-more", "g", 2*day+2), 3*day)
	require.Zero(t, l.Last("one-more", ""))
	require.EqualValues(t, 1, l.Refused())
}

// Within the bounds, the order in which operations are told of does not show.
func TestOrderDoesNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		views := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *operation.View {
			return consumed(rapid.SampledFrom([]string{"orders", "mails"}).Draw(t, "destination"),
				rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group"), rapid.Int64Range(-1, 20).Draw(t, "at"))
		}), 0, 20).Draw(t, "views")
		shuffled := rapid.Permutation(views).Draw(t, "shuffled")
		one, other := New(10), New(10)
		for i := range views {
			one.Observe(views[i], 15)
			other.Observe(shuffled[i], 15)
		}
		for _, destination := range []string{"orders", "mails"} {
			for _, group := range []string{"", "a", "b", "c"} {
				require.Equal(t, one.Last(destination, group), other.Last(destination, group))
			}
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	l := New(DefaultMaxDestinations)
	v := consumed("orders", "billing", 1)
	v.Hops = append(v.Hops, consumed("payments", "payer", 2).Hops...)
	v.Hops = append(v.Hops, consumed("mails", "mailer", 3).Hops...)
	b.ReportAllocs()
	for b.Loop() {
		l.Observe(v, 10)
	}
}

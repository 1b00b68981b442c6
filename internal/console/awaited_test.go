package console

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestAwaitedGroupsAreShownBehindThoseThatConsumed(t *testing.T) {
	r := stuckRecord()
	h := &r.View.Hops[0]
	h.State, h.Consumers = operation.HopDone, []operation.Consumer{{
		Group: "search", State: operation.HopDone, Attempts: []operation.Attempt{{ReceivedAt: 1, EndedAt: 2}},
	}}
	b := &builder{record: &r, left: maxItemBytes}
	require.Equal(t, "done", b.hop(h).State)
	h.Awaited = []string{"audit"}
	got := b.hop(h)
	require.Equal(t, "waiting", got.State)
	require.Len(t, got.Consumers, 2)
	require.Equal(t, "audit", got.Consumers[1].Group)
	require.Equal(t, "waiting", got.Consumers[1].State)
	require.Zero(t, got.Consumers[1].Attempts)
	require.Nil(t, got.Consumers[1].Wait)
	require.Len(t, h.Consumers, 1)
}

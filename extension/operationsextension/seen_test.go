package operationsextension

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// What waits tells when its consumer was last seen, though that was with the messages of others.
func TestWhatWaitsTellsWhoConsumedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nil)
		s := o.Subscribe()
		defer s.Close()
		lone := sent("o-1", 1)
		lone.Destination = "mails"
		consumed := processed(2)
		seenAt := consumed.At
		o.Apply(time.Now(), []operation.Fact{lone, sent("o-2", 2), consumed, sent("o-3", 3)}, nil)
		seen := map[string]operation.Sighting{}
		for len(seen) < 2 {
			out := next(t, s)
			for i := range out.Changes {
				c := &out.Changes[i]
				if c.Verdict.Reason == operation.StuckWaiting {
					seen[c.View.ID] = c.Seen
				} else {
					require.Zero(t, c.Seen)
				}
			}
		}
		require.Equal(t, map[string]operation.Sighting{
			"o-1": {}, "o-3": {Group: "worker", Service: "worker", At: seenAt},
		}, seen)
	})
}

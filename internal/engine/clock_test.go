package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAClockThatIsSetBackDelaysNoVerdict(t *testing.T) {
	e := newEngine(t, nil)
	send, process := hop(1, 1, "orders", "trace", 0)
	sent, processed := hop(2, 3, "mails", "trace", 0)
	process.End = 0
	// Both arrive while the clock is an hour ahead.
	apply(e, 3600, withID(send, "o-1"), process, withID(sent, "o-2"), processed)
	sweep(e, 3601)
	e.SetBack(time.Unix(0, at(2)))
	var told []string
	for s := 2.0; s < 300; s++ {
		for _, c := range sweep(e, s) {
			told = append(told, c.View.ID+" "+c.Verdict.State.String())
		}
	}
	require.Contains(t, told, "o-2 completed")
	require.NotContains(t, told, "o-1 stuck")
	require.Less(t, get(t, e, "o-2").UpdatedAt, at(300))
}

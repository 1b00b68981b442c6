package replay

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/throughline/throughline/test/verdict"
)

// settleInterval is how often verdicts are looked at.
const settleInterval = 500 * time.Millisecond

// Settled waits until no verdict has changed for the given time and returns the operations. What was recorded lies in the
// past, so that all thresholds have passed when it arrives, and only the grace for late telemetry is waited for.
func Settled(ctx context.Context, client verdict.Client, quiet time.Duration) ([]verdict.Operation, error) {
	ticker := time.NewTicker(settleInterval)
	defer ticker.Stop()
	var last map[string]string
	var since time.Time
	for {
		operations, err := client.Operations(ctx)
		if err != nil {
			return nil, err
		}
		now := map[string]string{}
		for i := range operations {
			now[operations[i].Namespace+"/"+operations[i].ID] = operations[i].Verdict()
		}
		switch {
		case last == nil || !maps.Equal(last, now):
			last, since = now, time.Now()
		case time.Since(since) >= quiet:
			return operations, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("verdicts still change: %w", ctx.Err())
		}
	}
}

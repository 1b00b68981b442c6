//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/replay"
	"github.com/throughline/throughline/test/verdict"
)

const (
	// replayConfig is the one configuration for all recordings.
	replayConfig = "../replay/config.yaml"
	// quietTime is how long no verdict may change before they are compared: longer than the grace for late telemetry.
	quietTime    = 4 * time.Second
	replayBudget = 90 * time.Second
)

// TestRecordings replays telemetry of real applications, in the order in which it arrived and in others, to collectors
// that know nothing yet. How many operations they judge right must not become fewer.
func TestRecordings(t *testing.T) {
	for _, tc := range []struct {
		name string
		// right is how many of the operations are judged right.
		right int
	}{{"node-amqplib", 138}, {"go-kotel", 121}} {
		t.Run(tc.name, func(t *testing.T) {
			recording, err := replay.Load(filepath.Join("../conformance/testdata", tc.name))
			require.NoError(t, err)
			verdicts := map[replay.Order]map[string]string{}
			for _, order := range []replay.Order{replay.OrderArrival, replay.OrderReversed} {
				t.Run(string(order), func(t *testing.T) { verdicts[order] = replayOnce(t, recording, order, tc.right) })
			}
			require.Equal(t, verdicts[replay.OrderArrival], verdicts[replay.OrderReversed], "the order of arrival changed verdicts")
		})
	}
}

// replayOnce returns the verdicts by the operations' IDs.
func replayOnce(t *testing.T, recording *replay.Recording, order replay.Order, right int) map[string]string {
	t.Helper()
	s := start(t, setup{overlays: []string{replayConfig}})
	ctx, cancel := context.WithTimeout(t.Context(), replayBudget)
	defer cancel()
	requests, err := replay.Arrange(recording.Requests, order, 0)
	require.NoError(t, err)
	require.NoError(t, replay.Send(ctx, "http://"+s.collector.OTLPHTTP, requests, 0))
	judged, err := replay.Settled(ctx, s.api, quietTime)
	require.NoError(t, err)

	report, err := replay.Compare(&recording.Truth, judged)
	require.NoError(t, err)
	t.Logf("%s in the order %s: %s%s", recording.Name, order, report.Summary(), report.List())
	require.GreaterOrEqual(t, report.Matrix.Right(), right, "operations judged right")
	require.Empty(t, report.Extra, "operations that did not take place")
	s.checkShapes(t, judged)
	s.checkHealthy(t)

	verdicts := map[string]string{}
	for i := range judged {
		verdicts[judged[i].ID] = judged[i].Verdict()
	}
	return verdicts
}

// checkShapes checks that Jaeger has the derived trace of every final operation, one tree without warnings.
func (s *stand) checkShapes(t *testing.T, judged []verdict.Operation) {
	t.Helper()
	for i := range judged {
		op := truth{ID: judged[i].ID, State: judged[i].State}
		if !op.final() {
			continue
		}
		var trace *jaegerTrace
		await(t, traceTimeout, "derived trace of "+op.ID, func() (err error) {
			trace, err = s.jaegerTrace(t, judged[i].TraceID)
			return err
		})
		c := traceCheck{trace: trace, op: &op}
		c.shape()
		require.Empty(t, c.found, "the derived trace of %s: %s", op.ID, asJSON(trace))
	}
}

//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/replay"
	"github.com/throughline/throughline/test/verdict"
)

const (
	recordingsDir = "../conformance/testdata"
	// replayConfig is the one configuration for all recordings.
	replayConfig = "../replay/config.yaml"
	// quietTime is how long no verdict may change before they are compared: longer than the grace for late telemetry.
	quietTime    = 10 * time.Second
	replayBudget = 6 * time.Minute
	// liveQuiet is longer than the longest threshold for what is still on its way at the end of a live replay.
	liveQuiet  = 20 * time.Second
	liveBudget = 10 * time.Minute
	// atOnce is how many collectors run side by side.
	atOnce = 3
)

// TestRecordings replays telemetry of real applications over the network, in the order in which it arrived, each to a
// collector that knows nothing yet. The conformance suite has the other orders.
func TestRecordings(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(recordingsDir)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	turns := make(chan struct{}, atOnce)
	for _, entry := range entries {
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			recording, err := replay.Load(filepath.Join(recordingsDir, entry.Name()))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), replayBudget)
			defer cancel()
			s := start(t, setup{overlays: []string{replayConfig}})
			require.NoError(t, replay.Send(ctx, "http://"+s.collector.OTLPHTTP, recording.Requests, 0))
			judged := s.requireTruth(ctx, t, recording, quietTime)
			s.checkShapes(t, judged)
			s.checkHealthy(t)
		})
	}
}

// TestLive replays one recording as if its applications ran now, in the time they took.
func TestLive(t *testing.T) {
	t.Parallel()
	recording, err := replay.Load(filepath.Join(recordingsDir, "node-amqplib"))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), liveBudget)
	defer cancel()
	s := start(t, setup{overlays: []string{replayConfig}})
	requests, err := replay.Shift(recording.Requests, time.Since(recording.Requests[0].At))
	require.NoError(t, err)
	require.NoError(t, replay.Send(ctx, "http://"+s.collector.OTLPHTTP, requests, 1))
	s.requireTruth(ctx, t, recording, liveQuiet)
	// It takes longer than evidence is kept that belongs to no operation, such as what services log when they start.
	s.checkHealthy(t, "no_operation")
}

// requireTruth waits for the last verdict and compares all of them with what happened.
func (s *stand) requireTruth(ctx context.Context, t *testing.T, recording *replay.Recording, quiet time.Duration) []verdict.Operation {
	t.Helper()
	judged, err := replay.Settled(ctx, s.api, quiet)
	require.NoError(t, err)
	report, err := replay.Compare(&recording.Truth, judged)
	require.NoError(t, err)
	t.Logf("%s: %s", recording.Name, report.Summary())
	require.Empty(t, report.Differences, "%s", report.List())
	require.Zero(t, report.FalseAlarms)
	return judged
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

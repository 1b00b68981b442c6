//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// restartTimeout is how long after its restart a backend may wait for what it missed: exporters try again every 2 s.
const restartTimeout = 5 * time.Minute

// TestBackendsDown stops Jaeger and Alertmanager while traffic flows, and starts them again once all verdicts are there.
func TestBackendsDown(t *testing.T) {
	hook := startWebhook(t)
	s := start(t, setup{webhook: hook.url, badger: true})
	end := s.traffic(t, "--operations", "300", "--rate", "100", "--seed", "31",
		"--mix", "completed=66,retried=8,failed=6,never_consumed=8,killed=6,duplicated=2,dead_lettered=4")
	await(t, verdictTimeout, "the first operation", func() error {
		judged, err := s.api.Operations(t.Context())
		if err == nil && len(judged) == 0 {
			err = errors.New("no operation is known")
		}
		return err
	})
	require.NoError(t, s.jaeger.Stop())
	require.NoError(t, s.alertmanager.Stop())

	truths := end()
	judged := s.awaitVerdicts(t, truths)
	groups := groupsOf(t, truths, judged)
	await(t, verdictTimeout, "something that waits for the backends", func() error {
		if m := s.metrics(t); m.sum("otelcol_exporter_queue_size", `exporter="otlp_grpc/jaeger"`) == 0 || m.sum("otelcol_exporter_queue_size", `exporter="alert"`) == 0 {
			return errors.New("the queues are empty")
		}
		return nil
	})
	all, _ := hook.all()
	require.Empty(t, all, "who told of this?")

	var err error
	s.jaeger, err = s.servers.StartJaeger(t.Context(), s.jaeger.Settings)
	require.NoError(t, err)
	s.alertmanager, err = s.servers.StartAlertmanager(t.Context(), s.alertmanager.Settings)
	require.NoError(t, err)

	stuck := append(ofKind(groups, stateStuck, stateWaiting), ofKind(groups, stateStuck, stateProcessing)...)
	require.NotEmpty(t, stuck)
	s.awaitAlerts(t, restartTimeout, stuck)
	s.awaitQueues(t)
	s.checkFinalTraces(t, truths, judged)
	s.checkDerivedOnce(t, truths)

	// What comes afterwards takes its usual way.
	later := s.generate(t, "--operations", "100", "--rate", "100", "--seed", "32", "--mix", "completed=90,retried=5,duplicated=5")
	judged = s.awaitVerdicts(t, append(truths, later...))
	s.checkFinalTraces(t, later, judged)
	s.checkDerivedOnce(t, sample(later, func(truth) bool { return true }))
	s.awaitAlerts(t, restartTimeout, stuck)
	require.NoError(t, told(hook, stuck, statusFiring, 1))
	all, broken := hook.all()
	require.Empty(t, broken)
	for _, n := range all {
		require.False(t, n.status == statusResolved && n.alert.Labels["kind"] == stateStuck, "resolved: %v", n.alert.Labels)
	}
	s.checkHealthy(t)
}

// awaitQueues waits until nothing waits for a backend any more.
func (s *stand) awaitQueues(t *testing.T) {
	t.Helper()
	await(t, restartTimeout, "empty queues", func() error {
		if n := s.metrics(t).sum("otelcol_exporter_queue_size"); n != 0 {
			return fmt.Errorf("%v requests wait", n)
		}
		return nil
	})
}

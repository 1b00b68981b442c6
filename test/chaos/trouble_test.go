//go:build e2e && linux

package chaos

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/stack"
)

var trouble = flag.Duration("trouble", 6*time.Second, "how long each trouble lasts")

const (
	latency, jitter = 100 * time.Millisecond, 50 * time.Millisecond
	// maxResident bounds what a collector takes of memory at any time, in bytes.
	maxResident = 1 << 30
)

// originalsToJaeger passes what services send on to Jaeger too, by a queue that outlives the process.
const originalsToJaeger = `yaml:
extensions:
  file_storage: {directory: "${env:THROUGHLINE_DATA_DIR}/queue", create_directory: true}
exporters:
  otlp_grpc/originals:
    endpoint: ${env:THROUGHLINE_JAEGER_ENDPOINT}
    tls: {insecure: true}
    sending_queue: {storage: file_storage, queue_size: 100000}
    retry_on_failure: {initial_interval: 200ms, max_interval: 1s, max_elapsed_time: 0}
service:
  extensions: [file_storage, operations, console]
  pipelines:
    traces:
      exporters: [otlp_grpc/originals, otlp_grpc/sink]
`

// TestTrouble takes away the disk, the backends and the quick network, one after the other.
func TestTrouble(t *testing.T) {
	t.Parallel()
	disks, err := stack.New(stack.Settings{WorkDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, disks.Stop()) })
	disk, err := disks.MountDisk("disk", 64)
	require.NoError(t, err)
	store := "driver: sqlite, path: '" + disk.Path + "/operations.db', durability: batch, commit_timeout: 1s, buffer_mib: 8"
	s := start(t, setup{store: store, badger: true, overlays: []string{originalsToJaeger}, length: 8 * *trouble})
	truths := s.traffic(t)
	pause(t, *trouble/2)

	s.during(t, "disk full", true, func() { require.NoError(t, disk.Fill()) }, func() { require.NoError(t, disk.Free()) })
	s.kill(t, "after the disk was full")
	s.during(t, "read-only", true, func() {
		require.NoError(t, s.collectors[0].Stop())
		require.NoError(t, disk.ReadOnly(true))
		s.restart(t, 0)
	}, func() { require.NoError(t, disk.ReadOnly(false)) })
	s.kill(t, "after the disk was read-only")
	s.during(t, "no Jaeger", false, func() { require.NoError(t, s.jaeger.Stop()) }, func() {
		s.jaeger, err = s.servers.StartJaeger(t.Context(), s.jaeger.Settings)
		require.NoError(t, err)
	})
	s.during(t, "no Alertmanager", false, func() { require.NoError(t, s.alertmanager.Stop()) }, func() {
		s.alertmanager, err = s.servers.StartAlertmanager(t.Context(), s.alertmanager.Settings)
		require.NoError(t, err)
	})
	slow := func(latency, jitter time.Duration) func() {
		return func() {
			require.NoError(t, s.toJaeger.Delay(t.Context(), latency, jitter))
			require.NoError(t, s.toCollectors[0].Delay(t.Context(), latency, jitter))
		}
	}
	s.during(t, "slow network", false, slow(latency, jitter), slow(0, 0))
	all := truths()
	s.checkOriginals(t, all)
	s.check(t, all, Excuses{})
}

// during makes trouble for a while and checks that telemetry flows meanwhile, that memory stays bounded, and that collectors say so if it is
// the store that is in trouble.
func (s *stand) during(t *testing.T, what string, ofStore bool, begin, end func()) {
	t.Helper()
	begin()
	pause(t, *trouble/4)
	before := s.sink.Tally().Originals
	pause(t, *trouble)
	after := s.sink.Tally().Originals
	if ofStore {
		s.awaitTrouble(t, 1, what)
	}
	end()
	require.Greater(t, after, before, "%s: no telemetry flowed", what)
	t.Logf("%s: %d spans were passed on within %s", what, after-before, *trouble)
	for i, c := range s.collectors {
		peak := resident(t, c.Pid())
		t.Logf("%s: collector %d took %d MiB at most", what, i, peak>>20)
		require.Less(t, peak, int64(maxResident), what)
	}
}

// kill waits until all is committed again, then kills the first collector and starts it again: what it knew despite the trouble is not lost.
func (s *stand) kill(t *testing.T, what string) {
	t.Helper()
	s.awaitTrouble(t, 0, what)
	t.Logf("%s: %g bytes had been dropped, %g batches acknowledged without a commit", what,
		s.metric(t, 0, "otelcol_operations_store_dropped"), s.metric(t, 0, "otelcol_operations_store_acknowledged_uncommitted"))
	require.NoError(t, s.collectors[0].Kill())
	s.restart(t, 0)
}

// awaitTrouble waits until every collector says that its store is in trouble (1), or that it is not (0).
func (s *stand) awaitTrouble(t *testing.T, want float64, what string) {
	t.Helper()
	await(t, settleTimeout, what+": what collectors say of their stores", func() error {
		for i := range s.collectors {
			if got := s.metric(t, i, "otelcol_operations_store_trouble"); got != want {
				return fmt.Errorf("the trouble of collector %d is %g, not %g", i, got, want)
			}
		}
		return nil
	})
}

// metric is the sum of a metric of a collector about itself, 0 if there is none.
func (s *stand) metric(t *testing.T, i int, name string) float64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.collectors[i].TelemetryURL+"/metrics", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || !strings.ContainsAny(rest[:1], "_{ ") {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		require.NoError(t, err)
		sum += value
	}
	return sum
}

// resident is the most memory that a process ever took, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(t, err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			require.NoError(t, err)
			return kib << 10
		}
	}
	require.Fail(t, "no VmHWM", "process %d", pid)
	return 0
}

// checkOriginals waits until Jaeger shows what services sent of some of the operations.
func (s *stand) checkOriginals(t *testing.T, truths []Truth) {
	t.Helper()
	sizes := s.sink.Traces()
	every := max(1, len(truths) / *sampled)
	for i := 0; i < len(truths); i += every {
		id := truths[i].Hops[0].Producer.TraceID
		await(t, settleTimeout, "the trace of "+truths[i].ID+" in Jaeger", func() error {
			trace, err := s.jaegerTrace(t, id)
			if err == nil && len(trace.Spans) != sizes[id] {
				err = fmt.Errorf("%d spans, not %d", len(trace.Spans), sizes[id])
			}
			return err
		})
	}
}

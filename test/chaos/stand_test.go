//go:build e2e

package chaos

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/stack"
	"github.com/throughline/throughline/test/verdict"
)

var (
	seed       = flag.Uint64("seed", 1, "seed of the moments and of the operations")
	operations = flag.Int("operations", 600, "operations of each scenario")
	rate       = flag.Float64("rate", 40, "operations begun per second")
	patience   = flag.Int("patience", 1, "how many times as long as usual everything may take: collectors are away for long where restarts take long")
	sampled    = flag.Int("sampled", 300, "of how many derived traces it is asked how Jaeger shows them")
)

const (
	binDir       = "../../bin"
	pollInterval = 500 * time.Millisecond
	// settleTimeout is how long after the last telemetry everything may take to be judged and told.
	settleTimeout = 6 * time.Minute
	// recovery is how long after they were sent messages are consumed that nobody consumed, in a run that takes long. In a short one all of
	// them wait until the last one is stuck, so that each incident is opened and resolved once.
	recovery    = 60 * time.Second
	maxRecovery = 150 * time.Second
	// arrivalSlack is how much later than its threshold an operation may get stuck.
	arrivalSlack = 15 * time.Second
	mix          = "completed=70,retried=8,failed=5,never_consumed=5,killed=4,duplicated=4,dead_lettered=4"
)

// retryWithin is how soon somebody tries again.
const retryWithin = 15 * time.Second

// thresholds are those of testdata/chaos.yaml.
func thresholds() Thresholds {
	return Thresholds{Waiting: patiently(20 * time.Second), Late: patiently(10 * time.Second)}
}

func patiently(d time.Duration) time.Duration { return time.Duration(*patience) * d }

// stand is one or more collectors between the suite's own ends and the real servers.
type stand struct {
	dir          string
	chance       *Schedule
	servers      *stack.Stack
	jaeger       *stack.Jaeger
	alertmanager *stack.Alertmanager
	pager        *Pager
	sink         *Sink
	relay        *Relay
	collectors   []*stack.Collector
	// toCollectors and toJaeger are the network.
	toCollectors []*stack.Proxy
	toJaeger     *stack.Proxy
	// length is for how long operations begin.
	length time.Duration
	// slowestStart is the longest that a collector took until it listened.
	slowestStart time.Duration
}

// setup says what a scenario needs.
type setup struct {
	// collectors is their number; 0 is one.
	collectors int
	// store is the configuration under extensions::operations::store, as YAML.
	store string
	// overlays are further values of --config.
	overlays []string
	// length is for how long operations begin; 0: as long as it takes at the rate that was asked for.
	length time.Duration
	// badger lets Jaeger keep its traces over a restart.
	badger bool
}

// start starts everything and stops it at the end of the test.
func start(t *testing.T, set setup) *stand {
	t.Helper()
	s := &stand{dir: t.TempDir(), chance: NewSchedule(*seed), pager: &Pager{}, length: set.length}
	if s.length == 0 {
		s.length = usualLength()
	}
	t.Logf("seed %d, %d operations in %s", *seed, *operations, s.length)
	hook := httptest.NewServer(s.pager)
	t.Cleanup(hook.Close)
	var err error
	s.sink, err = StartSink()
	require.NoError(t, err)
	t.Cleanup(s.sink.Stop)
	s.servers, err = stack.New(stack.Settings{BinDir: binDir, WorkDir: filepath.Join(s.dir, "stack")})
	require.NoError(t, err)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, s.servers.Stop())
		s.printLogs(t)
	})
	s.jaeger, err = s.servers.StartJaeger(t.Context(), stack.JaegerSettings{Badger: set.badger})
	require.NoError(t, err)
	s.alertmanager, err = s.servers.StartAlertmanager(t.Context(), stack.AlertmanagerSettings{WebhookURL: hook.URL})
	require.NoError(t, err)
	s.toJaeger = proxy(t, s.jaeger.OTLP)
	s.startCollectors(t, set)
	return s
}

// usualLength is how long operations begin at the rate that was asked for.
func usualLength() time.Duration {
	return time.Duration(float64(*operations) / *rate * float64(time.Second))
}

func proxy(t *testing.T, upstream string) *stack.Proxy {
	t.Helper()
	p, err := stack.StartProxy(upstream)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func (s *stand) startCollectors(t *testing.T, set setup) {
	t.Helper()
	configs := []string{"embedded:quickstart", "file:testdata/chaos.yaml"}
	if set.store != "" {
		configs = append(configs, "yaml:extensions: {operations: {store: {"+set.store+"}}}")
	}
	configs = append(configs, set.overlays...)
	var addresses []string
	for i := range max(1, set.collectors) {
		c, err := s.servers.StartCollector(t.Context(), stack.CollectorSettings{
			Name: "throughline-" + strconv.Itoa(i), Configs: configs,
			JaegerOTLP: s.toJaeger.Address, AlertmanagerURL: s.alertmanager.URL,
			Env: []string{
				"CHAOS_SINK=" + s.sink.Address, "THROUGHLINE_MEMORY_LIMIT_MIB=3072", "CHAOS_WAITING=" + thresholds().Waiting.String(),
				"CHAOS_LATE=" + thresholds().Late.String(), "CHAOS_RETRY=" + patiently(retryWithin).String(),
			},
		})
		require.NoError(t, err)
		s.collectors = append(s.collectors, c)
		s.toCollectors = append(s.toCollectors, proxy(t, c.OTLPGRPC))
		addresses = append(addresses, s.toCollectors[i].Address)
	}
	var err error
	s.relay, err = StartRelay(addresses...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.relay.Stop()) })
}

// traffic starts asyncgen, and returns how to wait until everything was sent, for the truth.
func (s *stand) traffic(t *testing.T) func() []Truth {
	t.Helper()
	path := filepath.Join(s.dir, "truth.json")
	recovers := s.length + thresholds().Waiting + arrivalSlack
	if recovers > patiently(maxRecovery) {
		recovers = patiently(recovery)
	}
	generator, err := s.servers.StartAsyncgen(t.Context(), s.relay.Address,
		"--operations", strconv.Itoa(*operations), "--rate", strconv.FormatFloat(float64(*operations)/s.length.Seconds(), 'g', -1, 64),
		"--seed", strconv.FormatUint(*seed, 10), "--mix", mix, "--recover", recovers.String(), "--truth", path, "--progress", "0")
	require.NoError(t, err)
	return func() []Truth {
		t.Helper()
		require.NoError(t, generator.Wait(t.Context()))
		truths, err := ReadTruth(path)
		require.NoError(t, err)
		require.Len(t, truths, *operations)
		return truths
	}
}

// pause lets the traffic flow for a while.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		require.NoError(t, t.Context().Err())
	}
}

// api is that of a collector.
func (s *stand) api(i int) verdict.Client { return verdict.Client{BaseURL: s.collectors[i].ConsoleURL} }

// await repeats a check until it finds nothing wrong, and fails the test with the last thing it found after the timeout.
func await(t *testing.T, timeout time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		require.True(t, time.Now().Before(deadline), "%s: not within %s: %v", what, timeout, err)
		pause(t, pollInterval)
	}
}

// String tells what went over the network.
func (s *stand) String() string {
	tally := s.sink.Tally()
	return fmt.Sprintf("%d requests were refused and sent again, slowest start %s\n"+
		"%d spans of services (%d again); %d derived traces with %d spans (%d traces again); %d events (%d again); %d pages",
		s.relay.Refused(), s.slowestStart.Round(time.Millisecond), tally.Originals, tally.OriginalRepeats, tally.Derived, tally.Spans,
		tally.DerivedRepeats, tally.Events, tally.EventRepeats, s.pager.Count())
}

package days

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/event"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/processor/correlationprocessor"
)

// collector is the way from received telemetry to verdicts: the processor for both signals on the extension. It can be stopped and
// started again; only its disk outlives that.
type collector struct {
	config string
	disk   *disk

	traces consumer.Traces
	logs   consumer.Logs
	api    http.Handler
	stops  []func()

	mu sync.Mutex
	// Guarded by mu: everything that was said, in order.
	said      []saying
	gaps      []event.Gap
	incidents []incident.Event
}

// saying is a change of verdict: what is left of it, so that nine days fit into memory.
type saying struct {
	id, name, destination string
	verdict               operation.Verdict
	at                    int64
	revision              uint32
}

type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }

var diskID = component.MustNewID("disk")

// disk is a storage extension that keeps everything in memory.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client

	mu   sync.Mutex
	data map[string][]byte // guarded by mu
}

// GetClient implements storage.Extension.
func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

// Get implements storage.Client.
func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data[key], nil
}

// Set implements storage.Client.
func (d *disk) Set(_ context.Context, key string, value []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data[key] = value
	return nil
}

// Close implements storage.Client.
func (d *disk) Close(context.Context) error { return nil }

func (c *collector) start(tb testing.TB) {
	tb.Helper()
	factory := operationsextension.NewFactory()
	cfg := factory.CreateDefaultConfig()
	var raw map[string]any
	require.NoError(tb, yaml.Unmarshal([]byte(c.config), &raw))
	require.NoError(tb, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	require.NoError(tb, xconfmap.Validate(cfg))
	ext, err := factory.Create(tb.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(tb, err)
	require.NoError(tb, ext.Start(tb.Context(), host{diskID: c.disk}))
	c.api = console.Handler(console.Settings{Source: ext.(interface{ Console() console.Source }).Console()})
	stopListening := c.listen(ext.(operationsextension.Operations).Subscribe())
	watcher := ext.(extensioncapabilities.PipelineWatcher)
	require.NoError(tb, watcher.Ready())
	c.stops = []func(){func() {
		require.NoError(tb, watcher.NotReady())
		stopListening()
		require.NoError(tb, ext.Shutdown(context.Background()))
	}}
	c.startProcessors(tb, host{operationsextension.DefaultID: ext})
}

func (c *collector) startProcessors(tb testing.TB, h host) {
	tb.Helper()
	factory := correlationprocessor.NewFactory()
	cfg, set := factory.CreateDefaultConfig(), processortest.NewNopSettings(factory.Type())
	traces, err := factory.CreateTraces(tb.Context(), set, cfg, consumertest.NewNop())
	require.NoError(tb, err)
	logs, err := factory.CreateLogs(tb.Context(), set, cfg, consumertest.NewNop())
	require.NoError(tb, err)
	c.traces, c.logs = traces, logs
	for _, started := range []component.Component{traces, logs} {
		require.NoError(tb, started.Start(tb.Context(), h))
		c.stops = append(c.stops, func() { require.NoError(tb, started.Shutdown(context.Background())) })
	}
}

// stop stops everything in the order of a collector.
func (c *collector) stop() {
	for i := range c.stops {
		c.stops[len(c.stops)-1-i]()
	}
	c.stops = nil
}

// listen keeps what is said. It returns what ends that.
func (c *collector) listen(subscription *operationsextension.Subscription) func() {
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			out, err := subscription.Next(ctx)
			if err != nil {
				return
			}
			c.heard(&out)
		}
	})
	return func() {
		cancel()
		listening.Wait()
		subscription.Close()
	}
}

func (c *collector) heard(out *operationsextension.Output) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range out.Changes {
		v := &out.Changes[i]
		s := saying{id: v.View.ID, name: v.View.Name, verdict: v.Verdict, at: v.At, revision: v.Revision}
		if h := v.Verdict.Hop; h >= 0 && h < len(v.View.Hops) {
			s.destination = v.View.Hops[h].Destination
		}
		c.said = append(c.said, s)
	}
	c.gaps = append(c.gaps, out.Gaps...)
	c.incidents = append(c.incidents, out.Incidents...)
}

// get reads a document of the API.
func (c *collector) get(tb testing.TB, path string, into any) {
	tb.Helper()
	reply := httptest.NewRecorder()
	c.api.ServeHTTP(reply, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "http://localhost"+path, http.NoBody))
	require.Equal(tb, http.StatusOK, reply.Code, reply.Body)
	require.NoError(tb, json.Unmarshal(reply.Body.Bytes(), into))
}

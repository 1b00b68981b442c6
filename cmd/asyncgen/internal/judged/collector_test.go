package judged

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
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/processor/correlationprocessor"
	"github.com/throughline/throughline/test/verdict"
)

// collector is the way from received telemetry to verdicts: the processor for both signals on the extension.
type collector struct {
	extension operationsextension.Operations
	traces    consumer.Traces
	logs      consumer.Logs
	api       http.Handler
	stop      []func()

	mu sync.Mutex
	// last is the latest change of each operation that has an ID, trouble all that told of something bad.
	last    map[string]operation.Change // guarded by mu
	trouble []operation.Change          // guarded by mu
}

type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }

// startCollector starts the components with a configuration of the extension.
func startCollector(tb testing.TB, config string) *collector {
	tb.Helper()
	c := &collector{last: map[string]operation.Change{}}
	factory := operationsextension.NewFactory()
	cfg := factory.CreateDefaultConfig()
	var raw map[string]any
	require.NoError(tb, yaml.Unmarshal([]byte(config), &raw))
	require.NoError(tb, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	require.NoError(tb, xconfmap.Validate(cfg))
	ext, err := factory.Create(tb.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(tb, err)
	require.NoError(tb, ext.Start(tb.Context(), host{}))
	c.extension = ext.(operationsextension.Operations)
	c.api = console.Handler(console.Settings{Source: ext.(interface{ Console() console.Source }).Console()})
	stopListening := c.listen()
	watcher := ext.(extensioncapabilities.PipelineWatcher)
	require.NoError(tb, watcher.Ready())
	c.stop = append(c.stop, func() {
		require.NoError(tb, watcher.NotReady())
		stopListening()
		require.NoError(tb, ext.Shutdown(context.Background()))
	})
	c.startProcessors(tb, host{operationsextension.DefaultID: ext})
	return c
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
		c.stop = append(c.stop, func() { require.NoError(tb, started.Shutdown(context.Background())) })
	}
}

// close stops everything in the order of a collector.
func (c *collector) close() {
	for i := range c.stop {
		c.stop[len(c.stop)-1-i]()
	}
}

// listen keeps what changes. It returns what ends that.
func (c *collector) listen() func() {
	subscription := c.extension.Subscribe()
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			out, err := subscription.Next(ctx)
			if err != nil {
				return
			}
			c.heard(out.Changes)
		}
	})
	return func() {
		cancel()
		listening.Wait()
		subscription.Close()
	}
}

func (c *collector) heard(changes []operation.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range changes {
		change := changes[i]
		if s := change.Verdict.State; s == operation.StateStuck || s == operation.StateUnknown || s.Bad() {
			c.trouble = append(c.trouble, change)
		}
		// Until its own ID comes, an operation is known by one derived from its trace.
		if !change.View.Implicit {
			c.last[change.View.ID] = change
		}
	}
}

// operations returns the first operations in a state as the API shows them.
func (c *collector) operations(tb testing.TB, state operation.State) []verdict.Operation {
	tb.Helper()
	reply := httptest.NewRecorder()
	path := "http://localhost/api/v1/operations?limit=10&state=" + state.String()
	c.api.ServeHTTP(reply, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, http.NoBody))
	require.Equal(tb, http.StatusOK, reply.Code, reply.Body)
	var page struct {
		Operations []verdict.Operation `json:"operations"`
	}
	require.NoError(tb, json.Unmarshal(reply.Body.Bytes(), &page))
	return page.Operations
}

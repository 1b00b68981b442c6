package conformance

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/processor/correlationprocessor"
	"github.com/throughline/throughline/test/replay"
	"github.com/throughline/throughline/test/verdict"
)

// configFile is what an operator of the recorded applications adds to a configuration: one for all of them.
const configFile = "../replay/config.yaml"

// pipeline is a collector's way from received telemetry to verdicts, without the network: the processor for both signals on
// the extension, each from its factory and from the configuration file.
type pipeline struct {
	tb        testing.TB
	extension operationsextension.Operations
	traces    consumer.Traces
	logs      consumer.Logs
	api       http.Handler
	stop      []func()

	mu      sync.Mutex
	changes []operation.Change // guarded by mu
}

// section returns one component's part of the configuration file.
func section(tb testing.TB, kind, name string, into any) {
	path, err := filepath.Abs(configFile)
	require.NoError(tb, err)
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: []string{"file:" + path}, ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
	})
	require.NoError(tb, err)
	conf, err := resolver.Resolve(tb.Context())
	require.NoError(tb, err)
	defer func() { require.NoError(tb, resolver.Shutdown(context.Background())) }()
	part, err := conf.Sub(kind + "::" + name)
	require.NoError(tb, err)
	require.NoError(tb, part.Unmarshal(into))
	require.NoError(tb, xconfmap.Validate(into))
}

type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }

func newPipeline(tb testing.TB) *pipeline {
	p := &pipeline{tb: tb}
	h := host{operationsextension.DefaultID: p.newExtension()}
	factory := correlationprocessor.NewFactory()
	cfg := factory.CreateDefaultConfig()
	section(tb, "processors", "correlation", cfg)
	traces, err := factory.CreateTraces(tb.Context(), processortest.NewNopSettings(factory.Type()), cfg, consumertest.NewNop())
	require.NoError(tb, err)
	logs, err := factory.CreateLogs(tb.Context(), processortest.NewNopSettings(factory.Type()), cfg, consumertest.NewNop())
	require.NoError(tb, err)
	p.traces, p.logs = traces, logs
	for _, c := range []component.Component{traces, logs} {
		require.NoError(tb, c.Start(tb.Context(), h))
		p.stop = append(p.stop, func() { require.NoError(tb, c.Shutdown(context.Background())) })
	}
	return p
}

func (p *pipeline) newExtension() extension.Extension {
	factory := operationsextension.NewFactory()
	cfg := factory.CreateDefaultConfig()
	section(p.tb, "extensions", "operations", cfg)
	ext, err := factory.Create(p.tb.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(p.tb, err)
	require.NoError(p.tb, ext.Start(p.tb.Context(), host{}))
	p.extension = ext.(operationsextension.Operations)
	p.api = console.Handler(console.Settings{Source: ext.(interface{ Console() console.Source }).Console()})
	listened := p.listen()
	watcher := ext.(extensioncapabilities.PipelineWatcher)
	require.NoError(p.tb, watcher.Ready())
	p.stop = append(p.stop, func() {
		require.NoError(p.tb, watcher.NotReady())
		listened()
		require.NoError(p.tb, ext.Shutdown(context.Background()))
	})
	return ext
}

// listen keeps every change of verdict. It returns what ends that.
func (p *pipeline) listen() func() {
	subscription := p.extension.Subscribe()
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			out, err := subscription.Next(ctx)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.changes = append(p.changes, out.Changes...)
			p.mu.Unlock()
		}
	})
	return func() {
		cancel()
		listening.Wait()
		subscription.Close()
	}
}

// close stops everything in the order of a collector.
func (p *pipeline) close() {
	for i := range p.stop {
		p.stop[len(p.stop)-1-i]()
	}
}

// send brings a request to the processor of its signal.
func (p *pipeline) send(r *replay.Request) {
	switch r.Signal {
	case replay.SignalTraces:
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(r.Body)
		require.NoError(p.tb, err)
		require.NoError(p.tb, p.traces.ConsumeTraces(p.tb.Context(), td))
	case replay.SignalLogs:
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(r.Body)
		require.NoError(p.tb, err)
		require.NoError(p.tb, p.logs.ConsumeLogs(p.tb.Context(), ld))
	}
}

// sendAll sends requests without a pause between them.
func (p *pipeline) sendAll(requests []replay.Request) {
	for i := range requests {
		p.send(&requests[i])
	}
}

// sendInTime sends requests when they arrived.
func (p *pipeline) sendInTime(requests []replay.Request) {
	for i := range requests {
		time.Sleep(time.Until(requests[i].At)) // synctest: fake time
		p.send(&requests[i])
	}
}

// heard are the changes of verdicts so far.
func (p *pipeline) heard() []operation.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.changes)
}

// get reads a document of the API.
func (p *pipeline) get(path string, into any) {
	reply := httptest.NewRecorder()
	p.api.ServeHTTP(reply, httptest.NewRequestWithContext(p.tb.Context(), http.MethodGet, "http://localhost"+path, nil))
	require.Equal(p.tb, http.StatusOK, reply.Code, "%s: %s", path, reply.Body)
	require.NoError(p.tb, json.Unmarshal(reply.Body.Bytes(), into))
}

// operations returns all operations as the API shows them.
func (p *pipeline) operations() []verdict.Operation {
	var all []verdict.Operation
	cursor := ""
	for {
		var page struct {
			Operations []verdict.Operation `json:"operations"`
			NextCursor string              `json:"next_cursor"`
		}
		p.get("/api/v1/operations?limit=1000"+cursor, &page)
		all = append(all, page.Operations...)
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// detail replaces operations by all that the API shows of each alone.
func (p *pipeline) detail(operations []verdict.Operation) {
	for i := range operations {
		var op verdict.Operation
		p.get("/api/v1/operations/"+url.PathEscape(operations[i].ID), &op)
		operations[i] = op
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/throughline/throughline/test/stack"
)

// pollInterval is how often the demo looks for the first completed and the first stuck operation.
const pollInterval = time.Second

// demo is the running set of servers.
type demo struct {
	jaeger       *stack.Jaeger
	alertmanager *stack.Alertmanager
	collector    *stack.Collector
	traffic      *stack.Process
}

func start(ctx context.Context, servers *stack.Stack, opts options) (*demo, error) {
	var d demo
	var err error
	d.jaeger, err = servers.StartJaeger(ctx, stack.JaegerSettings{HTTPPort: jaegerPort, OTLPPort: jaegerOTLPPort})
	if err != nil {
		return nil, err
	}
	d.alertmanager, err = servers.StartAlertmanager(ctx, stack.AlertmanagerSettings{Port: alertmanagerPort})
	if err != nil {
		return nil, err
	}
	d.collector, err = servers.StartCollector(ctx, stack.CollectorSettings{
		JaegerOTLP:      d.jaeger.OTLP,
		AlertmanagerURL: d.alertmanager.URL,
		Ports:           collectorPorts,
	})
	if err != nil {
		return nil, err
	}
	d.traffic, err = servers.StartAsyncgen(ctx, d.collector.OTLPGRPC, "--for", "24h", "--rate", opts.rate, "--recover", "5m")
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// addresses is the table of what can be opened right away.
func (d *demo) addresses() string {
	var text strings.Builder
	for _, line := range []struct{ what, where string }{
		{"operations", d.collector.ConsoleURL + "/api/v1/operations"},
		{"incidents", d.collector.ConsoleURL + "/api/v1/incidents"},
		{"statistics", d.collector.ConsoleURL + "/api/v1/stats"},
		{"operation metrics", d.collector.PrometheusURL + "/metrics"},
		{"collector metrics", d.collector.TelemetryURL + "/metrics"},
		{"Jaeger", d.jaeger.URL},
		{"Jaeger API", d.jaeger.URL + "/api/services"},
		{"Alertmanager", d.alertmanager.URL},
		{"Alertmanager API", d.alertmanager.URL + "/api/v2/alerts"},
		{"send your own OTLP", d.collector.OTLPGRPC + " (gRPC), http://" + d.collector.OTLPHTTP + " (HTTP)"},
	} {
		fmt.Fprintf(&text, "  %-20s %s\n", line.what, line.where)
	}
	return text.String()
}

// announcements are the addresses that need an operation first.
func (d *demo) announcements(out io.Writer) []announcement {
	return []announcement{
		{state: "completed", print: func(op operation) {
			fmt.Fprintf(out, "  %-20s %s/trace/%s\n", "one stitched trace", d.jaeger.URL, op.TraceID)
			fmt.Fprintf(out, "  %-20s %s/api/traces/%s\n", "  over the API", d.jaeger.URL, op.TraceID)
			fmt.Fprintf(out, "  %-20s %s/api/v1/operations/%s\n", "  its operation", d.collector.ConsoleURL, url.PathEscape(op.ID))
		}},
		{state: "stuck", print: func(operation) {
			fmt.Fprintf(out, "  %-20s %s/api/v1/operations?state=stuck\n", "stuck operations", d.collector.ConsoleURL)
		}},
	}
}

// follow prints a stitched trace and the list of stuck operations once there are any, then waits. It returns when ctx
// ends, or with an error when one of the processes does.
func (d *demo) follow(ctx context.Context, watch *watcher, out io.Writer) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	waiting := d.announcements(out)
	fmt.Fprintln(out, "waiting for the first completed and the first stuck operation; Ctrl-C stops everything")
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.jaeger.Exited():
			return d.ended(ctx, d.jaeger.Process)
		case <-d.alertmanager.Exited():
			return d.ended(ctx, d.alertmanager.Process)
		case <-d.collector.Exited():
			return d.ended(ctx, d.collector.Process)
		case <-d.traffic.Exited():
			return d.ended(ctx, d.traffic)
		case <-ticker.C:
			waiting = watch.announce(ctx, waiting)
		}
	}
}

func (d *demo) ended(ctx context.Context, process *stack.Process) error {
	if err := process.Wait(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%s ended; its output is in %s", process.Name(), process.LogPath())
}

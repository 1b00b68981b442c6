// Command demo is what `make run` runs: Jaeger, Alertmanager, the collector with its quickstart configuration, and steady
// traffic from the workload generator.
//
// It prints the addresses to look at, among them one stitched trace and the list of stuck operations as soon as there are
// any, and stops everything at Ctrl-C. Output and data of the servers are in the folder .run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/throughline/throughline/test/stack"
)

// The ports of the quickstart configuration and those users of Jaeger and Alertmanager expect.
const (
	jaegerPort       = 16686
	jaegerOTLPPort   = 14317
	alertmanagerPort = 9093
)

var collectorPorts = stack.CollectorPorts{OTLPGRPC: 4317, OTLPHTTP: 4318, Console: 8321, Prometheus: 8889, Telemetry: 8888}

type options struct {
	bin  string
	work string
	rate string
}

func main() {
	var opts options
	flag.StringVar(&opts.bin, "bin", "bin", "folder with the built binaries")
	flag.StringVar(&opts.work, "work", ".run", "folder for logs and data, emptied at start")
	flag.StringVar(&opts.rate, "rate", "5", "operations begun per second")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, opts, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, reports, and returns when ctx ends or a server does.
func run(ctx context.Context, opts options, out io.Writer) (err error) {
	if err := os.RemoveAll(opts.work); err != nil {
		return err
	}
	servers, err := stack.New(stack.Settings{
		BinDir:          opts.bin,
		WorkDir:         opts.work,
		ContainerEngine: stack.FindContainerEngine(),
	})
	if err != nil {
		return err
	}
	defer func() {
		fmt.Fprintln(out, "\nstopping")
		err = errors.Join(err, servers.Stop())
	}()

	fmt.Fprintln(out, "starting Jaeger, Alertmanager, the collector and traffic; logs are in", filepath.Clean(opts.work))
	running, err := start(ctx, servers, opts)
	if err != nil {
		return interrupted(ctx, err)
	}
	fmt.Fprint(out, running.addresses())
	watch := newWatcher(running.collector.ConsoleURL)
	defer watch.close()
	return interrupted(ctx, running.follow(ctx, watch, out))
}

// interrupted turns whatever a Ctrl-C broke off into a clean end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

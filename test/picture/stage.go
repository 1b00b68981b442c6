package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/test/stack"
	"github.com/throughline/throughline/test/verdict"
)

// overlay has thresholds that fit the slowed-down operations of the generator, so that little things remain visible beside
// the time for which something was stuck.
const overlay = "yaml:extensions::operations: {arrival_grace: 1s, defaults: {stuck: {waiting: 9s, processing: 9s}, retry_within: 8s, settle: 4s}}"

// generatorArgs let little happen, slowly.
var generatorArgs = []string{
	"--operations", "40", "--rate", "20", "--seed", "7", "--time-scale", "4", "--propagation", "link",
	"--mix", "retried=1,never_consumed=1,dead_lettered=1", "--progress", "0",
}

const (
	stageTimeout = 3 * time.Minute
	pollInterval = time.Second
)

// scene is one picture: the first operation that fits.
type scene struct {
	file string
	fits func(op *verdict.Operation) bool
}

// ofOrders reports whether the operation is one of the three hops that everybody understands.
func ofOrders(op *verdict.Operation, hops int) bool {
	return op.Name == "order-fulfilment" && len(op.Hops) == hops
}

var scenes = []scene{
	{"trace-retried.svg", func(op *verdict.Operation) bool {
		return ofOrders(op, 3) && op.State == "completed" && slices.Contains(op.Flags, "retried")
	}},
	{"trace-stuck.svg", func(op *verdict.Operation) bool {
		return ofOrders(op, 3) && op.State == "stuck" && op.Reason == "waiting"
	}},
	{"trace-dead-lettered.svg", func(op *verdict.Operation) bool {
		return op.Name == "order-fulfilment" && len(op.Hops) > 2 && op.State == "dead_lettered" &&
			slices.ContainsFunc(op.Hops, func(h verdict.Hop) bool { return strings.HasSuffix(h.Destination, ".dlq") })
	}},
}

// stage starts the servers, lets the operations happen, and draws each scene.
func stage(ctx context.Context, opts options, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	if err := os.RemoveAll(opts.work); err != nil {
		return err
	}
	servers, err := stack.New(stack.Settings{BinDir: opts.bin, WorkDir: opts.work})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	jaeger, err := servers.StartJaeger(ctx, stack.JaegerSettings{})
	if err != nil {
		return err
	}
	collector, err := servers.StartCollector(ctx, stack.CollectorSettings{
		Configs: []string{"embedded:quickstart", overlay, "yaml:service::pipelines::logs/operations::exporters: [debug]"}, JaegerOTLP: jaeger.OTLP,
	})
	if err != nil {
		return err
	}
	generator, err := servers.StartAsyncgen(ctx, collector.OTLPGRPC, generatorArgs...)
	if err != nil {
		return err
	}
	if err := generator.Wait(ctx); err != nil {
		return err
	}
	api := verdict.Client{BaseURL: collector.ConsoleURL}
	for _, s := range scenes {
		if err := s.paint(ctx, api, jaeger.URL, opts.out); err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
		fmt.Fprintln(out, filepath.Join(opts.out, s.file))
	}
	return nil
}

// paint waits for an operation that fits and for its trace, and draws it.
func (s *scene) paint(ctx context.Context, api verdict.Client, jaeger, dir string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		t, err := s.find(ctx, api, jaeger)
		if err == nil {
			return os.WriteFile(filepath.Join(dir, s.file), draw(t), 0o644) //nolint:gosec // pictures are for everybody
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

var errNoneFits = errors.New("no operation fits yet")

func (s *scene) find(ctx context.Context, api verdict.Client, jaeger string) (*trace, error) {
	all, err := api.Operations(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b verdict.Operation) int { return strings.Compare(a.ID, b.ID) })
	i := slices.IndexFunc(all, func(op verdict.Operation) bool { return s.fits(&op) })
	if i < 0 {
		return nil, errNoneFits
	}
	return get(ctx, jaeger, all[i].TraceID)
}

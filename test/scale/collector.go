package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/test/stack"
)

// The collectors that are compared: otlp -> batch -> otlp; the same with the correlation processor; and the same with all
// that the operations receiver derives.
var (
	//go:embed testdata/without.yaml
	configWithout []byte
	//go:embed testdata/correlation.yaml
	configCorrelation []byte
	//go:embed testdata/with.yaml
	configWith []byte
)

// warmUp is how long a collector gets before it is measured: longer than it takes until operations have ended.
const warmUp = 6 * time.Second

// rival is one of the collectors that are compared.
type rival struct {
	name   string
	config []byte
	// compression is that of what the collector sends; gzip is the default of its exporter.
	compression string
	// derives says that derived telemetry must arrive.
	derives bool
	// rates are spans per second, costs processor time per span in nanoseconds, derived spans derived per span, one for
	// each round.
	rates, costs, derived []float64
}

// newRivals returns pairs: each collector with Throughline follows the one without that it is compared with.
func newRivals() []*rival {
	return []*rival{
		{name: "without", config: configWithout, compression: "gzip"},
		{name: "with", config: configWith, compression: "gzip", derives: true},
		{name: "without_plain", config: configWithout, compression: "none"},
		{name: "with_plain", config: configWith, compression: "none", derives: true},
		{name: "correlation_plain", config: configCorrelation, compression: "none"},
	}
}

// yardsticks are the names of the collectors that others are compared with.
var yardsticks = map[string]string{"with": "without", "with_plain": "without_plain", "correlation_plain": "without_plain"}

// measureCollector compares the built collector with and without Throughline, by turns.
func measureCollector(ctx context.Context, o options) (figures, error) {
	work, err := os.MkdirTemp("", "scale")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	rivals := newRivals()
	var next atomic.Uint64
	for round := range o.rounds {
		for _, r := range rivals {
			if err := r.run(ctx, o, work, &next); err != nil {
				return nil, fmt.Errorf("the collector %q: %w", r.name, err)
			}
			fmt.Fprintf(os.Stderr, "       round %d of %d, %s: %.0f spans/s\n", round+1, o.rounds, r.name, r.rates[round])
		}
	}
	return compare(rivals), nil
}

// compare sets each collector with Throughline beside the one without, round by round.
func compare(rivals []*rival) figures {
	found, named := figures{}, map[string]*rival{}
	for _, r := range rivals {
		named[r.name] = r
		found.note("rate_"+r.name, r.rates)
		found.note("cpu_ns_"+r.name, r.costs)
		found.note("derived_"+r.name, r.derived)
	}
	for name, yardstick := range yardsticks {
		a, b := named[name], named[yardstick]
		found.note("throughput_"+name, ratios(a.rates, b.rates))
		found.note("cpu_"+name, ratios(a.costs, b.costs))
	}
	return found
}

// run starts the collector, lets senders loose on it and measures one round.
func (r *rival) run(ctx context.Context, o options, work string, next *atomic.Uint64) (err error) {
	originals, err := newSink(ctx)
	if err != nil {
		return err
	}
	defer originals.stop()
	derived, err := newSink(ctx)
	if err != nil {
		return err
	}
	defer derived.stop()
	path := filepath.Join(work, r.name+".yaml")
	if err := os.WriteFile(path, r.config, 0o600); err != nil {
		return err
	}
	servers, err := stack.New(stack.Settings{BinDir: o.bin, WorkDir: work})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	collector, err := servers.StartCollector(ctx, stack.CollectorSettings{
		Name: r.name, Configs: []string{path},
		Env: []string{"SCALE_SINK=" + originals.address, "SCALE_DERIVED=" + derived.address, "SCALE_COMPRESSION=" + r.compression},
	})
	if err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	wait, err := startSenders(sending, collector.OTLPGRPC, next)
	if err != nil {
		stop()
		return err
	}
	err = r.measure(ctx, o, collector, originals, derived)
	stop()
	err = errors.Join(err, wait())
	if broken := originals.broken.Load() + derived.broken.Load(); broken > 0 {
		err = errors.Join(err, fmt.Errorf("%d requests could not be read", broken))
	}
	if r.derives && derived.spans.Load() == 0 {
		err = errors.Join(err, errors.New("no derived trace arrived, so this was no comparison"))
	}
	return err
}

// measure counts what arrives at the other side within a round.
func (r *rival) measure(ctx context.Context, o options, collector *stack.Collector, originals, derived *sink) error {
	if err := wait(ctx, warmUp); err != nil {
		return err
	}
	before, unknown := cpuOf(collector.Pid())
	began, spans, more := time.Now(), originals.spans.Load(), derived.spans.Load()
	if err := wait(ctx, o.round); err != nil {
		return err
	}
	arrived, long := float64(originals.spans.Load()-spans), time.Since(began)
	if arrived == 0 {
		return errors.New("no span arrived")
	}
	r.rates = append(r.rates, arrived/long.Seconds())
	r.derived = append(r.derived, float64(derived.spans.Load()-more)/arrived)
	if unknown != nil && !errors.Is(unknown, errors.ErrUnsupported) {
		return unknown
	}
	if unknown == nil {
		after, err := cpuOf(collector.Pid())
		if err != nil {
			return err
		}
		r.costs = append(r.costs, float64(after-before)/arrived)
	}
	return nil
}

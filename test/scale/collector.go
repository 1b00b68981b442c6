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
	// Put over one of the others: a store, and what is needed to hold many operations open and to count them.
	//go:embed testdata/store.yaml
	configStore []byte
	//go:embed testdata/restore.yaml
	configRestore []byte
)

// warmUp is how long a collector gets before it is measured: longer than it takes until operations have ended.
const warmUp = 6 * time.Second

// rival is one of the collectors that are compared.
type rival struct {
	name    string
	configs [][]byte
	// durability is that of its store, "" where it has none.
	durability string
	// compression is that of what the collector sends; gzip is the default of its exporter.
	compression string
	// senders are the connections that send, 0 = as many as usual.
	senders int
	// derives says that derived telemetry must arrive.
	derives bool
	// rates are spans per second, costs processor time per span in nanoseconds, derived spans derived per span, written the
	// bytes that went to disk per span; one for each round.
	rates, costs, derived, written []float64
}

// newRivals returns pairs: each collector with Throughline follows the one without that it is compared with.
func newRivals() []*rival {
	return []*rival{
		{name: "without", configs: [][]byte{configWithout}, compression: "gzip"},
		{name: "with", configs: [][]byte{configWith}, compression: "gzip", derives: true},
		{name: "without_plain", configs: [][]byte{configWithout}, compression: "none"},
		{name: "with_plain", configs: [][]byte{configWith}, compression: "none", derives: true},
		{name: "correlation_plain", configs: [][]byte{configCorrelation}, compression: "none"},
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
	return runRivals(ctx, o, work, newRivals(), yardsticks)
}

// runRivals lets them run by turns.
func runRivals(ctx context.Context, o options, work string, rivals []*rival, yardsticks map[string]string) (figures, error) {
	var next atomic.Uint64
	for round := range o.rounds {
		for _, r := range rivals {
			if err := r.run(ctx, o, work, &next); err != nil {
				return nil, fmt.Errorf("the collector %q: %w", r.name, err)
			}
			fmt.Fprintf(os.Stderr, "       round %d of %d, %s: %.0f spans/s\n", round+1, o.rounds, r.name, r.rates[round])
		}
	}
	return compare(rivals, yardsticks), nil
}

// compare sets each collector beside the one that is its yardstick, round by round.
func compare(rivals []*rival, yardsticks map[string]string) figures {
	found, named := figures{}, map[string]*rival{}
	for _, r := range rivals {
		named[r.name] = r
		found.note("rate_"+r.name, r.rates)
		found.note("cpu_ns_"+r.name, r.costs)
		found.note("derived_"+r.name, r.derived)
		found.note("written_"+r.name, r.written)
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
	folder, err := os.MkdirTemp(work, r.name)
	if err != nil {
		return err
	}
	// A file of each round of its own: none may be slowed down by what an earlier one has stored.
	defer os.RemoveAll(folder)
	configs, err := writeConfigs(folder, r.configs...)
	if err != nil {
		return err
	}
	servers, err := stack.New(stack.Settings{BinDir: o.bin, WorkDir: work})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	collector, err := servers.StartCollector(ctx, stack.CollectorSettings{
		Name: r.name, Configs: configs,
		Env: []string{
			"SCALE_SINK=" + originals.address, "SCALE_DERIVED=" + derived.address, "SCALE_COMPRESSION=" + r.compression,
			"SCALE_STORE=" + filepath.Join(folder, "operations.db"), "SCALE_DURABILITY=" + r.durability,
		},
	})
	if err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	wait, err := r.startLoad(sending, collector.OTLPGRPC, next)
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

// senders keep the collector busy.
const senders = 4

func (r *rival) startLoad(ctx context.Context, address string, next *atomic.Uint64) (func() error, error) {
	whole, err := newTemplate(shapeWhole, perBatch)
	if err != nil {
		return nil, err
	}
	n := senders
	if r.senders > 0 {
		n = r.senders
	}
	return (&load{template: whole, senders: n, next: next}).start(ctx, address)
}

// measure counts what arrives at the other side within a round.
func (r *rival) measure(ctx context.Context, o options, collector *stack.Collector, originals, derived *sink) error {
	if err := wait(ctx, warmUp); err != nil {
		return err
	}
	before, err := useOf(collector.Pid())
	if err != nil {
		return err
	}
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
	after, err := useOf(collector.Pid())
	if err != nil || !after.known {
		return err
	}
	r.costs = append(r.costs, float64(after.cpu-before.cpu)/arrived)
	r.written = append(r.written, (after.written-before.written)/arrived)
	return nil
}

// use is what a process has used: processor time, and bytes written to disks.
type use struct {
	cpu     time.Duration
	written float64
	// known is false on systems that do not tell.
	known bool
}

func useOf(pid int) (use, error) {
	cpu, err := cpuOf(pid)
	if errors.Is(err, errors.ErrUnsupported) {
		return use{}, nil
	}
	if err != nil {
		return use{}, err
	}
	written, err := writtenBy(pid)
	return use{cpu: cpu, written: written, known: true}, err
}

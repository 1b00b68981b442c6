package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/throughline/throughline/cmd/asyncgen/internal/options"
	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/sim"
	"github.com/throughline/throughline/cmd/asyncgen/internal/telemetry"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// How long the end of a run waits for the collector to take what is still queued, and how long if it was aborted.
const (
	flushTimeout        = 90 * time.Second
	abortedFlushTimeout = 5 * time.Second
)

// generate carries out one run. Telemetry that was lost is an error too: the truth is then truer than what the collector saw.
func generate(abort, stop context.Context, o options.Options, stdout, stderr io.Writer) error {
	if o.Seed == 0 {
		o.Seed = uint64(rand.Uint32()) + 1
		fmt.Fprintf(stderr, "asyncgen: seed %d\n", o.Seed)
	}
	p := plan.New(plan.Settings{
		Seed: o.Seed, Operations: o.Operations, Hops: o.Hops, Mix: o.Mix, TimeScale: o.TimeScale, RecoverAfter: o.Recover, Long: o.Long,
		Instances: o.Instances, Bad: o.Bad,
	})
	conn, err := telemetry.Dial(stop, telemetry.Connection{Endpoint: o.Endpoint, Insecure: o.Insecure, CAFile: o.CAFile, Timeout: o.ConnectTimeout})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	complaints := &errorPrinter{out: stderr}
	otel.SetErrorHandler(complaints)
	gap := gapOf(o, time.Now())
	services, instances := identities(p, o.Late, gap)
	providers, err := telemetry.New(abort, conn, services)
	if err != nil {
		return err
	}
	write, commit, err := openTruth(o.Truth, stdout)
	if err != nil {
		return errors.Join(err, flush(abort, providers))
	}
	simulator := sim.New(p, sim.Settings{
		Rate: o.Rate, For: o.For, Propagation: o.Propagation, Gap: gap, Skew: sim.Skew{Service: o.SkewService, By: o.Skew},
		Periodic: sim.Periodic{Every: o.Periodic, Missed: o.PeriodicMissed},
		Instance: func(process plan.Process) string { return instances[process] },
	}, providers, write)
	reporter := startProgress(o.Progress, simulator, providers, stderr)
	err = simulator.Run(abort, stop)
	err = errors.Join(err, flush(abort, providers))
	reporter.stop()
	err = errors.Join(err, commit())
	summarise(stderr, simulator.Stats(), providers.Delivery())
	return errors.Join(err, lost(providers.Delivery(), o.Endpoint))
}

// flush shuts the providers down. It takes its time, unless abort has ended or ends meanwhile.
func flush(abort context.Context, providers *telemetry.Providers) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(abort), flushTimeout)
	defer cancel()
	defer context.AfterFunc(abort, func() { time.AfterFunc(abortedFlushTimeout, cancel) })()
	if err := providers.Shutdown(ctx); err != nil {
		return fmt.Errorf("not everything could be flushed: %w", err)
	}
	return nil
}

// openTruth returns how to write a truth and how to complete it, which do nothing if none is wanted.
func openTruth(path string, stdout io.Writer) (write func(*truth.Operation) error, commit func() error, err error) {
	switch path {
	case "":
		return func(*truth.Operation) error { return nil }, func() error { return nil }, nil
	case "-":
		w := truth.NewWriter(stdout)
		return w.Write, w.Commit, nil
	}
	w, err := truth.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("--truth: %w", err)
	}
	return w.Write, w.Commit, nil
}

// gapOf returns when telemetry is held back; a gap without a service is none.
func gapOf(o options.Options, begin time.Time) sim.Gap {
	if o.GapFor == 0 {
		return sim.Gap{}
	}
	from := begin.Add(o.GapAfter)
	return sim.Gap{Service: o.GapService, From: from, Until: from.Add(o.GapFor), Late: o.GapLate}
}

// identities gives every process an instance ID of this run, as a new one would have. The service with the gap has a further
// SDK, for what does not get through.
func identities(p *plan.Plan, late time.Duration, gap sim.Gap) ([]telemetry.Service, map[plan.Process]string) {
	var services []telemetry.Service
	instances := map[plan.Process]string{}
	for _, process := range p.Processes() {
		name := process.Service
		instances[process] = fmt.Sprintf("%s-%08x", name, rand.Uint32())
		s := telemetry.Service{Name: name, Instance: instances[process], Version: process.Version, Voice: process.Voice()}
		if late > 0 {
			s.Delay = func() time.Duration { return rand.N(late) }
		}
		services = append(services, s)
		if process.Voice() == gap.Service {
			s.Voice, s.Mute = gap.Voice(), !gap.Late
			s.Delay = func() time.Duration { return time.Until(gap.Until) }
			services = append(services, s)
		}
	}
	return services, instances
}

func lost(d telemetry.Delivery, endpoint string) error {
	if d.LastError == nil {
		return nil
	}
	return fmt.Errorf("%d spans and %d log records could not be delivered to %q: %w", d.SpansLost, d.LogsLost, endpoint, d.LastError)
}

// summarise prints what became of the operations.
func summarise(out io.Writer, s sim.Stats, d telemetry.Delivery) {
	fmt.Fprintf(out, "asyncgen: %d operations: %s; flags: %s\n", s.Finished, counts(s.Verdicts), counts(s.Flags))
	if s.Aborted > 0 {
		fmt.Fprintf(out, "asyncgen: %d operations were left under way and are not in the truth\n", s.Aborted)
	}
	fmt.Fprintf(out, "asyncgen: %d spans and %d log records sent, %d and %d lost\n", d.SpansSent, d.LogsSent, d.SpansLost, d.LogsLost)
}

func counts(of map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%d %s", of[key], key))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// errorPrinter prints the SDK's errors, but at most one a second: a collector that is away fails every export.
type errorPrinter struct {
	out io.Writer

	mu   sync.Mutex
	last time.Time
}

// Handle implements otel.ErrorHandler.
func (p *errorPrinter) Handle(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.last) >= time.Second {
		p.last = now
		fmt.Fprintf(p.out, "asyncgen: %v\n", err)
	}
}

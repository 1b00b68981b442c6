package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// What a whole run can be about.
const (
	aboutEngine = "engine"
	aboutStore  = "store"
)

// options choose sizes, so that a run fits the machine.
type options struct {
	// about is what a whole run is about; a run may also be one measurement.
	about   string
	measure string
	open    int
	out     string
	bin     string

	// seconds is how long each cost is measured.
	seconds time.Duration
	// calm is how long the extension gets to judge what was fed, idle how long it is then watched.
	calm, idle time.Duration
	// load is how long verdict delays are measured at rate spans per second, threshold after which probes are stuck.
	load, threshold time.Duration
	rate            int
	// rounds is how often the collectors with and without Throughline are compared, for round each time.
	rounds int
	round  time.Duration
	// flood is how many distinct IDs a collector must endure.
	flood int
}

func (o *options) register(flags *flag.FlagSet) {
	flags.StringVar(&o.about, "about", aboutEngine, "what a whole run measures: engine, or store")
	flags.StringVar(&o.measure, "measure", "", "run only this measurement ("+measurementNames()+") and print its figures as JSON")
	flags.IntVar(&o.open, "open", 1_000_000, "the largest number of open operations")
	flags.StringVar(&o.out, "out", ".run/scale", "where the numbers, the table and the picture go")
	flags.StringVar(&o.bin, "bin", "bin", "where the collector's binary is")
	flags.DurationVar(&o.seconds, "seconds", 8*time.Second, "how long each cost is measured")
	flags.DurationVar(&o.calm, "calm", 15*time.Second, "how long the extension gets to judge what was fed, before it is watched idle")
	flags.DurationVar(&o.idle, "idle", 30*time.Second, "how long the extension is watched idle")
	flags.DurationVar(&o.load, "load", 60*time.Second, "how long verdict delays are measured")
	flags.DurationVar(&o.threshold, "threshold", 15*time.Second, "after how long a probe is stuck")
	flags.IntVar(&o.rate, "rate", 20_000, "spans per second while verdict delays are measured")
	flags.IntVar(&o.rounds, "rounds", 3, "how often the collectors with and without Throughline are compared")
	flags.IntVar(&o.flood, "flood", 10_000_000, "how many distinct IDs a collector must endure")
	flags.DurationVar(&o.round, "round", 8*time.Second, "how long each collector is measured in a round")
}

// validate names the flags that make no sense.
func (o *options) validate() error {
	var errs []error
	if o.about != aboutEngine && o.about != aboutStore {
		errs = append(errs, fmt.Errorf("-about is %q: must be engine or store", o.about))
	}
	// A whole run compares with a hundredth of the open operations.
	leastOpen := 10_000
	if o.measure != "" {
		leastOpen /= 100
	}
	for _, f := range []struct {
		name         string
		value, least int
	}{{"open", o.open, leastOpen}, {"rate", o.rate, 1000}, {"rounds", o.rounds, 1}, {"flood", o.flood, perFlood}} {
		if f.value < f.least {
			errs = append(errs, fmt.Errorf("-%s is %d: must be at least %d", f.name, f.value, f.least))
		}
	}
	for _, f := range []struct {
		name         string
		value, least time.Duration
	}{
		{"seconds", o.seconds, time.Second},
		{"calm", o.calm, 0},
		{"idle", o.idle, time.Second},
		{"threshold", o.threshold, 2 * time.Second},
		{"load", o.load, o.threshold + time.Second},
		{"round", o.round, time.Second},
	} {
		if f.value < f.least {
			errs = append(errs, fmt.Errorf("-%s is %v: must be at least %v", f.name, f.value, f.least))
		}
	}
	return errors.Join(errs...)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	o.register(flag.CommandLine)
	flag.Parse()
	err := o.validate()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func run(ctx context.Context, o options) error {
	if o.measure != "" {
		return child(ctx, o.measure, o)
	}
	// Better now than after minutes.
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return fmt.Errorf("folder of the report: %w", err)
	}
	if o.about == aboutStore {
		return allOfStore(ctx, o)
	}
	return all(ctx, o)
}

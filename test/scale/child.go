package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// measurements each run in a process of their own.
var measurements = map[string]func(context.Context, options) (figures, error){
	"ingest":    measureIngest,
	"engine":    measureEngine,
	"live":      measureLive,
	"collector": measureCollector,
	"flood":     measureFlood,
	"restore":   measureRestore,
	"store":     measureStore,
}

func measurementNames() string { return strings.Join(slices.Sorted(maps.Keys(measurements)), ", ") }

// child runs the measurement of the given name and writes its figures to standard output.
func child(ctx context.Context, name string, o options) error {
	run, ok := measurements[name]
	if !ok {
		return fmt.Errorf("-measure is %q: must be one of %s", name, measurementNames())
	}
	found, err := run(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// inOwnProcess runs a measurement in a new process of this program, with the given number of open operations.
func inOwnProcess(ctx context.Context, name string, open int) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	args := []string{"-measure", name}
	flag.Visit(func(f *flag.Flag) { args = append(args, "-"+f.Name+"="+f.Value.String()) })
	cmd := exec.CommandContext(ctx, self, append(args, "-open="+strconv.Itoa(open))...)
	// An interrupt reaches the whole group; a collector that the child has started ends with it.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s with %d open operations: %w", name, open, err)
	}
	var found figures
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("%s with %d open operations: %w", name, open, err)
	}
	if len(found) == 0 {
		return nil, errors.New(name + " found nothing")
	}
	return found, nil
}

// progress tells on standard error how far a measurement has come, at most once every few seconds.
type progress struct {
	what string
	last time.Time
}

const progressEvery = 15 * time.Second

func newProgress(what string) *progress { return &progress{what: what, last: time.Now()} }

func (p *progress) tell(done, of int) {
	if now := time.Now(); now.Sub(p.last) >= progressEvery {
		p.last = now
		fmt.Fprintf(os.Stderr, "       %s: %d of %d\n", p.what, done, of)
	}
}

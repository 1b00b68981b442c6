package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// report is all that a run found.
type report struct {
	At         time.Time `json:"at"`
	Processors int       `json:"processors"`
	Go         string    `json:"go"`
	Ingest     figures   `json:"ingest"`
	// Engines are the figures at growing numbers of open operations.
	Engines   []figures `json:"engines"`
	Live      figures   `json:"live"`
	Collector figures   `json:"collector"`
}

// all runs every measurement, prints the table and draws the picture.
func all(ctx context.Context, o options) error {
	// Better now than after minutes.
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return fmt.Errorf("folder of the report: %w", err)
	}
	began := time.Now()
	r := report{At: began.UTC(), Processors: runtime.NumCPU(), Go: runtime.Version()}
	var err error
	step := func(name, what string, open int) figures {
		if err != nil {
			return nil
		}
		fmt.Fprintf(os.Stderr, "%4.0fs  %s\n", time.Since(began).Seconds(), what)
		var found figures
		found, err = inOwnProcess(ctx, name, open)
		return found
	}
	r.Ingest = step("ingest", "evidence, identity and apply beside unmarshalling", o.open)
	for _, open := range sizes(o.open) {
		r.Engines = append(r.Engines, step("engine", "heap and cost per span, "+short(float64(open))+" open", open))
	}
	r.Live = step("live", "idle, then verdict delays, "+short(float64(o.open))+" open", o.open)
	r.Collector = step("collector", "the whole collector, with and without Throughline by turns", o.open)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%4.0fs  done; the report is in %s\n", time.Since(began).Seconds(), o.out)
	if err := r.save(o.out); err != nil {
		return err
	}
	_, err = os.Stdout.Write(r.table())
	return err
}

// sizes are the numbers of open operations that are compared: a hundredth, a tenth and all.
func sizes(open int) []int { return []int{open / 100, open / 10, open} }

// save writes the report as numbers, as a table and as a picture.
func (r *report) save(folder string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var picture bytes.Buffer
	if err := r.draw(&picture); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"scale.json": append(data, '\n'), "scale.md": r.table(), "scale.png": picture.Bytes()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// fewest and most are the figures of the engine with the fewest and the most open operations.
func (r *report) fewest() figures { return r.Engines[0] }
func (r *report) most() figures   { return r.Engines[len(r.Engines)-1] }

// growth is how much more a span costs beside the most open operations than beside the fewest. Both are measured against
// rendering in the same process, so that a machine that was slower meanwhile does not count.
func (r *report) growth() float64 { return r.most()["cost"] / r.fewest()["cost"] }

// growthRange is what growth could be if each of its two sides were at its extreme.
func (r *report) growthRange() (least, greatest float64) {
	const name = "cost"
	return r.most()[name+suffixLeast] / r.fewest()[name+suffixGreatest], r.most()[name+suffixGreatest] / r.fewest()[name+suffixLeast]
}

// share is the part of a processor that a busy thread got, on average of the measurements that have but one.
func (r *report) share() float64 {
	sum := r.Ingest["share"]
	for _, e := range r.Engines {
		sum += e["share"]
	}
	return sum / float64(1+len(r.Engines))
}

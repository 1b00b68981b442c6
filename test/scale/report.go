package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// all runs every measurement of the engine and of the collector around it, prints the table and draws the picture.
func all(ctx context.Context, o options) error {
	s := &steps{began: time.Now()}
	r := &report{At: s.began.UTC(), Processors: runtime.NumCPU(), Go: runtime.Version()}
	r.Ingest = s.measure(ctx, "ingest", "evidence, identity and apply beside unmarshalling", o.open)
	for _, open := range sizes(o.open) {
		r.Engines = append(r.Engines, s.measure(ctx, "engine", "heap and cost per span, "+short(float64(open))+" open", open))
	}
	r.Live = s.measure(ctx, "live", "idle, then verdict delays, "+short(float64(o.open))+" open", o.open)
	r.Collector = s.measure(ctx, "collector", "the whole collector, with and without Throughline by turns", o.open)
	return s.finish(o.out, "scale", r)
}

// steps are measurements one after another, until one fails.
type steps struct {
	began time.Time
	err   error
}

func (s *steps) measure(ctx context.Context, name, what string, open int) figures {
	if s.err != nil {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%4.0fs  %s\n", time.Since(s.began).Seconds(), what)
	found, err := inOwnProcess(ctx, name, open)
	s.err = err
	return found
}

// presentable is a report as a table in Markdown and as a picture in PNG.
type presentable interface {
	table() []byte
	draw(io.Writer) error
}

// finish saves the report under the given name and prints its table.
func (s *steps) finish(folder, name string, r presentable) error {
	if s.err != nil {
		return s.err
	}
	if err := save(folder, name, r); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%4.0fs  done; the report is in %s\n", time.Since(s.began).Seconds(), folder)
	_, err := os.Stdout.Write(r.table())
	return err
}

// sizes are the numbers of open operations that are compared: a hundredth, a tenth and all.
func sizes(open int) []int { return []int{open / 100, open / 10, open} }

// save writes the report as numbers, as a table and as a picture.
func save(folder, name string, r presentable) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var picture bytes.Buffer
	if err := r.draw(&picture); err != nil {
		return err
	}
	for extension, content := range map[string][]byte{".json": append(data, '\n'), ".md": r.table(), ".png": picture.Bytes()} {
		if err := os.WriteFile(filepath.Join(folder, name+extension), content, 0o600); err != nil {
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

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/throughline/throughline/cmd/asyncgen/internal/sim"
	"github.com/throughline/throughline/cmd/asyncgen/internal/telemetry"
)

// late is from when on a run that cannot keep to its schedule says so.
const late = 100 * time.Millisecond

// source is what a progress line reports.
type source interface{ Stats() sim.Stats }

// sink is where what was emitted goes.
type sink interface{ Delivery() telemetry.Delivery }

// progress prints a line at regular intervals until it is stopped.
type progress struct {
	quit, done chan struct{}
}

// startProgress begins to print; an interval of 0 prints nothing.
func startProgress(interval time.Duration, from source, to sink, out io.Writer) *progress {
	p := &progress{quit: make(chan struct{}), done: make(chan struct{})}
	if interval == 0 {
		close(p.done)
		return p
	}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		begin, started := time.Now(), 0
		for {
			select {
			case <-ticker.C:
				stats := from.Stats()
				rate := float64(stats.Started-started) / interval.Seconds()
				started = stats.Started
				fmt.Fprintln(out, line(time.Since(begin), rate, stats, to.Delivery()))
			case <-p.quit:
				return
			}
		}
	}()
	return p
}

// stop ends the printing; no line follows after it has returned.
func (p *progress) stop() {
	close(p.quit)
	<-p.done
}

func line(elapsed time.Duration, rate float64, s sim.Stats, d telemetry.Delivery) string {
	text := fmt.Sprintf("%6s  %d started (%.1f/s), %d finished, %d under way; %d spans, %d log records sent",
		elapsed.Round(time.Second), s.Started, rate, s.Finished, s.InFlight(), d.SpansSent, d.LogsSent)
	if d.SpansLost+d.LogsLost > 0 {
		text += fmt.Sprintf("; %d and %d LOST", d.SpansLost, d.LogsLost)
	}
	if s.Behind > late {
		text += fmt.Sprintf("; %s behind schedule", s.Behind.Round(time.Millisecond))
	}
	return text
}

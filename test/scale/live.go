package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// measureLive runs the extension with many open operations, at first idle and then under load.
func measureLive(ctx context.Context, o options) (found figures, err error) {
	p, err := startPipeline(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop(context.WithoutCancel(ctx))) }()
	if err := p.populate(ctx, o.open); err != nil {
		return nil, err
	}
	found = figures{"open": float64(o.open)}
	if err := p.idle(ctx, o, found); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "       idle: %.2f %% of a core; now %d spans/s\n", 100*found["idle_cpu"], o.rate)
	return found, p.delays(ctx, o, found)
}

// idleWindows are how many stretches of calm are compared with each other.
const idleWindows = 3

// idle measures the processor time that passes while nothing happens.
func (p *pipeline) idle(ctx context.Context, o options, found figures) error {
	if err := wait(ctx, o.calm); err != nil {
		return err
	}
	found["bytes_per_operation"] = liveHeap() / found["open"]
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var shares []float64
	for range idleWindows {
		cpu, began := ownCPU(), time.Now()
		if err := wait(ctx, o.idle/idleWindows); err != nil {
			return err
		}
		shares = append(shares, float64(ownCPU()-cpu)/float64(time.Since(began)))
	}
	runtime.ReadMemStats(&after)
	found.note("idle_cpu", shares)
	found["idle_collections"] = float64(after.NumGC - before.NumGC)
	cpu := ownCPU()
	p.measured.Collect(time.Now())
	found["metrics_seconds"] = (ownCPU() - cpu).Seconds()
	return nil
}

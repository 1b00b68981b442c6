package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/operation"
)

// perProbes are the probes of one batch; with it, probesEvery sets how many there are in a second.
const (
	perProbes   = 20
	probesEvery = 200 * time.Millisecond
)

// quantiles of delays that are kept, in percent.
var quantiles = []int{1, 10, 25, 50, 75, 90, 95, 99, 100}

func delayName(percent int) string { return fmt.Sprintf("delay_p%d", percent) }

// patience is how long after the last threshold verdicts are waited for.
const patience = 30 * time.Second

// delays measures how long after its threshold the verdict on each probe is told to a subscriber, under load.
func (p *pipeline) delays(ctx context.Context, o options, found figures) error {
	subscription := p.operations.Subscribe()
	defer subscription.Close()
	listening, stop := context.WithTimeout(ctx, o.load+o.threshold+patience)
	defer stop()
	heard := make(chan map[string]time.Time)
	quota := make(chan int, 1)
	go func() { heard <- listen(listening, subscription, quota) }()
	due, err := p.underLoad(ctx, o, found)
	if err != nil {
		stop()
		<-heard
		return err
	}
	quota <- len(due)
	return noteDelays(due, <-heard, found)
}

// noteDelays compares when verdicts were due with when they were told.
func noteDelays(due, told map[string]time.Time, found figures) error {
	var delays []float64
	for id, at := range due {
		if when, ok := told[id]; ok {
			delays = append(delays, when.Sub(at).Seconds())
		}
	}
	if len(delays) == 0 {
		return fmt.Errorf("no verdict was told on any of %d probes", len(due))
	}
	slices.Sort(delays)
	if delays[0] < 0 {
		return fmt.Errorf("a verdict came %.3f s before its threshold had passed", -delays[0])
	}
	found["probes"], found["probes_missing"] = float64(len(due)), float64(len(due)-len(delays))
	for _, percent := range quantiles {
		found[delayName(percent)] = quantile(delays, percent)
	}
	return nil
}

// listen notes when each probe is told to be stuck, until there are as many as the quota says once it is known.
func listen(ctx context.Context, s *operationsextension.Subscription, quota <-chan int) map[string]time.Time {
	told := map[string]time.Time{}
	want := math.MaxInt
	asking, enough := context.WithCancel(ctx)
	outputs := make(chan operationsextension.Output)
	defer func() {
		enough()
		<-outputs
	}()
	go func() {
		defer close(outputs)
		for {
			out, err := s.Next(asking)
			if err != nil {
				return
			}
			select {
			case outputs <- out:
			case <-asking.Done():
				return
			}
		}
	}()
	for len(told) < want {
		select {
		case want = <-quota:
		case out, ok := <-outputs:
			if !ok {
				return told
			}
			now := time.Now()
			for i := range out.Changes {
				if c := &out.Changes[i]; c.Verdict.State == operation.StateStuck {
					if _, ok := told[c.View.ID]; !ok {
						told[c.View.ID] = now
					}
				}
			}
		}
	}
	return told
}

// underLoad sends whole operations at the rate that is asked for, and probes in between, each batch at its time or as soon
// after as possible. It returns when the verdict on each probe is due.
func (p *pipeline) underLoad(ctx context.Context, o options, found figures) (map[string]time.Time, error) {
	whole, err := newTemplate(shapeWhole, perBatch)
	if err != nil {
		return nil, err
	}
	probe, err := newTemplate(shapeProbe, perProbes)
	if err != nil {
		return nil, err
	}
	due := map[string]time.Time{}
	interval := time.Duration(whole.spans) * time.Second / time.Duration(o.rate)
	began, spans, behind := time.Now(), 0, time.Duration(0)
	cpu := ownCPU()
	probes := 0
	for n := 0; ; n++ {
		at := began.Add(time.Duration(n) * interval)
		if err := wait(ctx, time.Until(at)); err != nil {
			return nil, err
		}
		passed := time.Since(began)
		if at.Sub(began) >= o.load || passed >= o.load {
			break
		}
		behind = max(behind, time.Since(at))
		if err := p.feed(ctx, whole, time.Now()); err != nil {
			return nil, err
		}
		spans += whole.spans
		// A probe whose threshold passes after the load would say nothing.
		if passed < time.Duration(probes)*probesEvery || passed >= o.load-o.threshold {
			continue
		}
		probes++
		now := time.Now()
		for i := range probe.operations {
			due[operationID(p.next+uint64(i))] = now.Add(o.threshold)
		}
		if err := p.feed(ctx, probe, now); err != nil {
			return nil, err
		}
		spans += probe.spans
	}
	if spans == 0 {
		return nil, errors.New("no span was sent")
	}
	long := time.Since(began).Seconds()
	found["rate"], found["behind_seconds"] = float64(spans)/long, behind.Seconds()
	found["load_cpu"] = (ownCPU() - cpu).Seconds() / long
	return due, nil
}

package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// held is how many operations an engine keeps that is full of finished ones.
const held = 20_000

// measureIngest compares evidence, identity and apply with unmarshalling the same batches.
func measureIngest(ctx context.Context, o options) (figures, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	whole, err := newTemplate(shapeWhole, perBatch)
	if err != nil {
		return nil, err
	}
	t, err := newTracker(held)
	if err != nil {
		return nil, err
	}
	s := &stream{tracker: t, now: time.Now()}
	// First the engine fills up, so that each new operation lets an old one go.
	for s.next < 2*held {
		if err := s.fresh(whole); err != nil {
			return nil, err
		}
	}
	all, err := s.sectioned(ctx, whole, o.seconds)
	if err != nil {
		return nil, err
	}
	found := figures{}
	noteCosts(found, all)
	if err := s.countAllocations(whole, found); err != nil {
		return nil, err
	}
	if operations := t.engine.Stats().Operations; operations > held {
		return nil, fmt.Errorf("the engine holds %d operations: must be at most %d", operations, held)
	}
	return found, nil
}

// countedBatches are those of which allocations are counted: enough for what happens only once in many.
const countedBatches = 40

// countAllocations counts what is allocated per span for operations that are new, for those that the engine has the
// beginning of, and for batches that it has already.
func (s *stream) countAllocations(whole *template, found figures) error {
	head, err := newTemplate(shapeHead, perBatch)
	if err != nil {
		return err
	}
	tail, err := newTemplate(shapeTail, perBatch)
	if err != nil {
		return err
	}
	for _, phase := range []struct {
		name string
		// before is fed without being counted, then counted is.
		before, counted *template
	}{{"allocations_new", nil, whole}, {"allocations_known", head, tail}, {"allocations_resent", whole, whole}} {
		s.account = account{}
		spans := 0
		for range countedBatches {
			at := s.now
			if phase.before != nil {
				if err := s.batch(phase.before, s.next); err != nil {
					return err
				}
			}
			if phase.before == phase.counted {
				s.now = at // What is sent again has the times that it had.
			}
			s.counting = true
			err := s.batch(phase.counted, s.next)
			s.counting = false
			if err != nil {
				return err
			}
			spans += phase.counted.spans
			s.next += perBatch
			s.sweep()
		}
		found[phase.name] = float64(s.account.allocations) / float64(spans)
	}
	return nil
}

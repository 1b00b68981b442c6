package main

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/operation"
)

// perBatch are the operations of one batch.
const perBatch = 50

// far is a threshold that no run reaches, so that open operations stay open and yet have a deadline each.
const far = 24 * time.Hour

// tracker is evidence and engine as the correlation processor and the operations extension use them.
type tracker struct {
	extractor *evidence.Extractor
	engine    *engine.Engine
	batch     evidence.Batch
	assigned  []engine.Assignment
}

func newTracker(maxOperations int) (*tracker, error) {
	x, err := evidence.NewExtractor(evidence.Config{CorrelationKeys: evidence.DefaultCorrelationKeys()})
	if err != nil {
		return nil, err
	}
	settings := engine.DefaultSettings()
	settings.MaxOperations = maxOperations
	policy := operation.DefaultPolicy()
	policy.Waiting.Limit, policy.Processing.Limit = far, far
	settings.Policy = func(*operation.View) *operation.Policy { return &policy }
	e, err := engine.New(settings)
	if err != nil {
		return nil, err
	}
	return &tracker{extractor: x, engine: e}, nil
}

// take does for a batch what a pipeline with Throughline does beyond one without: evidence, identity, apply.
func (t *tracker) take(td ptrace.Traces, now time.Time) {
	t.batch.Reset()
	t.extractor.Traces(&t.batch, td)
	t.assigned = t.engine.Apply(now, t.batch.Facts, t.assigned[:0])
}

func unmarshal(data []byte) (ptrace.Traces, error) {
	return (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
}

// account is the processor time of one stretch of a stream.
type account struct {
	spans int
	// rendering is what making the load took, which allocates nothing: how long it takes tells how fast the machine was.
	rendering, unmarshalling, taking, sweeping time.Duration
	// process is that of the whole process, which includes the garbage collector and making the load.
	process time.Duration
	// thread is the processor time of the thread, passed the time that passed meanwhile.
	thread, passed time.Duration
	// allocations are those of taking.
	allocations uint64
}

func (a *account) perSpan(d time.Duration) float64 { return float64(d) / float64(max(1, a.spans)) }

// stream feeds a tracker with batches at a given rate of simulated time, and keeps account of what they cost. Its goroutine
// must be locked to its thread.
type stream struct {
	tracker *tracker
	account account
	next    uint64
	now     time.Time
	swept   time.Time
	buffer  []byte
	// counting says that allocations are counted, which stops the world for a moment twice a batch.
	counting bool
}

const (
	// simulatedRate is how many spans come in a second of simulated time.
	simulatedRate = 20_000
	sweepInterval = 500 * time.Millisecond
)

// batch feeds one batch of the template with operations from the given number on.
func (s *stream) batch(t *template, first uint64) error {
	began := threadCPU()
	s.buffer = t.render(s.buffer, first, s.now)
	s.account.rendering += threadCPU() - began
	began = threadCPU()
	td, err := unmarshal(s.buffer)
	if err != nil {
		return err
	}
	s.account.unmarshalling += threadCPU() - began
	before := s.allocated()
	began = threadCPU()
	s.tracker.take(td, s.now)
	s.account.taking += threadCPU() - began
	s.account.allocations += s.allocated() - before
	s.account.spans += t.spans
	s.now = s.now.Add(time.Duration(t.spans) * time.Second / simulatedRate)
	return nil
}

// fresh feeds one batch of operations that the tracker does not know, and judges them when it is time to.
func (s *stream) fresh(t *template) error {
	if err := s.batch(t, s.next); err != nil {
		return err
	}
	s.next += uint64(t.operations)
	s.sweep()
	return nil
}

// sweep judges what is new or due, as often in simulated time as the extension does.
func (s *stream) sweep() {
	if s.now.Sub(s.swept) < sweepInterval {
		return
	}
	s.swept = s.now
	began := threadCPU()
	s.tracker.engine.Sweep(s.now)
	s.account.sweeping += threadCPU() - began
}

// sections are how many parts of a measurement are compared with each other.
const sections = 4

// longestSection bounds a section in which no garbage collection ends.
const longestSection = time.Minute

// sectioned feeds new operations for some time, and returns an account of each section of it. A section ends with a garbage
// collection, so that none has the cost of a large heap without its share of collecting it, or more.
func (s *stream) sectioned(ctx context.Context, t *template, long time.Duration) ([]account, error) {
	runtime.GC()
	var all []account
	for range sections {
		s.account = account{}
		began, process, thread, collected := time.Now(), ownCPU(), threadCPU(), collections()
		for passed := time.Duration(0); passed < longestSection; passed = time.Since(began) {
			if passed >= long/sections && collections() > collected {
				break
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := s.fresh(t); err != nil {
				return nil, err
			}
		}
		s.account.process, s.account.thread, s.account.passed = ownCPU()-process, threadCPU()-thread, time.Since(began)
		all = append(all, s.account)
	}
	return all, nil
}

// collections is how many garbage collections have ended.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// allocated is how many objects were ever allocated, 0 unless they are counted.
func (s *stream) allocated() uint64 {
	if !s.counting {
		return 0
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// noteCosts keeps what a span costs in nanoseconds, and against unmarshalling it.
func noteCosts(found figures, all []account) {
	for name, of := range map[string]func(*account) float64{
		"unmarshal_ns": func(a *account) float64 { return a.perSpan(a.unmarshalling) },
		"take_ns":      func(a *account) float64 { return a.perSpan(a.taking) },
		"sweep_ns":     func(a *account) float64 { return a.perSpan(a.sweeping) },
		"process_ns":   func(a *account) float64 { return a.perSpan(a.process) },
		"take_ratio":   func(a *account) float64 { return float64(a.taking) / float64(a.unmarshalling) },
		"total_ratio":  func(a *account) float64 { return float64(a.taking+a.sweeping) / float64(a.unmarshalling) },
		// Against rendering, costs of one process can be compared with those of another one that ran at another time.
		"cost":         func(a *account) float64 { return float64(a.taking+a.sweeping) / float64(a.rendering) },
		"process_cost": func(a *account) float64 { return float64(a.process) / float64(a.rendering) },
		"share":        func(a *account) float64 { return float64(a.thread) / float64(a.passed) },
	} {
		var samples []float64
		for i := range all {
			samples = append(samples, of(&all[i]))
		}
		found.note(name, samples)
	}
}

package sim

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

// Propagation is how a consumer's spans are related to the producer's.
type Propagation string

// The kinds of propagation.
const (
	// PropagationTrace: the process span is a child of the producer span.
	PropagationTrace Propagation = "trace"
	// PropagationLink: the process span begins a trace of its own and links to the producer span.
	PropagationLink Propagation = "link"
	// PropagationNone: the process span begins a trace of its own; only message ID and correlation ID tell.
	PropagationNone Propagation = "none"
)

// Propagations are all kinds of propagation.
var Propagations = []Propagation{PropagationTrace, PropagationLink, PropagationNone}

// maxInFlight bounds the operations under way, and so the memory of a run whose operations begin faster than they end.
const maxInFlight = 200_000

// Settings say how plans are carried out.
type Settings struct {
	// Rate is the number of operations begun per second.
	Rate float64
	// For ends the run after a time; 0 means that it ends with the plan.
	For         time.Duration
	Propagation Propagation
	Gap         Gap
	Skew        Skew
	Periodic    Periodic
	// Instance returns the service.instance.id of a process, for the truth of what fails by one; it may be nil if nothing does.
	Instance func(plan.Process) string
}

// Telemetry gives access to the SDK of each process, by its voice. It must be safe for concurrent use.
type Telemetry interface {
	Tracer(voice string) trace.Tracer
	Logger(voice string) log.Logger
}

// Simulator carries out one plan, once.
type Simulator struct {
	plan      *plan.Plan
	settings  Settings
	telemetry Telemetry
	write     func(*truth.Operation) error
	broker    *broker

	slots  chan struct{}
	wg     sync.WaitGroup
	stop   context.Context
	halt   context.CancelFunc
	tally  tally
	behind atomic.Int64
	failed atomic.Pointer[error]
}

// New returns a simulator. It calls write, from many goroutines, with the truth of every operation that has ended.
func New(p *plan.Plan, settings Settings, telemetry Telemetry, write func(*truth.Operation) error) *Simulator {
	return &Simulator{
		plan: p, settings: settings, telemetry: telemetry, write: write,
		slots: make(chan struct{}, maxInFlight),
	}
}

// Run begins the operations at the rate and returns when all of them have ended. When stop ends, no further ones begin,
// messages that wait for a consumer's return are left unconsumed, and the rest goes on to its end; when abort ends, everything
// is left as it is, without a truth. The error is that of writing the truth, which stops the run as well.
func (s *Simulator) Run(abort, stop context.Context) error {
	s.stop, s.halt = context.WithCancel(stop)
	defer s.halt()
	defer context.AfterFunc(abort, s.halt)()
	begin := time.Now()
	s.broker = newBroker(s.plan.Workflows(), begin)
	periodic, end := context.WithCancel(s.stop)
	defer end()
	if s.settings.Periodic.Every > 0 {
		s.wg.Go(func() { s.periodically(periodic, abort) })
	}
	for index := 0; s.more(index); index++ {
		due := time.Duration(float64(index) / s.settings.Rate * float64(time.Second))
		if s.settings.For > 0 && due >= s.settings.For {
			break
		}
		if !s.waitTurn(begin.Add(due)) {
			break
		}
		op := s.plan.Operation(index)
		s.tally.begin()
		s.wg.Go(func() {
			defer func() { <-s.slots }()
			s.finish(abort, newRun(s, op).perform(abort))
		})
	}
	end()
	s.wg.Wait()
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Simulator) more(index int) bool {
	return s.plan.Operations() == 0 || index < s.plan.Operations()
}

// waitTurn waits until an operation is due and there is room for it. It reports false if the run is to end instead. After a
// delay the next ones follow at once until the schedule is met again, so that the rate holds on average.
func (s *Simulator) waitTurn(due time.Time) bool {
	if s.stop.Err() != nil {
		return false
	}
	if wait := time.Until(due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.stop.Done():
			return false
		}
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.stop.Done():
		return false
	}
	s.behind.Store(int64(time.Since(due)))
	return true
}

func (s *Simulator) finish(abort context.Context, op *truth.Operation) {
	if abort.Err() != nil {
		s.tally.abort()
		return
	}
	op.Settle()
	s.tally.end(op)
	if err := s.write(op); err != nil {
		s.failed.CompareAndSwap(nil, &err)
		s.halt()
	}
}

// await waits until an attempt is due and reports whether it is to be made.
func (s *Simulator) await(abort context.Context, attempt *plan.Attempt) bool {
	if !attempt.Comeback {
		return pause(abort, attempt.Wait)
	}
	timer := time.NewTimer(attempt.Wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return abort.Err() == nil
	case <-s.stop.Done():
		return false
	}
}

// pause waits and reports whether the run still goes on.
func pause(abort context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return abort.Err() == nil
	case <-abort.Done():
		return false
	}
}

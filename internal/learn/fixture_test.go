package learn

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
	// epoch is when tests begin.
	epoch = int64(1_800_000_000) * second
)

func newBook(t require.TestingT, change ...func(*Settings)) *Book {
	s := DefaultSettings()
	for _, c := range change {
		c(&s)
	}
	b, err := New(s)
	require.NoError(t, err)
	return b
}

// few makes a habit of 20 samples.
func few(s *Settings) { s.MinSamples = 20 }

// facts builds up the facts of one operation. All times are after its beginning.
type facts struct {
	all   []operation.Fact
	begun int64
	spans byte
}

func started(at int64) *facts { return &facts{begun: at} }

func (f *facts) add(g operation.Fact, from, to int64) byte {
	f.spans++
	g.At, g.End = f.begun+from, f.begun+to
	g.ID, g.Trace, g.Span = "order-"+strconv.FormatInt(f.begun, 10), operation.TraceID{1}, operation.SpanID{f.spans}
	f.all = append(f.all, g)
	return f.spans
}

// send adds a message, made within a span, and returns its span.
func (f *facts) send(parent byte, service, destination string, at int64) byte {
	g := operation.Fact{Kind: operation.KindSend, Service: service, Destination: destination}
	if parent != 0 {
		g.Parent = operation.SpanID{parent}
	}
	return f.add(g, at, at+1)
}

// work adds a span that has nothing to do with messages.
func (f *facts) work(parent byte, service string, from, to int64) byte {
	g := operation.Fact{Kind: operation.KindWork, Service: service}
	if parent != 0 {
		g.Parent = operation.SpanID{parent}
	}
	return f.add(g, from, to)
}

// process adds an attempt at the message that was sent in a span, and returns its own.
func (f *facts) process(message byte, service, destination string, from, to int64) byte {
	return f.add(operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Remote: true, Service: service, Destination: destination, Parent: operation.SpanID{message},
	}, from, to)
}

// processIn is process in a trace of its own, with a link; by names the consumer group, "" for none.
func (f *facts) processIn(group string, message byte, service, destination string, from, to int64) byte {
	span := f.add(operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Service: service, Destination: destination, Group: group,
		LinkTrace: operation.TraceID{1}, LinkSpan: operation.SpanID{message},
	}, from, to)
	f.all[len(f.all)-1].Trace = operation.TraceID{2, span}
	return span
}

func (f *facts) view() *operation.View {
	o := operation.New(operation.NewSymbols(1000))
	for i := range f.all {
		o.Add(&f.all[i])
	}
	return o.View(operation.NoHabits{})
}

// hop is an operation of one message, which waits and is processed for so long.
func hop(at, waiting, processing int64) *operation.View {
	sender := operation.Origin{Service: "api", Trace: operation.TraceID{1}, Span: operation.SpanID{1}}
	worker := operation.Origin{Service: "worker", Trace: operation.TraceID{1}, Span: operation.SpanID{2}, Parent: operation.SpanID{1}}
	return &operation.View{ID: "order-1", Name: "orders", StartedAt: at, Hops: []operation.Hop{{
		Destination: "orders", State: operation.HopDone,
		Sends: []operation.Send{{Origin: sender, StartedAt: at, EndedAt: at + 1}},
		Consumers: []operation.Consumer{{
			Group: "worker", Service: "worker", State: operation.HopDone, WaitedNanos: waiting,
			Attempts: []operation.Attempt{{Origin: worker, ReceivedAt: at + waiting, StartedAt: at + waiting, EndedAt: at + waiting + processing}},
		}},
	}}}
}

var (
	waiting    = operation.Stage{Kind: operation.StageWaiting, Operation: "orders", Destination: "orders"}
	processing = operation.Stage{Kind: operation.StageProcessing, Operation: "orders", Destination: "orders", Group: "worker"}
)

// threshold returns the threshold of a stage, 0 while none is known.
func threshold(b *Book, s operation.Stage) time.Duration {
	usual, ok := b.Usual(s)
	if !ok {
		return 0
	}
	return time.Duration(usual.Threshold)
}

// near requires a time to be what it is, up to the error of the sketch.
func near(tb testing.TB, want, got int64, about ...any) {
	tb.Helper()
	require.InEpsilon(tb, want, got, 2*accuracy, about...)
}

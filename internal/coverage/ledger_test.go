package coverage

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func attached(f operation.Fact, reason operation.Reason) *operation.Fact {
	f.JoinedBy = reason
	return &f
}

// one returns the only service of a ledger.
func one(t require.TestingT, l *Ledger) Service {
	services := l.Report(nil).Services
	require.Len(t, services, 1)
	return services[0]
}

func missing(s Service) map[string][2]uint64 {
	m := map[string][2]uint64{}
	for _, f := range s.Missing {
		m[f.Code.String()] = [2]uint64{f.Count, f.Of}
	}
	return m
}

var (
	span   = operation.SpanID{1}
	parent = operation.SpanID{2}
	trace  = operation.TraceID{1}
)

// whole is a record that lacks nothing.
func whole(kind operation.Kind) operation.Fact {
	return operation.Fact{
		Kind: kind, Service: "s", ID: "o-1", Trace: trace, Span: span, Parent: parent, Destination: "orders", MessageID: "m-1", System: "kafka",
	}
}

func TestGroups(t *testing.T) {
	strong := whole(operation.KindReceive)
	empty := operation.Fact{Kind: operation.KindReceive}
	batch := operation.Fact{Kind: operation.KindReceive, Batch: true}
	logged := operation.Fact{Kind: operation.KindException, Severity: 17}
	for _, tc := range []struct {
		fact operation.Fact
		want string
	}{
		{whole(operation.KindSend), "send"},
		{strong, "receive"},
		{batch, "receive"},
		{empty, "poll"},
		{whole(operation.KindProcess), "process"},
		{whole(operation.KindSettle), "settle"},
		{whole(operation.KindWork), "work"},
		{whole(operation.KindTask), "work"},
		{whole(operation.KindInsert), "work"},
		{whole(operation.KindLog), "log"},
		{whole(operation.KindStarted), "log"},
		{logged, "log"},
		{whole(operation.KindException), ""},
		{whole(operation.KindAlias), ""},
		{whole(operation.KindAlive), ""},
		{whole(operation.KindPoll), ""},
		{operation.Fact{}, ""},
	} {
		g, ok := groupOf(&tc.fact)
		require.Equal(t, tc.want != "", ok, tc.fact.Kind)
		if ok {
			require.Equal(t, tc.want, g.String())
		}
		l := NewLedger()
		l.Attached(attached(tc.fact, operation.ReasonTrace), false)
		l.Waiting(&tc.fact)
		l.Lost(&tc.fact, false, LossRunaway)
		require.Len(t, l.Report(nil).Services, map[bool]int{true: 1}[ok], "what is no record is not counted")
	}
	for g := range GroupCount {
		require.Equal(t, slices.Contains([]string{"send", "receive", "process", "settle"}, g.String()), g.Messaging())
	}
}

func TestWhatBecomesOfRecords(t *testing.T) {
	l := NewLedger()
	send, line := whole(operation.KindSend), whole(operation.KindLog)
	l.Attached(attached(send, operation.ReasonCorrelationID), false)
	l.Attached(attached(send, operation.ReasonLink), false)
	for range 4 {
		l.Waiting(&send)
	}
	l.Attached(attached(send, operation.ReasonParent), true)
	l.Lost(&send, true, LossWaitingFull)
	l.Lost(&send, true, LossNoOperation)
	l.Lost(&send, false, LossRunaway)
	l.Attached(attached(line, operation.ReasonTrace), false)

	s := one(t, l)
	require.Equal(t, Tally{
		Records: 7, Late: 1, Waiting: 1, Lost: [LossCount]uint64{LossNoOperation: 1, LossWaitingFull: 1, LossRunaway: 1},
		Attached: [reasonCount]uint64{operation.ReasonCorrelationID: 1, operation.ReasonLink: 1, operation.ReasonParent: 1},
	}, s.Kinds[GroupSend])
	require.Equal(t, s.Kinds[GroupSend], s.Messaging())
	require.EqualValues(t, 8, func() uint64 { all := s.All(); return all.Records }())
	require.InDelta(t, 3.0/7, func() float64 { m := s.Messaging(); return m.Share() }(), 1e-9)
	require.InDelta(t, -1, func() float64 { return s.Kinds[GroupSettle].Share() }(), 0, "no records, no share")
	require.Equal(t, map[string][2]uint64{"not_attached": {1, 7}}, missing(s))
}

func TestWhatIsMissing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kind   operation.Kind
		change func(*operation.Fact)
		want   map[string][2]uint64
	}{
		{"nothing", operation.KindProcess, func(*operation.Fact) {}, nil},
		{"the service", operation.KindWork, func(f *operation.Fact) { f.Service = "" }, map[string][2]uint64{"no_service_name": {1, 1}}},
		{"the destination of a settlement", operation.KindSettle, func(f *operation.Fact) { f.Destination = "" }, map[string][2]uint64{"no_destination": {1, 1}}},
		{"the destination of work", operation.KindWork, func(f *operation.Fact) { f.Destination = "" }, nil},
		{"the message ID of a send", operation.KindSend, func(f *operation.Fact) { f.MessageID = "" }, map[string][2]uint64{"no_message_id": {1, 1}}},
		{"the message ID of a settlement", operation.KindSettle, func(f *operation.Fact) { f.MessageID = "" }, nil},
		{"the message ID of a consumption with a parent", operation.KindProcess, func(f *operation.Fact) { f.MessageID = "" },
			map[string][2]uint64{"no_message_id": {1, 1}}},
		{"the message ID of a consumption with a link", operation.KindProcess, func(f *operation.Fact) {
			f.MessageID, f.Parent, f.LinkTrace, f.LinkSpan = "", operation.SpanID{}, trace, span
		}, map[string][2]uint64{"no_message_id": {1, 1}}},
		{"all that leads to a send", operation.KindProcess, func(f *operation.Fact) { f.MessageID, f.Parent = "", operation.SpanID{} },
			map[string][2]uint64{"no_message_id": {1, 1}, "unpaired_consumer": {1, 1}}},
		{"the links of a batch", operation.KindReceive, func(f *operation.Fact) { f.MessageID, f.Batch = "", true },
			map[string][2]uint64{"no_message_id": {1, 1}, "batch_without_links": {1, 1}}},
		{"the correlation ID of a message", operation.KindSend, func(f *operation.Fact) { f.ID = "" }, map[string][2]uint64{"no_correlation_id": {1, 1}}},
		{"the correlation ID of a log record", operation.KindLog, func(f *operation.Fact) { f.ID = "" }, nil},
		{"the error of a failed span", operation.KindProcess, func(f *operation.Fact) { f.Outcome = operation.OutcomeError },
			map[string][2]uint64{"failed_without_error": {1, 1}}},
		{"nothing of a failed span", operation.KindProcess, func(f *operation.Fact) { f.Outcome, f.ErrorType = operation.OutcomeError, "E" }, nil},
		{"all that leads to a log record's operation", operation.KindFailed, func(f *operation.Fact) {
			f.Trace, f.ID, f.MessageID = operation.TraceID{}, "", ""
		}, map[string][2]uint64{"log_without_context": {1, 1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := whole(tc.kind)
			tc.change(&f)
			want := tc.want
			if want == nil {
				want = map[string][2]uint64{}
			}
			l := NewLedger()
			l.Attached(attached(f, operation.ReasonTrace), false)
			require.Equal(t, want, missing(one(t, l)))

			l = NewLedger()
			l.Waiting(&f)
			l.Attached(attached(f, operation.ReasonTrace), true)
			require.Equal(t, want, missing(one(t, l)), "counted once though it waited")
		})
	}
}

func TestEveryCodeHasANameAndAHint(t *testing.T) {
	seen := map[string]bool{}
	for c := range CodeCount {
		f := Finding{Code: c, Count: 1, Of: 4}
		require.NotEmpty(t, f.Hint())
		require.NotContains(t, f.Hint(), "\n")
		require.Contains(t, []Unit{UnitRecord, UnitMessage, UnitOperation}, f.Unit())
		require.False(t, seen[c.String()], c.String())
		seen[c.String()] = true
		require.InDelta(t, 0.25, f.Share(), 1e-9)
	}
	require.NotContains(t, seen, "")
}

func TestServicesBeyondTheBoundAreCountedTogether(t *testing.T) {
	l := NewLedger()
	f := whole(operation.KindSend)
	for i := range MaxServices + 5 {
		f.Service = fmt.Sprintf("s-%04d", i)
		l.Attached(attached(f, operation.ReasonTrace), false)
		l.Waiting(&f)
	}
	l.Attached(attached(f, operation.ReasonTrace), true)
	services := l.Report(nil).Services
	require.Len(t, services, MaxServices+1)
	require.Equal(t, Overflow, services[0].Name)
	require.EqualValues(t, 10, services[0].Kinds[GroupSend].Records)
	require.EqualValues(t, 4, services[0].Kinds[GroupSend].Waiting)

	few := l.First(3)
	require.Len(t, few, 4)
	require.Equal(t, []string{Overflow, "s-0000", "s-0001", "s-0002"}, []string{few[0].Name, few[1].Name, few[2].Name, few[3].Name})
	require.EqualValues(t, 2*(MaxServices+2), few[0].Kinds[GroupSend].Records)
}

// TestSumsAddUp: whatever is told in whatever order, each record is attached, waits or is lost.
func TestSumsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLedger()
		var waiting []operation.Fact
		records := map[string]uint64{}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			f := whole(operation.Kind(rapid.IntRange(0, int(operation.KindCount)-1).Draw(t, "kind")))
			f.Service = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "service")
			f.Batch, f.Severity = rapid.Bool().Draw(t, "batch"), uint8(rapid.IntRange(0, 1).Draw(t, "severity"))
			if rapid.Bool().Draw(t, "bare") {
				f.MessageID, f.ID, f.Parent, f.Destination = "", "", operation.SpanID{}, ""
			}
			_, counts := groupOf(&f)
			late := len(waiting) > 0 && rapid.Bool().Draw(t, "late")
			if late {
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "which")
				f = waiting[i]
				waiting = slices.Delete(waiting, i, i+1)
			} else if counts {
				records[f.Service]++
			}
			switch what := rapid.IntRange(0, 2).Draw(t, "what"); {
			case what == 0:
				l.Attached(attached(f, operation.Reason(rapid.IntRange(1, int(operation.ReasonParent)).Draw(t, "reason"))), late)
			case what == 1 || late:
				l.Lost(&f, late, Loss(rapid.IntRange(0, int(LossCount)-1).Draw(t, "loss")))
			default:
				l.Waiting(&f)
				waiting = append(waiting, f)
			}
		}
		report := l.Report(nil)
		require.Len(t, report.Services, len(records))
		for _, s := range report.Services {
			for g, k := range s.Kinds {
				require.Equal(t, k.Records, k.AllAttached()+k.Waiting+k.AllLost(), Group(g))
				require.LessOrEqual(t, k.Late, k.AllAttached())
			}
			all := s.All()
			require.Equal(t, records[s.Name], all.Records)
			for _, f := range s.Missing {
				require.LessOrEqual(t, f.Count, f.Of, f.Code.String())
			}
		}
	})
}

func TestEverybodyAtOnce(t *testing.T) {
	l := NewLedger()
	var group sync.WaitGroup
	for w := range 3 {
		group.Go(func() {
			f := whole(operation.KindProcess)
			for i := range 500 {
				f.Service = fmt.Sprint(w, i%7)
				l.Waiting(&f)
				l.Attached(attached(f, operation.ReasonTrace), true)
				l.Settled(over("o-1", hop("q", "a", "b")))
			}
		})
	}
	group.Go(func() {
		for range 50 {
			l.Report(slices.Values([]*operation.View{over("o-2", hop("q", "a", "")).View}))
			l.First(2)
		}
	})
	group.Wait()
	var sum uint64
	for _, s := range l.Report(nil).Services {
		sum += s.Kinds[GroupProcess].Records
	}
	require.EqualValues(t, 1500, sum)
}

// BenchmarkRecord measures one record of a service that is known, by turns from two services.
func BenchmarkRecord(b *testing.B) {
	l := NewLedger()
	facts := []operation.Fact{whole(operation.KindSend), whole(operation.KindProcess), whole(operation.KindLog)}
	for i := range facts {
		facts[i].JoinedBy = operation.ReasonTrace
	}
	facts[1].Service = "t"
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		l.Attached(&facts[i%len(facts)], false)
		i++
	}
}

// TestRecordsAllocateNothing once their service is known.
func TestRecordsAllocateNothing(t *testing.T) {
	l := NewLedger()
	f, g := whole(operation.KindSend), whole(operation.KindProcess)
	g.Service = "t"
	require.Zero(t, testing.AllocsPerRun(100, func() {
		l.Attached(&f, false)
		l.Waiting(&g)
		l.Lost(&g, true, LossNoOperation)
	}))
}

func TestNamesAreValidText(t *testing.T) {
	l := NewLedger()
	for _, name := range []string{"a\xff", "a\xfe", "b"} {
		l.Attached(&operation.Fact{Kind: operation.KindSend, Service: name, JoinedBy: operation.ReasonTrace}, false)
	}
	services := l.First(10)
	require.Len(t, services, 2)
	require.Equal(t, "a\uFFFD", services[0].Name)
	require.Equal(t, "b", services[1].Name)
}

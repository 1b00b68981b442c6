package originals

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

const second = int64(1e9)

// asked is a store of which spans are wanted.
func asked(most int) *Store {
	s := New()
	s.Ask(Demand{Spans: true, MaxBytes: most})
	return s
}

func inner(trace, id byte) ptrace.Span {
	s := ptrace.NewSpan()
	s.SetTraceID(pcommon.TraceID{trace})
	s.SetSpanID(pcommon.SpanID{id})
	s.SetParentSpanID(pcommon.SpanID{id + 1})
	s.SetName(fmt.Sprint("SELECT ", id))
	s.SetKind(ptrace.SpanKindClient)
	s.SetStartTimestamp(10)
	s.SetEndTimestamp(20)
	return s
}

var worker = &Resource{Service: "worker"}

func idsOf(s *Store, trace byte) (ids []byte) {
	found, _ := s.Spans(pcommon.TraceID{trace})
	for _, one := range found {
		ids = append(ids, one.SpanID()[0])
	}
	return ids
}

func TestNothingIsWantedUntilSomebodyAsks(t *testing.T) {
	s := New()
	require.False(t, s.Wanted() || s.WantsSpans())
	one := s.Ask(Demand{})
	require.True(t, s.Wanted() && !s.WantsSpans())
	other := s.Ask(Demand{Spans: true, MaxBytes: 1 << 20})
	require.True(t, s.WantsSpans())
	s.Keep(inner(1, 1), worker, second)
	require.Equal(t, []byte{1}, idsOf(s, 1))
	other()
	require.True(t, s.Wanted() && !s.WantsSpans())
	require.Empty(t, idsOf(s, 1))
	require.Zero(t, s.Stats().Bytes)
	one()
	require.False(t, s.Wanted())
}

func TestASpanComesBackAsItWas(t *testing.T) {
	s := asked(1 << 20)
	of := inner(1, 1)
	of.Status().SetCode(ptrace.StatusCodeError)
	of.Status().SetMessage("no such table")
	of.Attributes().PutStr("db.system.name", "postgresql")
	of.Attributes().PutInt("db.rows", 3)
	of.Attributes().PutStr("async.operation.id", "stamped")
	e := of.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(15)
	e.Attributes().PutStr("exception.stacktrace", strings.Repeat("at\n", 1000))
	s.Keep(of, worker, second)
	found, missing := s.Spans(pcommon.TraceID{1})
	require.Len(t, found, 1)
	require.Zero(t, missing)
	require.Same(t, worker, found[0].Resource)
	want := ptrace.NewSpan()
	of.CopyTo(want)
	want.Attributes().Remove("async.operation.id")
	require.Equal(t, want.Attributes().AsRaw(), found[0].Span.Attributes().AsRaw())
	require.Equal(t, want.Status().Message(), found[0].Status().Message())
	require.Equal(t, want.ParentSpanID(), found[0].ParentSpanID())
	require.Equal(t, e.Attributes().AsRaw(), found[0].Events().At(0).Attributes().AsRaw())
}

func TestUnclaimedTracesGoAfterAMinute(t *testing.T) {
	s := asked(1 << 20)
	s.Keep(inner(1, 1), worker, second)
	s.Keep(inner(2, 2), worker, second)
	s.Claim(pcommon.TraceID{2}, 2*second)
	s.Keep(inner(3, 3), worker, 62*second)
	require.Empty(t, idsOf(s, 1))
	require.Equal(t, []byte{2}, idsOf(s, 2))
	require.Equal(t, []byte{3}, idsOf(s, 3))
	require.EqualValues(t, 1, s.Stats().Dropped[DropUnclaimed])

	// What is final goes likewise, but not at once.
	s.Release(pcommon.TraceID{2}, 62*second)
	require.Equal(t, []byte{2}, idsOf(s, 2))
	s.Keep(inner(4, 4), worker, 123*second)
	require.Empty(t, idsOf(s, 2))
}

// Whether an operation is recognised before or after its inner spans come does not matter.
func TestATraceMayBeClaimedFirst(t *testing.T) {
	s := asked(1 << 20)
	s.Claim(pcommon.TraceID{1}, second)
	s.Keep(inner(1, 1), worker, 2*second)
	s.Keep(inner(2, 2), worker, 1000*second)
	require.Equal(t, []byte{1}, idsOf(s, 1))
}

func TestWhatNobodyClaimedGivesWayFirst(t *testing.T) {
	s := asked(2000)
	s.Keep(inner(1, 1), worker, second)
	s.Claim(pcommon.TraceID{1}, second)
	for i := range 100 {
		s.Keep(inner(100, byte(i)), worker, second)
		require.LessOrEqual(t, s.Stats().Bytes, 2000)
	}
	require.Equal(t, []byte{1}, idsOf(s, 1))
	require.Zero(t, s.Stats().Dropped[DropEvicted])
	for i := range 20 {
		s.Keep(inner(byte(i+2), 1), worker, second)
		s.Claim(pcommon.TraceID{byte(i + 2)}, second)
	}
	require.Empty(t, idsOf(s, 1), "of those that are claimed the one that was quiet for longest goes")
	require.Equal(t, []byte{1}, idsOf(s, 21))
	require.Positive(t, s.Stats().Dropped[DropEvicted])
	s.Keep(inner(200, 1), worker, second)
	require.Equal(t, []byte{1}, idsOf(s, 200), "there is always room for what may be claimed yet")
}

func TestATraceIsBounded(t *testing.T) {
	s := asked(64 << 20)
	for i := range maxTraceSpans + 7 {
		of := inner(1, 1)
		of.SetSpanID(pcommon.SpanID{1, byte(i), byte(i >> 8)})
		s.Keep(of, worker, second)
	}
	found, missing := s.Spans(pcommon.TraceID{1})
	require.Len(t, found, maxTraceSpans)
	require.Equal(t, 7, missing)
	require.EqualValues(t, 7, s.Stats().Dropped[DropTraceFull])
}

// Whatever a span holds, what is kept of it is bounded and valid.
func TestEverythingIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "short", "\xff\xfe", strings.Repeat("long ", 2000)})
		of := inner(1, 1)
		of.SetName(text.Draw(t, "name"))
		of.Status().SetMessage(text.Draw(t, "message"))
		for i := range rapid.IntRange(0, 50).Draw(t, "attributes") {
			of.Attributes().PutStr(fmt.Sprint(i, text.Draw(t, "key")), text.Draw(t, "value"))
		}
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			e := of.Events().AppendEmpty()
			e.SetName(text.Draw(t, "event"))
			e.Attributes().PutStr("exception.stacktrace", text.Draw(t, "stack"))
			e.Attributes().PutEmptyMap("map").PutStr(text.Draw(t, "nested"), text.Draw(t, "deep"))
		}
		s := asked(64 << 20)
		s.Keep(of, worker, second)
		found, missing := s.Spans(pcommon.TraceID{1})
		require.Equal(t, 1, len(found)+missing)
		for _, one := range found {
			require.LessOrEqual(t, (&ptrace.ProtoMarshaler{}).SpanSize(one.Span), maxSpanBytes)
			require.True(t, len(one.Name()) <= maxName && utf8.ValidString(one.Name()))
			require.LessOrEqual(t, one.Span.Attributes().Len(), maxAttributes)
			require.EqualValues(t, of.Attributes().Len()-one.Span.Attributes().Len(), one.DroppedAttributesCount())
			require.EqualValues(t, of.Events().Len()-one.Events().Len(), one.DroppedEventsCount())
			for _, v := range one.Span.Attributes().All() {
				require.True(t, len(v.Str()) <= maxValue && utf8.ValidString(v.Str()))
			}
		}
	})
}

// The account of what is kept agrees with what is there, whatever happens.
func TestTheAccountAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := asked(rapid.IntRange(0, 4000).Draw(t, "most"))
		now := second
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			trace := byte(rapid.IntRange(1, 6).Draw(t, "trace"))
			now += rapid.SampledFrom([]int64{0, second, 40 * second}).Draw(t, "later")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				s.Claim(pcommon.TraceID{trace}, now)
			case 1:
				s.Release(pcommon.TraceID{trace}, now)
			default:
				s.Keep(inner(trace, 1), worker, now)
			}
			requireAccount(t, s)
		}
	})
}

func requireAccount(t require.TestingT, s *Store) {
	k := &s.spans
	traces, count, bytes := 0, 0, 0
	for _, q := range []*queue{&k.loose, &k.owned} {
		queued := 0
		for one := q.first; one != nil; one = one.next {
			queued += one.bytes
			require.Same(t, one, k.traces[one.id])
			require.Equal(t, q == &k.owned, one.owned)
			traces++
			count += len(one.spans)
			bytes += one.bytes
		}
		require.Equal(t, queued, q.bytes)
	}
	require.Len(t, k.traces, traces)
	require.Equal(t, count, k.count)
	require.Equal(t, bytes, k.bytes)
	require.LessOrEqual(t, k.bytes, k.max)
}

func TestWhatIsKnownOfAService(t *testing.T) {
	s := New()
	attributes := pcommon.NewMap()
	attributes.PutStr("service.name", "payer")
	attributes.PutStr("service.version", "1.4.2")
	attributes.PutStr("deployment.environment.name", "production")
	attributes.PutStr("process.command_line", "secret")
	attributes.PutStr("host.name", strings.Repeat("h", 300))
	require.Nil(t, s.ResourceOf("payer", "payer-1"))
	first := s.Saw("payer", "payer-1", attributes, second)
	require.Equal(t, &Resource{Service: "payer", Instance: "payer-1", Attributes: []Attribute{
		{"service.version", "1.4.2"}, {"deployment.environment.name", "production"}, {"host.name", strings.Repeat("h", maxText)},
	}}, first)
	require.Same(t, first, s.ResourceOf("payer", "payer-1"))
	require.Nil(t, s.ResourceOf("payer", "payer-2"))

	// It is looked again after a minute; what was known before stays for the spans that came with it.
	attributes.PutStr("service.version", "1.5.0")
	require.Same(t, first, s.Saw("payer", "payer-1", attributes, 2*second))
	second := s.Saw("payer", "payer-1", attributes, 2*second+refresh)
	require.Equal(t, "1.5.0", second.Attributes[0].Value)
	require.Equal(t, "1.4.2", first.Attributes[0].Value)
	require.Same(t, second, s.Saw("payer", "payer-1", attributes, 3*refresh))
}

func TestServicesAreBounded(t *testing.T) {
	s := New()
	for i := range maxServices + 5 {
		require.Equal(t, strconv.Itoa(i), s.Saw("worker", strconv.Itoa(i), pcommon.NewMap(), second).Instance)
	}
	require.Equal(t, maxServices, s.Stats().Services)
	require.EqualValues(t, 5, s.Stats().Dropped[DropService])
	s.Saw("worker", "0", pcommon.NewMap(), memory)
	s.Saw("worker", "new", pcommon.NewMap(), memory+2*second)
	require.NotNil(t, s.ResourceOf("worker", "new"))
	require.NotNil(t, s.ResourceOf("worker", "0"))
	require.Equal(t, 2, s.Stats().Services)
}

func BenchmarkKeep(b *testing.B) {
	s := asked(8 << 20)
	of := inner(1, 1)
	for i := range 8 {
		of.Attributes().PutStr(fmt.Sprint("attribute.", i), "some value of it")
	}
	b.ReportAllocs()
	now := second
	for b.Loop() {
		now++
		of.SetTraceID(pcommon.TraceID{1, byte(now >> 4), byte(now >> 12), byte(now >> 20)})
		s.Keep(of, worker, now)
	}
}

func BenchmarkSaw(b *testing.B) {
	s := New()
	attributes := pcommon.NewMap()
	attributes.PutStr("service.version", "1.4.2")
	b.ReportAllocs()
	for b.Loop() {
		s.Saw("payer", "payer-1", attributes, second)
	}
}

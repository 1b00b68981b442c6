package store_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// drawFact draws any fact whatever, with texts and IDs that repeat.
func drawFact(t *rapid.T) operation.Fact {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "", "", "orders", "checkout", "\x00\xff"}), rapid.String())
	time := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, 1_800_000_000_000_000_000, math.MaxInt64, math.MinInt64}), rapid.Int64())
	var trace, linkTrace operation.TraceID
	var span, parent, linkSpan operation.SpanID
	trace[0], linkTrace[15] = rapid.ByteRange(0, 2).Draw(t, "trace"), rapid.ByteRange(0, 1).Draw(t, "link trace")
	span[7], parent[0], linkSpan[3] = rapid.ByteRange(0, 2).Draw(t, "span"), rapid.ByteRange(0, 1).Draw(t, "parent"), rapid.ByteRange(0, 1).Draw(t, "link span")
	return operation.Fact{
		Kind:     operation.Kind(rapid.IntRange(0, int(operation.KindCount)-1).Draw(t, "kind")),
		Outcome:  operation.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")),
		Consumer: rapid.Bool().Draw(t, "consumer"), Remote: rapid.Bool().Draw(t, "remote"), Batch: rapid.Bool().Draw(t, "batch"),
		IDRank: rapid.Byte().Draw(t, "id rank"), AliasRank: rapid.Byte().Draw(t, "alias rank"), Severity: rapid.Byte().Draw(t, "severity"),
		Disposition: operation.Disposition(rapid.IntRange(0, 5).Draw(t, "disposition")),
		Delivery:    rapid.Uint16().Draw(t, "delivery"), Progress: rapid.Uint16().Draw(t, "progress"),
		JoinedBy: operation.Reason(rapid.IntRange(0, 5).Draw(t, "reason")), Partition: operation.Partition(rapid.Uint16().Draw(t, "partition")),
		At: time.Draw(t, "at"), End: time.Draw(t, "end"), Due: time.Draw(t, "due"),
		Trace: trace, LinkTrace: linkTrace, Span: span, Parent: parent, LinkSpan: linkSpan,
		ID: text.Draw(t, "id"), Alias: text.Draw(t, "alias"), Namespace: text.Draw(t, "namespace"), OperationName: text.Draw(t, "operation"),
		Service: text.Draw(t, "service"), Instance: text.Draw(t, "instance"), Name: text.Draw(t, "name"), System: text.Draw(t, "system"),
		Destination: text.Draw(t, "destination"), Group: text.Draw(t, "group"), MessageID: text.Draw(t, "message"), Type: text.Draw(t, "type"),
		ErrorType: text.Draw(t, "error type"), ErrorMessage: text.Draw(t, "error message"), Detail: text.Draw(t, "detail"),
	}
}

func TestFactsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOf(rapid.Custom(drawFact)).Draw(t, "facts")
		got, err := store.DecodeFacts(store.AppendFacts(nil, facts))
		require.NoError(t, err)
		require.Len(t, got, len(facts))
		for i := range facts {
			require.Equal(t, facts[i], got[i])
		}
		// Neither what the encoder wrote before nor what lies in the room that is used again makes a difference.
		data := store.AppendFacts([]byte("before"), facts)
		require.Equal(t, "before", string(data[:6]))
		require.Equal(t, store.AppendFacts(nil, facts), data[6:])
		room := rapid.SliceOf(rapid.Custom(drawFact)).Draw(t, "room")
		again, err := store.DecodeFactsInto(room, data[6:])
		require.NoError(t, err)
		require.Len(t, again, len(facts))
		for i := range facts {
			require.Equal(t, facts[i], again[i])
		}
	})
}

// TestNoFieldOfAFactIsLeftOut sets each field alone: one that is added to facts must be stored too.
func TestNoFieldOfAFactIsLeftOut(t *testing.T) {
	for i := range reflect.TypeFor[operation.Fact]().NumField() {
		fact := operation.Fact{}
		field := reflect.ValueOf(&fact).Elem().Field(i)
		name := reflect.TypeFor[operation.Fact]().Field(i).Name
		switch field.Kind() {
		case reflect.String:
			field.SetString("text")
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Int64:
			field.SetInt(1)
		case reflect.Array:
			field.Index(0).SetUint(1)
		default:
			field.SetUint(1)
		}
		got, err := store.DecodeFacts(store.AppendFacts(nil, []operation.Fact{fact}))
		require.NoError(t, err, name)
		require.Equal(t, []operation.Fact{fact}, got, name)
	}
}

// TestTextsThatRepeatAreWrittenOnce measures what a text costs that was there before, in the same field and in another one.
func TestTextsThatRepeatAreWrittenOnce(t *testing.T) {
	long := strings.Repeat("orders", 20)
	once := len(store.AppendFacts(nil, []operation.Fact{{Destination: long}}))
	require.Less(t, len(store.AppendFacts(nil, []operation.Fact{{Destination: long}, {Destination: "x"}, {Destination: long}, {Name: long}})), once+40)
}

func TestEncodingAllocatesNothing(t *testing.T) {
	facts := orderFacts()
	room := store.AppendFacts(nil, facts)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { room = store.AppendFacts(room[:0], facts) }), 0.5)
}

// A store is read by later versions: what a number stands for must never change. New ones may come at the end.
func TestNumbersOfTheEncodingArePinned(t *testing.T) {
	for i, name := range []string{
		"unknown", "send", "receive", "process", "settle", "task", "insert", "work", "started", "succeeded", "failed", "log", "exception",
		"operation_completed", "operation_failed", "operation_cancelled", "progress", "alias", "alive", "poll",
	} {
		require.Equal(t, name, operation.Kind(i).String())
	}
	for i, name := range []string{"", "complete", "retry", "final", "rejected", "dead_letter"} {
		require.Equal(t, name, operation.Disposition(i).String())
	}
	for i, name := range []string{"", "correlation_id", "trace", "link", "message_id", "parent"} {
		require.Equal(t, name, operation.Reason(i).String())
	}
	require.Equal(t, []operation.Outcome{0, 1, 2}, []operation.Outcome{operation.OutcomeUnset, operation.OutcomeOK, operation.OutcomeError})
}

// A database of the first version must stay readable whatever becomes of the encoding.
func TestFactsOfTheFirstVersionCanBeRead(t *testing.T) {
	const written = "010281c0800a01d00f011100000000000000000000000000000000066f726465727301076f726465722d31e2b585020a14110202031427010000000000000000"
	facts := []operation.Fact{
		{Kind: operation.KindSend, At: 1000, Outcome: operation.OutcomeOK, ID: "order-1", Destination: "orders", Trace: operation.TraceID{0x11}},
		{
			Kind: operation.KindFailed, At: 1010, End: 1020, Due: 990, Consumer: true, Destination: "orders", Delivery: 2, Severity: 17,
			Disposition: operation.DispositionRetry, Trace: operation.TraceID{0x11}, Span: operation.SpanID{1}, JoinedBy: operation.ReasonLink,
		},
	}
	data, err := hex.DecodeString(written)
	require.NoError(t, err)
	got, err := store.DecodeFacts(data)
	require.NoError(t, err)
	require.Equal(t, facts, got)
}

func TestWhatIsNotOfThisEncodingIsRefused(t *testing.T) {
	good := store.AppendFacts(nil, []operation.Fact{{Kind: operation.KindSend, At: 5, ID: "order-1", Trace: operation.TraceID{1}}})
	for n := range good {
		_, err := store.DecodeFacts(good[:n])
		require.ErrorIs(t, err, store.ErrCorrupt, "cut after %d bytes", n)
	}
	_, err := store.DecodeFacts(append(good, 0))
	require.ErrorIs(t, err, store.ErrCorrupt)
	_, err = store.DecodeFacts([]byte{store.FactsVersion + 1, 0, 0})
	require.ErrorIs(t, err, store.ErrNewer)
	require.ErrorContains(t, err, "version 2")
}

// A few bytes must not make room for billions of facts or texts.
func TestNumbersThatLieTakeNoMemory(t *testing.T) {
	for _, data := range []string{
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"\x01\x00\xff\xff\xff\xff\x0f",
		"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	} {
		_, err := store.DecodeFacts([]byte(data))
		require.ErrorIs(t, err, store.ErrCorrupt)
	}
}

func FuzzDecodeFacts(f *testing.F) {
	f.Add(store.AppendFacts(nil, nil))
	f.Add(store.AppendFacts(nil, orderFacts()))
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := store.DecodeFacts(data)
		if err != nil {
			require.Nil(t, facts)
			return
		}
		again, err := store.DecodeFacts(store.AppendFacts(nil, facts))
		require.NoError(t, err)
		require.Equal(t, facts, again)
	})
}

// orderFacts are those of an operation of three hops.
func orderFacts() []operation.Fact {
	var facts []operation.Fact
	at := int64(1_800_000_000_000_000_000)
	for hop, destination := range []string{"orders", "payments", "shipments"} {
		trace := operation.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, byte(hop)}
		send, process := operation.SpanID{1, 2, 3, 4, 5, 6, 7, byte(2 * hop)}, operation.SpanID{1, 2, 3, 4, 5, 6, 7, byte(2*hop + 1)}
		message := fmt.Sprintf("7b6f5d0c-1c7e-4f7f-9d3f-0f4a8c0d000%d", hop)
		facts = append(facts,
			operation.Fact{
				Kind: operation.KindSend, At: at, End: at + 2_000_000, Trace: trace, Span: send, ID: "order-4711", JoinedBy: operation.ReasonCorrelationID,
				Service: "checkout", Name: "publish " + destination, System: "rabbitmq", Destination: destination, MessageID: message,
			},
			operation.Fact{
				Kind: operation.KindProcess, At: at + 30_000_000, End: at + 90_000_000, Trace: trace, Span: process, Parent: send, Consumer: true, Remote: true,
				JoinedBy: operation.ReasonTrace, Service: "worker", Name: "process " + destination, System: "rabbitmq", Destination: destination, MessageID: message,
			})
		at += 100_000_000
	}
	return facts
}

func BenchmarkFacts(b *testing.B) {
	facts := orderFacts()
	data := store.AppendFacts(nil, facts)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var room []byte
		for b.Loop() {
			room = store.AppendFacts(room[:0], facts)
		}
		b.ReportMetric(float64(len(data)), "B/operation")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var room []operation.Fact
		for b.Loop() {
			var err error
			if room, err = store.DecodeFactsInto(room, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package engine

import (
	"encoding/binary"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// numbered returns a trace and a span that no other number has.
func numbered(n int) (t operation.TraceID, s operation.SpanID) {
	binary.BigEndian.PutUint64(t[:], uint64(n)+1)
	binary.BigEndian.PutUint64(s[:], uint64(n)+1)
	return t, s
}

// junk is a record with an ID that no other record has.
func junk(n int) operation.Fact {
	t, s := numbered(1_000_000_000 + n)
	return operation.Fact{Kind: operation.KindSend, Trace: t, Span: s, At: at(1), Service: "junk", Destination: "junk", ID: "junk-" + strconv.Itoa(n)}
}

// TestAFloodOfIDsDrivesOutNobodyElse lets a thousand operations go on, each with one record in so many, in the midst of a million
// IDs that come once, and one ID that never ends. There is room for a hundredth of them.
func TestAFloodOfIDsDrivesOutNobodyElse(t *testing.T) {
	const good, rounds, flood, room = 1000, 100, 10_000, 15_000
	e := newEngine(t, func(s *Settings) { s.MaxOperations, s.MaxFacts = room, 500 })
	facts := make([]operation.Fact, 1)
	var out []Assignment
	take := func(f operation.Fact) string {
		facts[0] = f
		out = e.Apply(start, facts, out[:0])
		return out[0].ID
	}
	for round := range rounds {
		for i := range flood {
			take(junk(round*flood + i))
			trace, span := numbered(2_000_000_000 + round*flood + i)
			if i%10 == 0 {
				take(operation.Fact{Kind: operation.KindLog, ID: "runaway", Trace: trace, Span: span, At: at(1), Service: "runaway"})
			}
		}
		for i := range good {
			trace, span := numbered(i*rounds + round)
			id := "good-" + strconv.Itoa(i)
			require.Equal(t, id, take(operation.Fact{Kind: operation.KindWork, ID: id, Trace: trace, Span: span, At: at(1), Service: "good"}))
		}
	}
	e.Sweep(start)
	for i := range good {
		require.Equal(t, rounds, get(t, e, "good-"+strconv.Itoa(i)).View.Facts)
	}
	s := get(t, e, "runaway")
	require.True(t, s.Runaway)
	require.Equal(t, 500, s.View.Facts)
	stats := e.Stats()
	require.Equal(t, room, stats.Operations)
	require.EqualValues(t, rounds*flood+good+1-room, stats.Drops["evicted_open"])
	require.EqualValues(t, rounds*flood/10-500, stats.Drops["runaway"])
	require.LessOrEqual(t, e.identity.index.live, 2*room+good*(rounds+1)+500, "what led to those that left is gone, too")
	requireSound(t, e)
}

// TestTheIdlestLeaves: of operations that are equally old, those to which nothing came leave.
func TestTheIdlestLeaves(t *testing.T) {
	const held = 160
	e := newEngine(t, func(s *Settings) { s.MaxOperations = held })
	send := func(n int, id string) {
		trace, span := numbered(n)
		apply(e, 1, operation.Fact{Kind: operation.KindSend, ID: id, Trace: trace, Span: span, At: at(1), Service: "api", Destination: "orders"})
	}
	for i := range held {
		send(i, strconv.Itoa(i))
	}
	active := func(i int) bool { return i/shardCount%2 == 0 }
	for i := range held {
		if active(i) {
			send(1000+i, strconv.Itoa(i))
		}
	}
	for i := range held / 2 {
		send(2000+i, "new-"+strconv.Itoa(i))
	}
	for i := range held {
		_, ok := e.Get("", strconv.Itoa(i))
		require.Equal(t, active(i), ok, i)
	}
	for i := range held / 2 {
		send(3000+i, "newer-"+strconv.Itoa(i))
	}
	require.Equal(t, held, e.Stats().Operations)
	for i := range held / 2 {
		_, ok := e.Get("", "newer-"+strconv.Itoa(i))
		require.True(t, ok, "the newest stay")
	}
	requireSound(t, e)
}

// TestWhenAllAreActiveTheOldestLeaves: however many go on, room is made.
func TestWhenAllAreActiveTheOldestLeaves(t *testing.T) {
	const held = shardCount * (maxSpared + 10)
	e := newEngine(t, func(s *Settings) { s.MaxOperations = held })
	for round := range 2 {
		for i := range held {
			trace, span := numbered(round*held + i)
			apply(e, 1, operation.Fact{Kind: operation.KindWork, ID: strconv.Itoa(i), Trace: trace, Span: span, At: at(1), Service: "api"})
		}
	}
	apply(e, 1, junk(1))
	require.Equal(t, held, e.Stats().Operations)
	require.EqualValues(t, 1, e.Stats().Drops["evicted_open"])
	requireSound(t, e)
}

// TestARunawayTraceClaimsNoMoreThanItMayHaveFacts: messages of a trace without end, none of which carries an ID, find no room.
func TestARunawayTraceClaimsNoMoreThanItMayHaveFacts(t *testing.T) {
	const limit, sent = 50, 1000
	for _, together := range []int{1, window} {
		e := newEngine(t, func(s *Settings) { s.MaxFacts = limit })
		facts := make([]operation.Fact, sent)
		for i := range facts {
			_, span := numbered(i)
			facts[i] = operation.Fact{Kind: operation.KindSend, Trace: trace(1), Span: span, At: at(1), Service: "api", Destination: "orders", MessageID: strconv.Itoa(i)}
		}
		facts[0].ID = "runaway"
		for some := range slices.Chunk(facts, together) {
			apply(e, 1, some...)
		}
		require.LessOrEqual(t, e.identity.index.live, limit+2)
		require.EqualValues(t, sent-limit, e.Stats().Drops["runaway"])
		requireSound(t, e)
	}
}

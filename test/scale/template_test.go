package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// shapes are all shapes, with the spans and the facts about messages in one operation of each.
var shapes = map[string]struct {
	shape           shape
	spans, messages int
}{
	"whole": {shapeWhole, 15, 6}, "head": {shapeHead, 4, 1}, "tail": {shapeTail, 11, 5}, "open": {shapeOpen, 12, 5}, "probe": {shapeProbe, 1, 1},
	"junk": {shapeJunk, 1, 1},
}

// TestRenderedOperationsAreDistinct reads what is rendered, and looks for the times and IDs that were asked for.
func TestRenderedOperationsAreDistinct(t *testing.T) {
	for name, c := range shapes {
		whole, err := newTemplate(c.shape, 3)
		require.NoError(t, err, name)
		rapid.Check(t, func(rt *rapid.T) {
			first := rapid.Uint64Range(0, 1<<40).Draw(rt, "first")
			at := time.Unix(0, rapid.Int64Range(1, 2e18).Draw(rt, "at")).UTC()
			td, err := unmarshal(whole.render(nil, first, at))
			require.NoError(rt, err)
			require.Equal(rt, 3*c.spans, td.SpanCount())
			spansOf := map[string]int{}
			spanIDs := map[string]bool{}
			ids := map[string]bool{}
			for s := range spansIn(td) {
				spansOf[s.TraceID().String()]++
				spanIDs[s.SpanID().String()] = true
				if id, ok := s.Attributes().Get("messaging.message.conversation_id"); ok {
					ids[id.Str()] = true
				}
				start := s.StartTimestamp().AsTime()
				require.False(rt, start.Before(at), "begins at %v, the operation at %v", start, at)
				require.Less(rt, s.EndTimestamp().AsTime().Sub(at), time.Second)
			}
			require.Len(rt, spansOf, 3)
			require.Len(rt, spanIDs, 3*c.spans)
			for i := range uint64(3) {
				require.True(rt, name == "tail" || ids[operationID(first+i)], "%s, operation %d", name, i)
			}
		})
	}
}

func spansIn(td ptrace.Traces) func(func(ptrace.Span) bool) {
	return func(yield func(ptrace.Span) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

func TestRenderingUsesTheRoomItIsGiven(t *testing.T) {
	whole, err := newTemplate(shapeWhole, perBatch)
	require.NoError(t, err)
	buffer := whole.render(nil, 0, time.Unix(1, 0))
	require.Zero(t, testing.AllocsPerRun(10, func() { buffer = whole.render(buffer, 7, time.Unix(2, 0)) }))
}

// TestTheShapesAreWhatTheySayTheyAre judges one operation of each.
func TestTheShapesAreWhatTheySayTheyAre(t *testing.T) {
	for name, c := range shapes {
		template, err := newTemplate(c.shape, 1)
		require.NoError(t, err)
		tracker, err := newTracker(10)
		require.NoError(t, err)
		s := &stream{tracker: tracker, now: time.Now()}
		require.NoError(t, s.batch(template, 1))
		messages := 0
		for i := range tracker.batch.Facts {
			if tracker.batch.Facts[i].Destination != "" {
				messages++
			}
		}
		require.Equal(t, c.messages, messages, name)
		require.Equal(t, c.spans, s.account.spans, name)
	}
}

func TestHeadAndTailAreOneOperation(t *testing.T) {
	tracker, err := newTracker(10)
	require.NoError(t, err)
	s := &stream{tracker: tracker, now: time.Now()}
	for _, part := range []shape{shapeHead, shapeTail} {
		template, err := newTemplate(part, 1)
		require.NoError(t, err)
		at := s.now
		require.NoError(t, s.batch(template, 1))
		s.now = at
	}
	s.now = s.now.Add(time.Hour)
	s.sweep()
	snapshot, ok := tracker.engine.Get("", operationID(1))
	require.True(t, ok)
	require.Len(t, snapshot.View.Hops, len(destinations))
	require.Equal(t, operation.StateCompleted, snapshot.Verdict.State)
	require.Equal(t, 1, tracker.engine.Stats().Operations)
}

package main

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCountSpans(t *testing.T) {
	for name, c := range shapes {
		template, err := newTemplate(c.shape, 7)
		require.NoError(t, err)
		data := template.render(nil, 1, time.Unix(1, 0))
		n, err := countSpans(data)
		require.NoError(t, err)
		require.Equal(t, 7*c.spans, n, name)
		_, err = countSpans(data[:len(data)-1])
		require.ErrorIs(t, err, errBroken)
	}
	n, err := countSpans(nil)
	require.NoError(t, err)
	require.Zero(t, n)
}

// FuzzCountSpans compares with what really decodes requests: whatever that accepts has as many spans.
func FuzzCountSpans(f *testing.F) {
	for _, c := range shapes {
		template, err := newTemplate(c.shape, 2)
		require.NoError(f, err)
		f.Add(template.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := countSpans(data)
		if td, broken := unmarshal(data); broken == nil && err == nil {
			require.Equal(t, td.SpanCount(), n)
		}
	})
}

// TestSendersReachTheSink lets them loose until some thousand spans have come.
func TestSendersReachTheSink(t *testing.T) {
	sink, err := newSink(t.Context())
	require.NoError(t, err)
	defer sink.stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var next atomic.Uint64
	wait, err := loadOf(t, &next).start(ctx, sink.address)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return sink.spans.Load() >= 3000 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, wait())
	require.Zero(t, sink.broken.Load())
	require.LessOrEqual(t, sink.spans.Load(), int64(next.Load()*spansPerOperation), "none was counted twice")
}

func TestASenderTellsThatNobodyListens(t *testing.T) {
	sink, err := newSink(t.Context())
	require.NoError(t, err)
	sink.stop()
	var next atomic.Uint64
	l := loadOf(t, &next)
	wait, err := l.start(t.Context(), sink.address)
	require.NoError(t, err)
	require.ErrorContains(t, wait(), "send: ")
	require.Zero(t, l.refused.Load())
	l.patience = 5 * again
	wait, err = l.start(t.Context(), sink.address)
	require.NoError(t, err)
	require.ErrorContains(t, wait(), "send: ", "not for ever")
	require.NotZero(t, l.refused.Load(), "it was sent again")
}

func loadOf(tb testing.TB, next *atomic.Uint64) *load {
	whole, err := newTemplate(shapeWhole, perBatch)
	require.NoError(tb, err)
	return &load{template: whole, senders: 4, next: next}
}

// TestALoadEnds sends a given number of operations, each once.
func TestALoadEnds(t *testing.T) {
	sink, err := newSink(t.Context())
	require.NoError(t, err)
	defer sink.stop()
	var next atomic.Uint64
	l := loadOf(t, &next)
	l.last = 3 * perBatch
	wait, err := l.start(t.Context(), sink.address)
	require.NoError(t, err)
	require.NoError(t, wait())
	require.Equal(t, 3*perBatch*spansPerOperation, int(sink.spans.Load()))
}

package engine

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// TestReadersSweepsAndWritersAtOnce is for the race detector: facts come, sweeps judge and readers read at the same time.
func TestReadersSweepsAndWritersAtOnce(t *testing.T) {
	e := newEngine(t, func(s *Settings) { s.MaxOperations, s.MaxWaiting = 40, 300 })
	var work sync.WaitGroup
	for w := range 3 {
		work.Go(func() {
			for n := range 300 {
				send, process := hop(n%60, n%60, "orders", []string{"trace", "link", "message"}[w], float64(n))
				if n%3 == w {
					send = withID(send, "op-"+string(rune('a'+n%60)))
				}
				apply(e, float64(n), process, send)
			}
		})
	}
	work.Go(func() {
		for n := range 200 {
			sweep(e, float64(n*3))
		}
	})
	work.Go(func() {
		for range 100 {
			for s := range e.Summaries() {
				e.Snapshot(s)
				e.Get("", s.ID)
			}
			e.Traces([]operation.TraceID{trace(1)}, nil)
			e.Stats()
		}
	})
	work.Wait()
	require.LessOrEqual(t, e.Stats().Operations, 40)
	requireSound(t, e)
}

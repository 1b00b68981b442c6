package operationsreceiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// The spans inside of an attempt are shown with it, as long as that is wanted, and kept until it is over.
func TestDetailOfSpans(t *testing.T) {
	for _, detail := range []Detail{DetailHops, DetailSpans} {
		t.Run(string(detail), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, h := extension(t)
				sink := &consumertest.TracesSink{}
				cfg := createDefaultConfig().(*Config)
				cfg.Traces.Detail, cfg.Traces.Snapshots = detail, false
				r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, sink)
				require.NoError(t, err)
				begin(t, r, h)
				store := o.Originals()
				require.True(t, store.Wanted())
				require.Equal(t, detail == DetailSpans, store.WantsSpans())
				if store.WantsSpans() {
					resource := store.Saw("worker", "", pcommon.NewMap(), time.Now().UnixNano())
					span := ptrace.NewSpan()
					span.SetTraceID(pcommon.TraceID{1})
					span.SetSpanID(pcommon.SpanID{9})
					span.SetParentSpanID(pcommon.SpanID{2})
					span.SetName("SELECT")
					at := time.Now().Add(2*time.Minute + time.Millisecond)
					span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
					span.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
					store.Keep(span, resource, time.Now().UnixNano())
					store.Claim(pcommon.TraceID{1}, time.Now().UnixNano())
				}
				deal(o)
				require.Len(t, sink.AllTraces(), 1)
				copies := 0
				for _, rs := range sink.AllTraces()[0].ResourceSpans().All() {
					for _, s := range rs.ScopeSpans().At(0).Spans().All() {
						if s.Name() == "SELECT" {
							copies++
						}
					}
				}
				if detail == DetailHops {
					require.Zero(t, copies)
					return
				}
				require.Equal(t, 1, copies)
				// It goes once nothing needs it any more.
				require.Equal(t, 1, store.Stats().Spans)
				store.Claim(pcommon.TraceID{7}, time.Now().Add(2*time.Minute).UnixNano())
				require.Zero(t, store.Stats().Spans)
				require.NoError(t, r.Shutdown(t.Context()))
				require.False(t, store.WantsSpans())
			})
		})
	}
}

package engine

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestUsage(t *testing.T) {
	settings := DefaultSettings()
	settings.MaxWaiting, settings.WaitFor = 100, 30*time.Second
	e, err := New(settings)
	require.NoError(t, err)
	require.Equal(t, Usage{MaxNames: maxSymbols}, e.Usage())

	at := time.Unix(1_000_000, 0)
	work := func(trace byte) operation.Fact {
		return operation.Fact{Kind: operation.KindWork, Service: "api", Trace: operation.TraceID{trace}, Span: operation.SpanID{trace}, At: at.UnixNano(), End: at.UnixNano()}
	}
	e.Apply(at, []operation.Fact{work(1)}, nil)
	e.Apply(at.Add(time.Second), []operation.Fact{work(2), work(3)}, nil)
	u := e.Usage()
	require.Equal(t, 3, u.Waiting)
	require.Equal(t, at.UnixNano(), u.OldestWaiting)
	require.Equal(t, int64(chunkSize)*int64(unsafe.Sizeof(waiter{})), u.WaitingBytes)

	named := work(1)
	named.Kind, named.ID, named.Destination, named.Span = operation.KindSend, "order-1", "orders", operation.SpanID{9}
	e.Apply(at.Add(2*time.Second), []operation.Fact{named}, nil)
	u = e.Usage()
	require.Equal(t, 2, u.Waiting)
	require.Equal(t, at.Add(time.Second).UnixNano(), u.OldestWaiting, "the oldest one found its operation")
	require.Positive(t, u.Leads)
	require.Positive(t, u.Names)

	e.Sweep(at.Add(time.Minute))
	u = e.Usage()
	require.Zero(t, u.Waiting)
	require.Zero(t, u.OldestWaiting)
}

package operation

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestPartition(t *testing.T) {
	for _, text := range []string{"0", "1", "65534"} {
		require.Equal(t, text, ParsePartition(text).String())
	}
	for _, text := range []string{"", "-1", "65535", "70000", "a", "1.5"} {
		require.Equal(t, Partition(0), ParsePartition(text), text)
	}
	require.Empty(t, Partition(0).String())
}

// TestPartitionTakesNoRoom pins that the partition lies in what was padding: there are millions of facts in flight.
func TestPartitionTakesNoRoom(t *testing.T) {
	require.Equal(t, uintptr(16), unsafe.Offsetof(Fact{}.At))
}

func TestPartitionOfAHop(t *testing.T) {
	send := Fact{Kind: KindSend, At: 1, Trace: TraceID{1}, Span: SpanID{1}, Destination: "orders", ID: "o"}
	process := Fact{
		Kind: KindProcess, Consumer: true, At: 2, End: 3, Trace: TraceID{2}, Span: SpanID{2}, LinkTrace: send.Trace, LinkSpan: send.Span,
		Destination: "orders", Partition: ParsePartition("7"),
	}
	o := New(testSymbols)
	o.Add(&process)
	o.Add(&send)
	require.Equal(t, process.Partition, o.Facts()[1].Partition)
	hops := o.View(NoHabits{}).Hops
	require.Len(t, hops, 1)
	require.Equal(t, "7", hops[0].Partition.String())
}

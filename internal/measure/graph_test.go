package measure

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func graphLines(m *Meter) []string {
	g := m.NewGauges()
	return slices.DeleteFunc(lines(m.Collect(at(30), g)), func(line string) bool { return !strings.HasPrefix(line, "traces_service_graph_") })
}

func withGraph(s *Settings) { s.ServiceGraph = true }

// from lets a service send the hop's message in 0.25 s.
func from(service string, h operation.Hop) operation.Hop {
	h.Sends[0].Service = service
	h.Sends[0].EndedAt = h.Sends[0].StartedAt + 250_000_000
	return h
}

func TestGraphOfWhatWasConsumed(t *testing.T) {
	m := meterWith(t, withGraph)
	v := retried()
	v.Hops[0] = from("api", v.Hops[0])
	m.Observe(first(v, operation.StateCompleted, 0))
	edge := "{client=api,connection_type=messaging_system,destination=orders,server=worker}"
	require.Equal(t, []string{
		"traces_service_graph_request_total" + edge + " total=2",
		"traces_service_graph_request_failed_total" + edge + " total=1",
		"traces_service_graph_request_server_seconds" + edge + " count=2 sum=4",
		"traces_service_graph_request_client_seconds" + edge + " count=1 sum=0.25",
		"traces_service_graph_request_messaging_system_seconds" + edge + " count=1 sum=2",
	}, graphLines(m))
}

func TestGraphIsOffUnlessAskedFor(t *testing.T) {
	m := newMeter(t, DefaultMaxSeries)
	m.Observe(first(retried(), operation.StateCompleted, 0))
	require.Empty(t, graphLines(m))
}

func TestGraphOfWhatNobodyConsumed(t *testing.T) {
	m := meterWith(t, withGraph)
	lost := from("api", hop(1, operation.HopWaiting))
	refused := from("api", hop(1, operation.HopFailed))
	refused.Sends[0].Error = &operation.Error{Message: "queue is full"}
	m.Observe(first(view("a", lost, refused), operation.StateFailed, 0))
	edge := "{client=api,connection_type=virtual_node,destination=orders,server=orders}"
	require.Equal(t, []string{
		"traces_service_graph_request_total" + edge + " total=2",
		"traces_service_graph_request_failed_total" + edge + " total=1",
		"traces_service_graph_request_client_seconds" + edge + " count=2 sum=0.5",
		"traces_service_graph_unpaired_spans_total{client=api} total=2",
	}, graphLines(m))
}

func TestGraphOfAnUnknownSender(t *testing.T) {
	m := meterWith(t, withGraph)
	sender := hop(1, operation.HopDone, consumer("billing", operation.HopDone, -1, attempt(1, 2, 0)))
	sender.Sends, sender.Consumers[0].WaitedNanos = nil, -1
	called := sender
	called.Consumers = slices.Clone(sender.Consumers)
	called.Consumers[0].Attempts = slices.Clone(sender.Consumers[0].Attempts)
	called.Consumers[0].Attempts[0].Parent = operation.SpanID{9}
	m.Observe(first(view("a", sender, called), operation.StateCompleted, 0))
	edge := "{client=user,connection_type=virtual_node,destination=orders,server=worker}"
	require.Equal(t, []string{
		"traces_service_graph_request_total" + edge + " total=1",
		"traces_service_graph_request_failed_total" + edge + " total=0",
		"traces_service_graph_request_server_seconds" + edge + " count=1 sum=1",
		"traces_service_graph_unpaired_spans_total{server=worker} total=2",
	}, graphLines(m))
}

func TestGraphOfAPresumedConsumer(t *testing.T) {
	m := meterWith(t, withGraph)
	h := from("api", hop(1, operation.HopWaiting))
	h.PresumeConsumed(sec(9))
	m.Observe(first(view("a", h), operation.StateCompleted, 0))
	require.Equal(t, []string{"traces_service_graph_unpaired_spans_total{client=api} total=1"}, graphLines(m))
}

func TestGraphTellsWhatWasDropped(t *testing.T) {
	m := meterWith(t, withGraph)
	for _, total := range []uint64{3, 3, 8} {
		g := m.NewGauges()
		g.AddDropped(total)
		require.Contains(t, lines(m.Collect(at(30), g)), "traces_service_graph_dropped_spans_total{} total="+map[uint64]string{3: "3", 8: "8"}[total])
	}
}

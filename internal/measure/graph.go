package measure

import (
	"cmp"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// graph holds the metrics from which Grafana draws service graphs, by the names and labels that Tempo's metrics generator gives
// them. A service that sends is a client, one that consumes a server, and the request between them is an attempt at a message. A
// consumed message whose sender is unknown comes from "user" if nothing called its consumer either, one that nobody consumed goes to its
// destination, both as virtual nodes.
type graph struct {
	requests, failed, unpaired, dropped counter
	server, client, queued              distribution
	// droppedBefore is how many facts were dropped by the last collection.
	droppedBefore uint64
}

// The values of connection_type.
const (
	connectionMessaging = "messaging_system"
	connectionVirtual   = "virtual_node"
)

// virtualUser is who calls a service that nothing is known to have called.
const virtualUser = "user"

func (m *Meter) newGraph() graph {
	return graph{
		requests: m.counter(&graphRequests), failed: m.counter(&graphFailed), unpaired: m.counter(&graphUnpaired), dropped: m.counter(&graphDropped),
		server: m.distribution(&graphServer), client: m.distribution(&graphClient), queued: m.distribution(&graphQueued),
	}
}

func (g *graph) all() []counting {
	return []counting{&g.requests, &g.failed, &g.server, &g.client, &g.queued, &g.unpaired, &g.dropped}
}

// drop takes in how many facts were dropped so far.
func (g *graph) drop(total uint64, now int64) {
	if g.dropped.instrument != nil && total > g.droppedBefore {
		g.dropped.add(key{}, total-g.droppedBefore, now)
		g.droppedBefore = total
	}
}

// observe counts the ways of one operation's messages.
func (g *graph) observe(v *operation.View, now int64, trace operation.TraceID) {
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Consumers {
			g.consumed(h, &h.Consumers[k], now, trace)
		}
		if len(h.Consumers) == 0 && len(h.Sends) > 0 {
			g.unconsumed(h, now, trace)
		}
	}
}

// consumed counts what one group did with a message.
func (g *graph) consumed(h *operation.Hop, c *operation.Consumer, now int64, trace operation.TraceID) {
	if len(c.Attempts) == 0 {
		return
	}
	client, server, connection := "", cmp.Or(c.Service, c.Attempts[0].Service), connectionMessaging
	if len(h.Sends) > 0 {
		client = h.Sends[0].Service
	}
	if client == "" || server == "" {
		g.unpaired.add(makeKey(client, server), 1, now)
	}
	if first := &c.Attempts[0]; client == "" && first.Parent == (operation.SpanID{}) && !first.Inferred {
		client, connection = virtualUser, connectionVirtual
	}
	if client == "" || server == "" {
		return
	}
	edge := makeKey(client, server, connection, stitch.Destination(h.Destination))
	g.failed.begin(edge, now)
	for n := range c.Attempts {
		a := &c.Attempts[n]
		g.requests.add(edge, 1, now)
		if attemptOutcome(a) == outcomeError {
			g.failed.add(edge, 1, now)
		}
		if nanos, ok := took(a); ok {
			g.server.observe(edge, nanos, now, trace)
		}
	}
	g.sent(edge, h, now, trace)
	if c.WaitedNanos >= 0 {
		g.queued.observe(edge, c.WaitedNanos, now, trace)
	}
}

// unconsumed counts a message that nobody is known to have consumed.
func (g *graph) unconsumed(h *operation.Hop, now int64, trace operation.TraceID) {
	client, destination := h.Sends[0].Service, stitch.Destination(h.Destination)
	g.unpaired.add(makeKey(client), 1, now)
	if client == "" || destination == "" {
		return
	}
	edge := makeKey(client, destination, connectionVirtual, destination)
	g.requests.add(edge, 1, now)
	g.failed.begin(edge, now)
	if h.Sends[0].Error != nil {
		g.failed.add(edge, 1, now)
	}
	g.sent(edge, h, now, trace)
}

// sent counts how long sending took.
func (g *graph) sent(edge key, h *operation.Hop, now int64, trace operation.TraceID) {
	if len(h.Sends) == 0 {
		return
	}
	if s := &h.Sends[0]; s.StartedAt > 0 && s.EndedAt > 0 {
		g.client.observe(edge, s.EndedAt-s.StartedAt, now, trace)
	}
}

package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// Relay is a load balancer in front of collectors: an OTLP/gRPC server that gives each request to the next of them, or to the
// one after if that is away. What none takes it refuses, and the client has to send it again. It is safe for concurrent use.
type Relay struct {
	*server

	collectors []collector
	next       atomic.Uint64

	mu sync.Mutex
	// spans are those that were acknowledged, acks what the latest acknowledgements were for, and late by how much later than it happened
	// something of a trace was acknowledged.
	spans map[pcommon.SpanID]struct{}
	acks  []ack
	late  map[pcommon.TraceID]time.Duration
	// refused counts requests that were given back.
	refused int
}

type collector struct {
	conn   *grpc.ClientConn
	traces ptraceotlp.GRPCClient
	logs   plogotlp.GRPCClient
}

// ack is a trace of which something was acknowledged.
type ack struct {
	at    time.Time
	trace pcommon.TraceID
}

// remembered is how long acknowledgements are kept.
const remembered = 10 * time.Second

// StartRelay starts one on a free port, in front of the collectors at these addresses (host:port). Stop ends it.
func StartRelay(addresses ...string) (*Relay, error) {
	r := &Relay{spans: map[pcommon.SpanID]struct{}{}, late: map[pcommon.TraceID]time.Duration{}}
	for _, address := range addresses {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
				MinConnectTimeout: 5 * time.Second,
			}))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("relay to %s: %w", address, err), r.closeAll())
		}
		r.collectors = append(r.collectors, collector{conn, ptraceotlp.NewGRPCClient(conn), plogotlp.NewGRPCClient(conn)})
	}
	var err error
	if r.server, err = serve(&relayTraces{relay: r}, &relayLogs{relay: r}); err != nil {
		return nil, errors.Join(err, r.closeAll())
	}
	return r, nil
}

// Stop ends the relay.
func (r *Relay) Stop() error {
	r.server.Stop()
	return r.closeAll()
}

func (r *Relay) closeAll() error {
	var errs []error
	for _, c := range r.collectors {
		errs = append(errs, c.conn.Close())
	}
	return errors.Join(errs...)
}

// Spans returns the spans that collectors have acknowledged. The relay must be idle.
func (r *Relay) Spans() map[pcommon.SpanID]struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans
}

// Refused is how many requests were given back to the client, to be sent again.
func (r *Relay) Refused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// AcknowledgedSince adds to traces those of which something was acknowledged at that time or later, within the last seconds.
func (r *Relay) AcknowledgedSince(at time.Time, traces map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.acks {
		if !a.at.Before(at) {
			traces[a.trace.String()] = true
		}
	}
}

// send gives a request to a collector.
func (r *Relay) send(export func(c *collector) error) error {
	var err error
	begin := r.next.Add(1)
	for i := range uint64(len(r.collectors)) {
		if err = export(&r.collectors[(begin+i)%uint64(len(r.collectors))]); err == nil {
			return nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused++
	return err
}

// Late adds to traces those of which something was acknowledged more than that after it had happened.
func (r *Relay) Late(than time.Duration, traces map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, by := range r.late {
		if by > than {
			traces[id.String()] = true
		}
	}
}

// acknowledged notes what a collector took: spans, and traces with the earliest time at which something of each was over.
func (r *Relay) acknowledged(spans []pcommon.SpanID, traces map[pcommon.TraceID]time.Time) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range spans {
		r.spans[id] = struct{}{}
	}
	for id, over := range traces {
		r.acks = append(r.acks, ack{now, id})
		r.late[id] = max(r.late[id], now.Sub(over))
	}
	old := 0
	for old < len(r.acks) && now.Sub(r.acks[old].at) > remembered {
		old++
	}
	r.acks = r.acks[old:]
}

type relayTraces struct {
	ptraceotlp.UnimplementedGRPCServer
	relay *Relay
}

// Export implements ptraceotlp.GRPCServer.
func (t *relayTraces) Export(ctx context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	response := ptraceotlp.NewExportResponse()
	err := t.relay.send(func(c *collector) (err error) {
		response, err = c.traces.Export(ctx, request)
		return err
	})
	if err != nil {
		return response, err
	}
	var spans []pcommon.SpanID
	traces := map[pcommon.TraceID]time.Time{}
	for _, resource := range request.Traces().ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				spans = append(spans, span.SpanID())
				earliest(traces, span.TraceID(), span.EndTimestamp().AsTime())
			}
		}
	}
	t.relay.acknowledged(spans, traces)
	return response, nil
}

type relayLogs struct {
	plogotlp.UnimplementedGRPCServer
	relay *Relay
}

// Export implements plogotlp.GRPCServer.
func (l *relayLogs) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	response := plogotlp.NewExportResponse()
	err := l.relay.send(func(c *collector) (err error) {
		response, err = c.logs.Export(ctx, request)
		return err
	})
	if err != nil {
		return response, err
	}
	traces := map[pcommon.TraceID]time.Time{}
	for _, resource := range request.Logs().ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				earliest(traces, record.TraceID(), record.Timestamp().AsTime())
			}
		}
	}
	l.relay.acknowledged(nil, traces)
	return response, nil
}

func earliest(traces map[pcommon.TraceID]time.Time, id pcommon.TraceID, at time.Time) {
	if before, ok := traces[id]; !ok || at.Before(before) {
		traces[id] = at
	}
}

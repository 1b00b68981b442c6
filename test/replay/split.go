package replay

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Split returns a request for each span and each log record, as if nobody had batched them: whatever arrived together then
// arrives apart, and everything else may come between. They keep the order and the times of arrival.
func Split(requests []Request) ([]Request, error) {
	var all []Request
	for i := range requests {
		r := &requests[i]
		var bodies [][]byte
		var err error
		switch r.Signal {
		case SignalTraces:
			bodies, err = splitTraces(r.Body)
		case SignalLogs:
			bodies, err = splitLogs(r.Body)
		}
		if err != nil {
			return nil, fmt.Errorf("request %d, %s: %w", i+1, r.Signal, err)
		}
		for _, body := range bodies {
			all = append(all, Request{Signal: r.Signal, At: r.At, Body: body})
		}
	}
	return all, nil
}

func splitTraces(body []byte) (bodies [][]byte, err error) {
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		return nil, err
	}
	marshaler := ptrace.JSONMarshaler{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				alone := ptrace.NewTraces()
				resource := alone.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(resource.Resource())
				resource.SetSchemaUrl(rs.SchemaUrl())
				scope := resource.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(scope.Scope())
				scope.SetSchemaUrl(ss.SchemaUrl())
				span.CopyTo(scope.Spans().AppendEmpty())
				text, err := marshaler.MarshalTraces(alone)
				if err != nil {
					return nil, err
				}
				bodies = append(bodies, text)
			}
		}
	}
	return bodies, nil
}

func splitLogs(body []byte) (bodies [][]byte, err error) {
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(body)
	if err != nil {
		return nil, err
	}
	marshaler := plog.JSONMarshaler{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				alone := plog.NewLogs()
				resource := alone.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(resource.Resource())
				resource.SetSchemaUrl(rl.SchemaUrl())
				scope := resource.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(scope.Scope())
				scope.SetSchemaUrl(sl.SchemaUrl())
				record.CopyTo(scope.LogRecords().AppendEmpty())
				text, err := marshaler.MarshalLogs(alone)
				if err != nil {
					return nil, err
				}
				bodies = append(bodies, text)
			}
		}
	}
	return bodies, nil
}

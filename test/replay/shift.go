package replay

import (
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Shift returns the requests with all their times, and the times within, moved by the same distance: a recording that is
// moved to now and sent at a speed of 1 is to a collector what the applications were.
func Shift(requests []Request, by time.Duration) ([]Request, error) {
	moved := slices.Clone(requests)
	for i := range moved {
		r := &moved[i]
		r.At = r.At.Add(by)
		var err error
		switch r.Signal {
		case SignalTraces:
			r.Body, err = shiftTraces(r.Body, by)
		case SignalLogs:
			r.Body, err = shiftLogs(r.Body, by)
		}
		if err != nil {
			return nil, fmt.Errorf("request %d, %s: %w", i+1, r.Signal, err)
		}
	}
	return moved, nil
}

func shiftTraces(body []byte, by time.Duration) ([]byte, error) {
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		return nil, err
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				span.SetStartTimestamp(shifted(span.StartTimestamp(), by))
				span.SetEndTimestamp(shifted(span.EndTimestamp(), by))
				shiftAttributes(span.Attributes(), by)
				for _, event := range span.Events().All() {
					event.SetTimestamp(shifted(event.Timestamp(), by))
					shiftAttributes(event.Attributes(), by)
				}
			}
		}
	}
	return (&ptrace.JSONMarshaler{}).MarshalTraces(td)
}

func shiftLogs(body []byte, by time.Duration) ([]byte, error) {
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(body)
	if err != nil {
		return nil, err
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				record.SetTimestamp(shifted(record.Timestamp(), by))
				record.SetObservedTimestamp(shifted(record.ObservedTimestamp(), by))
				shiftAttributes(record.Attributes(), by)
			}
		}
	}
	return (&plog.JSONMarshaler{}).MarshalLogs(ld)
}

// shiftAttributes moves the times that are written out in attributes: when a task is due, most often.
func shiftAttributes(attributes pcommon.Map, by time.Duration) {
	for _, value := range attributes.All() {
		if value.Type() != pcommon.ValueTypeStr {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, value.Str()); err == nil {
			value.SetStr(at.Add(by).Format(time.RFC3339Nano))
		}
	}
}

// shifted leaves a time that is not known unknown.
func shifted(t pcommon.Timestamp, by time.Duration) pcommon.Timestamp {
	if t == 0 {
		return 0
	}
	return pcommon.NewTimestampFromTime(t.AsTime().Add(by))
}

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/throughline/throughline/test/verdict"
)

// jaegerTrace is a trace as Jaeger's API shows it, version 1.
type jaegerTrace struct {
	TraceID   string                   `json:"traceID"`
	Spans     []jaegerSpan             `json:"spans"`
	Processes map[string]jaegerProcess `json:"processes"`
	Warnings  []string                 `json:"warnings"`
}

// jaegerSpan has its times in microseconds.
type jaegerSpan struct {
	TraceID       string            `json:"traceID"`
	SpanID        string            `json:"spanID"`
	OperationName string            `json:"operationName"`
	References    []jaegerReference `json:"references"`
	StartTime     int64             `json:"startTime"`
	Duration      int64             `json:"duration"`
	Tags          []jaegerTag       `json:"tags"`
	ProcessID     string            `json:"processID"`
	Logs          []jaegerLog       `json:"logs"`
	Warnings      []string          `json:"warnings"`
}

type jaegerProcess struct {
	ServiceName string      `json:"serviceName"`
	Tags        []jaegerTag `json:"tags"`
}

type jaegerLog struct {
	Timestamp int64       `json:"timestamp"`
	Fields    []jaegerTag `json:"fields"`
}

type jaegerReference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

type jaegerTag struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

const (
	childOf     = "CHILD_OF"
	followsFrom = "FOLLOWS_FROM"
)

// tag is the value of a tag as text, "" without it.
func (s *jaegerSpan) tag(key string) string {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return fmt.Sprint(tag.Value)
		}
	}
	return ""
}

// parent is the span ID of the parent, "" for a root.
func (s *jaegerSpan) parent() string {
	for _, r := range s.References {
		if r.RefType == childOf && r.TraceID == s.TraceID {
			return r.SpanID
		}
	}
	return ""
}

func (s *jaegerSpan) linksTo(original truthSpan) bool {
	for _, r := range s.References {
		if r.RefType == followsFrom && r.TraceID == original.TraceID && r.SpanID == original.SpanID {
			return true
		}
	}
	return false
}

func (s *jaegerSpan) end() int64 { return s.StartTime + s.Duration }

func (t *jaegerTrace) service(s *jaegerSpan) string { return t.Processes[s.ProcessID].ServiceName }

// roots are the spans without a parent.
func (t *jaegerTrace) roots() []*jaegerSpan {
	var roots []*jaegerSpan
	for i := range t.Spans {
		if t.Spans[i].parent() == "" {
			roots = append(roots, &t.Spans[i])
		}
	}
	return roots
}

// snapshot reports whether the trace shows an operation that was stuck.
func (t *jaegerTrace) snapshot() bool {
	for _, root := range t.roots() {
		if root.tag("async.operation.snapshot") == "true" {
			return true
		}
	}
	return false
}

type jaegerAnswer struct {
	Data []jaegerTrace `json:"data"`
}

// jaegerTrace gets one trace.
func (s *stand) jaegerTrace(t *testing.T, id string) (*jaegerTrace, error) {
	t.Helper()
	return getJaegerTrace(t, s.jaeger.URL, id)
}

// getJaegerTrace gets one trace from the Jaeger with that base URL.
func getJaegerTrace(t *testing.T, base, id string) (*jaegerTrace, error) {
	t.Helper()
	var answer jaegerAnswer
	if err := verdict.GetJSON(t.Context(), base+"/api/traces/"+id, &answer); err != nil {
		return nil, err
	}
	if len(answer.Data) != 1 {
		return nil, fmt.Errorf("%d traces with the ID %s", len(answer.Data), id)
	}
	return &answer.Data[0], nil
}

// jaegerSearch finds the traces in which a span of the service has all the tags.
func (s *stand) jaegerSearch(t *testing.T, service string, tags map[string]string) ([]jaegerTrace, error) {
	t.Helper()
	return searchJaeger(t, s.jaeger.URL, service, tags)
}

// searchJaeger does so in the Jaeger with that base URL.
func searchJaeger(t *testing.T, base, service string, tags map[string]string) ([]jaegerTrace, error) {
	t.Helper()
	return searchJaegerAt(t, base, service, tags, time.Now())
}

// searchJaegerAt does so for what happened within an hour of that time.
func searchJaegerAt(t *testing.T, base, service string, tags map[string]string, at time.Time) ([]jaegerTrace, error) {
	t.Helper()
	text, err := json.Marshal(tags)
	if err != nil {
		return nil, err
	}
	query := url.Values{
		"service": {service}, "tags": {string(text)}, "limit": {"10000"},
		"start": {strconv.FormatInt(at.Add(-time.Hour).UnixMicro(), 10)},
		"end":   {strconv.FormatInt(at.Add(time.Hour).UnixMicro(), 10)},
	}
	var answer jaegerAnswer
	if err := verdict.GetJSON(t.Context(), base+"/api/traces?"+query.Encode(), &answer); err != nil {
		return nil, err
	}
	return answer.Data, nil
}

// derivedTraces finds what was derived from an operation, the final traces and the snapshots.
func (s *stand) derivedTraces(t *testing.T, op *truth) (final, snapshots []jaegerTrace, err error) {
	t.Helper()
	// Only derived traces have time in a queue, and every operation has been in its first one.
	all, err := s.jaegerSearch(t, "queue:"+op.Hops[0].Destination, map[string]string{"async.operation.id": op.ID})
	for i := range all {
		if all[i].snapshot() {
			snapshots = append(snapshots, all[i])
		} else {
			final = append(final, all[i])
		}
	}
	return final, snapshots, err
}

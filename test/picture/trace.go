package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/throughline/throughline/test/verdict"
)

// trace is a derived trace, its spans in the order in which they are drawn.
type trace struct {
	id   string
	rows []row
	// cut is how many spans there is no room for.
	cut int
}

// row is one span on a line of its own.
type row struct {
	depth         int
	name, service string
	// start and end are in microseconds since the root began.
	start, end float64
	tags       map[string]string
	// marks are the span's events.
	marks []mark
	// links are the IDs of the traces that it links to.
	links []string
}

type mark struct {
	at        float64
	exception bool
}

// answer is what Jaeger's API returns, version 1.
type answer struct {
	Data []struct {
		TraceID   string `json:"traceID"`
		Spans     []span `json:"spans"`
		Processes map[string]struct {
			ServiceName string `json:"serviceName"`
		} `json:"processes"`
	} `json:"data"`
}

type span struct {
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	References    []struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	StartTime float64 `json:"startTime"`
	Duration  float64 `json:"duration"`
	Tags      []tag   `json:"tags"`
	Logs      []struct {
		Timestamp float64 `json:"timestamp"`
		Fields    []tag   `json:"fields"`
	} `json:"logs"`
	ProcessID string `json:"processID"`
}

type tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

const (
	// maxRows bounds the spans that are drawn, maxDepth how far they are set in.
	maxRows  = 80
	maxDepth = 12
)

// get asks Jaeger for a trace.
func get(ctx context.Context, base, id string) (*trace, error) {
	var a answer
	if err := verdict.GetJSON(ctx, strings.TrimSuffix(base, "/")+"/api/traces/"+url.PathEscape(id), &a); err != nil {
		return nil, err
	}
	return a.trace()
}

var errNoTrace = errors.New("there is no trace with exactly one root")

// trace brings the spans into order: every span below its parent, in order of time.
func (a *answer) trace() (*trace, error) {
	if len(a.Data) != 1 {
		return nil, fmt.Errorf("%w: %d traces", errNoTrace, len(a.Data))
	}
	data := &a.Data[0]
	children := map[string][]*span{}
	known := map[string]bool{}
	for i := range data.Spans {
		known[data.Spans[i].SpanID] = true
	}
	for i := range data.Spans {
		s := &data.Spans[i]
		parent := s.parent(data.TraceID)
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	if len(children[""]) != 1 {
		return nil, fmt.Errorf("%w: %d roots", errNoTrace, len(children[""]))
	}
	t := &trace{id: data.TraceID}
	origin := children[""][0].StartTime
	var add func(parent string, depth int)
	add = func(parent string, depth int) {
		below := children[parent]
		// What lies in itself, which only a broken trace has, is drawn once.
		delete(children, parent)
		slices.SortStableFunc(below, func(x, y *span) int {
			return cmp.Or(cmp.Compare(x.StartTime, y.StartTime), cmp.Compare(x.Duration, y.Duration))
		})
		for _, s := range below {
			if len(t.rows) >= maxRows {
				t.cut++
			} else {
				t.rows = append(t.rows, s.row(origin, depth, data.Processes[s.ProcessID].ServiceName, data.TraceID))
			}
			add(s.SpanID, min(depth+1, maxDepth))
		}
	}
	add("", 0)
	return t, nil
}

func (s *span) parent(trace string) string {
	for _, r := range s.References {
		if r.RefType == "CHILD_OF" && r.TraceID == trace {
			return r.SpanID
		}
	}
	return ""
}

func (s *span) row(origin float64, depth int, service, trace string) row {
	r := row{
		depth: depth, name: s.OperationName, service: service, tags: values(s.Tags),
		start: s.StartTime - origin, end: s.StartTime - origin + max(0, s.Duration),
	}
	for _, l := range s.Logs {
		r.marks = append(r.marks, mark{at: l.Timestamp - origin, exception: values(l.Fields)["event"] == "exception"})
	}
	for _, ref := range s.References {
		if ref.TraceID != trace && !slices.Contains(r.links, ref.TraceID) {
			r.links = append(r.links, ref.TraceID)
		}
	}
	return r
}

func values(tags []tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = fmt.Sprint(t.Value)
	}
	return m
}

// queued reports whether the span is time in a queue.
func (r *row) queued() bool { return strings.HasPrefix(r.service, "queue:") }

func (r *row) failed() bool { return r.tags["error"] == "true" }

// open reports whether the end of the span is not known.
func (r *row) open() bool {
	return r.tags["async.queue.waiting"] == "true" || r.tags["async.attempt.unfinished"] == "true" || r.tags["async.operation.awaited"] != ""
}

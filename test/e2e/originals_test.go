//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	// ownAttributes begins the names of the attributes that may be added to a span.
	ownAttributes = "async.operation."
	// jaegerWarnings is what Jaeger itself adds where a parent is missing: the span of a process that died never came.
	jaegerWarnings = "@jaeger@warnings"
)

// original is one span of a service with what its resource and scope say.
type original struct {
	service, scope string
	span           ptrace.Span
}

// index adds the spans of the wanted traces, by their IDs.
func index(into map[pcommon.SpanID]original, td ptrace.Traces, wanted map[string]bool) {
	for _, rs := range td.ResourceSpans().All() {
		service, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if wanted[span.TraceID().String()] {
					into[span.SpanID()] = original{service.AsString(), ss.Scope().Name(), span}
				}
			}
		}
	}
}

// checkOriginals compares what services sent with what Jaeger has: the same spans, with nothing but attributes added.
func (s *stand) checkOriginals(t *testing.T, rawPath string, truths []truth) {
	t.Helper()
	wanted := map[string]bool{}
	for i := range truths {
		for _, h := range truths[i].Hops {
			wanted[h.Producer.TraceID] = true
			for _, c := range h.Consumers {
				wanted[c.TraceID] = true
			}
		}
	}
	sent := map[pcommon.SpanID]original{}
	await(t, traceTimeout, "what the services sent", func() error {
		readRaw(t, rawPath, sent, wanted)
		return missing(sent, truths)
	})
	kept := map[pcommon.SpanID]original{}
	traces := map[pcommon.TraceID]bool{}
	for _, o := range sent {
		// The only span of a trace may be one that was lost with its process.
		traces[o.span.TraceID()] = true
	}
	for id := range traces {
		s.jaegerOTLP(t, id.String(), kept, wanted)
	}
	ids := slices.Collect(maps.Keys(sent))
	require.ElementsMatch(t, ids, slices.Collect(maps.Keys(kept)), "spans in Jaeger and spans sent")
	stamped := 0
	for _, id := range ids {
		before, after := sent[id], kept[id]
		require.Empty(t, changed(before, after), "span %q of %s", before.span.Name(), before.service)
		if _, ok := after.span.Attributes().Get("async.operation.id"); ok {
			stamped++
		}
	}
	require.NotZero(t, stamped)
	t.Logf("%d original spans of %d operations are unchanged; %d of them carry their operation's ID", len(ids), len(truths), stamped)
}

// missing names the first span of the truth that is not among those.
func missing(spans map[pcommon.SpanID]original, truths []truth) error {
	known := map[string]bool{}
	for id := range spans {
		known[id.String()] = true
	}
	for i := range truths {
		for _, h := range truths[i].Hops {
			if !known[h.Producer.SpanID] {
				return fmt.Errorf("the producer span %s of %s", h.Producer.SpanID, truths[i].ID)
			}
			for _, c := range h.Consumers {
				if c.State != stateProcessing && !known[c.SpanID] {
					return fmt.Errorf("the consumer span %s of %s", c.SpanID, truths[i].ID)
				}
			}
		}
	}
	return nil
}

// readRaw reads the file exporter's lines. A last line that is not written to its end is left for the next time.
func readRaw(t *testing.T, path string, into map[pcommon.SpanID]original, wanted map[string]bool) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		require.NoError(t, err)
		index(into, td, wanted)
	}
}

// jaegerOTLP gets one trace in OTLP, which Jaeger's API of version 3 speaks.
func (s *stand) jaegerOTLP(t *testing.T, id string, into map[pcommon.SpanID]original, wanted map[string]bool) {
	t.Helper()
	td, err := getOTLP(t, s.jaeger.URL+"/api/v3/traces/"+id)
	require.NoError(t, err)
	index(into, td, wanted)
}

// changed says what differs, leaving aside attributes that were added under our own prefix.
func changed(before, after original) []string {
	var wrong []string
	for what, pair := range map[string][2]any{
		"service": {before.service, after.service}, "scope": {before.scope, after.scope},
		"trace": {before.span.TraceID(), after.span.TraceID()}, "name": {before.span.Name(), after.span.Name()},
		"parent": {before.span.ParentSpanID(), after.span.ParentSpanID()}, "kind": {before.span.Kind(), after.span.Kind()},
		"start": {before.span.StartTimestamp(), after.span.StartTimestamp()}, "end": {before.span.EndTimestamp(), after.span.EndTimestamp()},
		"status": {before.span.Status().Code(), after.span.Status().Code()}, "message": {before.span.Status().Message(), after.span.Status().Message()},
		"flags": {before.span.Flags(), after.span.Flags()},
		"links": {linksText(before.span), linksText(after.span)}, "events": {eventsText(before.span), eventsText(after.span)},
	} {
		if pair[0] != pair[1] {
			wrong = append(wrong, fmt.Sprintf("%s: %v, was %v", what, pair[1], pair[0]))
		}
	}
	was, is := before.span.Attributes().AsRaw(), after.span.Attributes().AsRaw()
	for key, value := range was {
		if fmt.Sprint(is[key]) != fmt.Sprint(value) {
			wrong = append(wrong, fmt.Sprintf("%s: %v, was %v", key, is[key], value))
		}
	}
	for key := range is {
		if _, ok := was[key]; !ok && !strings.HasPrefix(key, ownAttributes) && key != jaegerWarnings {
			wrong = append(wrong, key+" was added")
		}
	}
	return wrong
}

func linksText(s ptrace.Span) string {
	var text strings.Builder
	for _, link := range s.Links().All() {
		fmt.Fprintln(&text, link.TraceID(), link.SpanID(), link.Attributes().AsRaw())
	}
	return text.String()
}

func eventsText(s ptrace.Span) string {
	var text strings.Builder
	for _, event := range s.Events().All() {
		fmt.Fprintln(&text, event.Name(), event.Timestamp(), event.Attributes().AsRaw())
	}
	return text.String()
}

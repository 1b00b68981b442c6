package stitch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// placed is a span with the service it stands under.
type placed struct {
	ptrace.Span
	service string
}

// flatten returns the spans in the order they are emitted.
func flatten(traces ptrace.Traces) []placed {
	var all []placed
	for _, rs := range traces.ResourceSpans().All() {
		service, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				all = append(all, placed{s, service.Str()})
			}
		}
	}
	return all
}

// render writes a trace as a tree, children in order of time.
func render(traces ptrace.Traces) string {
	all := flatten(traces)
	slices.SortStableFunc(all, func(a, b placed) int { return int(a.StartTimestamp()) - int(b.StartTimestamp()) })
	var out strings.Builder
	renderBelow(&out, all, pcommon.SpanID{}, 0)
	return out.String()
}

func renderBelow(out *strings.Builder, all []placed, parent pcommon.SpanID, depth int) {
	indent := strings.Repeat("  ", depth)
	for _, s := range all {
		if s.ParentSpanID() != parent {
			continue
		}
		fmt.Fprintf(out, "%s%s: %s [%s .. %s] %s %s", indent, s.service, s.Name(), clock(s.StartTimestamp()), clock(s.EndTimestamp()), s.Kind(), s.Status().Code())
		if s.Status().Message() != "" {
			fmt.Fprintf(out, " %q", s.Status().Message())
		}
		out.WriteString("\n")
		renderMap(out, indent+"    ", s.Attributes())
		for _, e := range s.Events().All() {
			fmt.Fprintf(out, "%s  * %s %s\n", indent, clock(e.Timestamp()), e.Name())
			renderMap(out, indent+"      ", e.Attributes())
		}
		for _, l := range s.Links().All() {
			fmt.Fprintf(out, "%s  -> %s %s\n", indent, l.TraceID(), l.SpanID())
			renderMap(out, indent+"      ", l.Attributes())
		}
		renderBelow(out, all, s.SpanID(), depth+1)
	}
}

func renderMap(out *strings.Builder, indent string, m pcommon.Map) {
	for k, v := range m.All() {
		if k == "async.operation.id" || (k == "async.operation.name" && indent != "    ") {
			continue
		}
		fmt.Fprintf(out, "%s%s=%s\n", indent, k, strings.ReplaceAll(v.AsString(), "\n", `\n`))
	}
}

func clock(t pcommon.Timestamp) string {
	return time.Duration(int64(t) - midnight).String()
}

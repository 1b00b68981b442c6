//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/test/verdict"
)

// shownSpan is a span as either API of Jaeger shows it, or as the model expects it. Times are in nanoseconds since 1970.
type shownSpan struct {
	id, parent          string
	name, service, kind string
	start, end          int64
	// status is unset, ok or error.
	status, message string
	// attributes are the span's, resource those of its service but for the name.
	attributes, resource map[string]string
	links                []shownLink
	events               []shownEvent
}

type shownLink struct{ trace, span, kind, reason string }

type shownEvent struct {
	at         int64
	name       string
	attributes map[string]string
}

// The statuses of spans.
const (
	statusUnset = "unset"
	statusOK    = "ok"
	statusError = "error"
)

// warningsKey is the attribute under which Jaeger's API of version 3 tells warnings.
const warningsKey = jaegerWarnings

// spansV1 gets a trace over the API of version 1, whose times are in microseconds and whose links have no attributes.
func spansV1(t *testing.T, base, id string) ([]shownSpan, error) {
	t.Helper()
	trace, err := getJaegerTrace(t, base, id)
	if err != nil {
		return nil, err
	}
	if len(trace.Warnings) > 0 {
		return nil, fmt.Errorf("Jaeger warns of the trace %s: %v", id, trace.Warnings)
	}
	var all []shownSpan
	for i := range trace.Spans {
		s := &trace.Spans[i]
		if len(s.Warnings) > 0 {
			return nil, fmt.Errorf("Jaeger warns of %q: %v", s.OperationName, s.Warnings)
		}
		all = append(all, spanV1(trace, s))
	}
	return all, nil
}

func spanV1(trace *jaegerTrace, s *jaegerSpan) shownSpan {
	process := trace.Processes[s.ProcessID]
	span := shownSpan{
		id: s.SpanID, parent: s.parent(), name: s.OperationName, service: process.ServiceName, status: statusUnset,
		start: s.StartTime * 1e3, end: s.end() * 1e3, attributes: map[string]string{}, resource: tagValues(process.Tags),
	}
	for key, value := range tagValues(s.Tags) {
		switch key {
		case "span.kind":
			span.kind = value
		case "otel.status_code":
			span.status = strings.ToLower(value)
		case "otel.status_description":
			span.message = value
		case "error", "otel.scope.name", "internal.span.format":
		default:
			span.attributes[key] = value
		}
	}
	for _, r := range s.References {
		if r.RefType != childOf {
			span.links = append(span.links, shownLink{trace: r.TraceID, span: r.SpanID})
		}
	}
	for _, l := range s.Logs {
		e := shownEvent{at: l.Timestamp * 1e3, attributes: tagValues(l.Fields)}
		e.name = e.attributes["event"]
		delete(e.attributes, "event")
		span.events = append(span.events, e)
	}
	return span
}

func tagValues(tags []jaegerTag) map[string]string {
	values := map[string]string{}
	for _, tag := range tags {
		if number, ok := tag.Value.(float64); ok && tag.Type == "float64" {
			values[tag.Key] = seconds(number)
			continue
		}
		values[tag.Key] = fmt.Sprint(tag.Value)
	}
	return values
}

// seconds writes a number as precisely as the clocks of tests are.
func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

// spansV3 gets a trace over the API of version 3, which speaks OTLP.
func spansV3(t *testing.T, base, id string) ([]shownSpan, error) {
	t.Helper()
	td, err := getOTLP(t, base+"/api/v3/traces/"+id)
	if err != nil {
		return nil, err
	}
	return spansOf(td)
}

// getOTLP gets what the API of version 3 answers.
func getOTLP(t *testing.T, address string) (ptrace.Traces, error) {
	t.Helper()
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := verdict.GetJSON(t.Context(), address, &answer); err != nil {
		return ptrace.Traces{}, err
	}
	return (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(answer.Result)
}

func spansOf(td ptrace.Traces) ([]shownSpan, error) {
	var all []shownSpan
	for _, rs := range td.ResourceSpans().All() {
		resource := attributeValues(rs.Resource().Attributes())
		service := resource["service.name"]
		delete(resource, "service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if warning, ok := s.Attributes().Get(warningsKey); ok {
					return nil, fmt.Errorf("Jaeger warns of %q: %s", s.Name(), warning.AsString())
				}
				span := spanV3(s)
				span.service, span.resource = service, resource
				all = append(all, span)
			}
		}
	}
	return all, nil
}

func spanV3(s ptrace.Span) shownSpan {
	span := shownSpan{
		id: s.SpanID().String(), name: s.Name(), kind: strings.ToLower(s.Kind().String()),
		status: strings.ToLower(s.Status().Code().String()), message: s.Status().Message(),
		start: int64(s.StartTimestamp()), end: int64(s.EndTimestamp()), attributes: attributeValues(s.Attributes()),
	}
	if !s.ParentSpanID().IsEmpty() {
		span.parent = s.ParentSpanID().String()
	}
	for _, l := range s.Links().All() {
		attributes := attributeValues(l.Attributes())
		span.links = append(span.links, shownLink{
			l.TraceID().String(), l.SpanID().String(), attributes["async.link.kind"], attributes["async.join.reason"],
		})
	}
	for _, e := range s.Events().All() {
		span.events = append(span.events, shownEvent{int64(e.Timestamp()), e.Name(), attributeValues(e.Attributes())})
	}
	return span
}

func attributeValues(m pcommon.Map) map[string]string {
	values := map[string]string{}
	for key, value := range m.All() {
		if value.Type() == pcommon.ValueTypeDouble {
			values[key] = seconds(value.Double())
			continue
		}
		values[key] = value.AsString()
	}
	return values
}

// coarse is what is left of a span in the API of version 1.
func coarse(spans []shownSpan) []shownSpan {
	micro := func(nanos int64) int64 { return nanos / 1e3 * 1e3 }
	var all []shownSpan
	for _, s := range unreasoned(spans) {
		s.start, s.end = micro(s.start), micro(s.start)+micro(s.end-s.start)
		s.events = slices.Clone(s.events)
		for i := range s.events {
			s.events[i].at = micro(s.events[i].at)
		}
		all = append(all, s)
	}
	return all
}

// unreasoned leaves out the attributes of links, which Jaeger keeps in its memory store alone.
func unreasoned(spans []shownSpan) []shownSpan {
	all := slices.Clone(spans)
	for i := range all {
		all[i].links = slices.Clone(all[i].links)
		for k := range all[i].links {
			all[i].links[k].kind, all[i].links[k].reason = "", ""
		}
	}
	return all
}

// everything is for treeText to show all attributes.
func everything(string) bool { return true }

// treeText writes a tree so that equal texts are equal trees: every span on a line with what it lies in, whatever its ID,
// and below it what it has of the attributes that are wanted, its links and its events, once each.
func treeText(spans []shownSpan, wanted func(key string) bool) string {
	labels := map[string]string{"": "(root)"}
	for i := range spans {
		s := &spans[i]
		labels[s.id] = fmt.Sprintf("%s %q %d", s.service, s.name, s.start)
	}
	blocks := make([]string, 0, len(spans))
	for i := range spans {
		blocks = append(blocks, blockText(&spans[i], labels[spans[i].parent], wanted))
	}
	slices.Sort(blocks)
	return strings.Join(blocks, "")
}

func blockText(s *shownSpan, parent string, wanted func(key string) bool) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d .. %d %s: %s (%s) %s %q, in %s\n", s.start, s.end, s.service, s.name, s.kind, s.status, s.message, parent)
	for _, attributes := range []map[string]string{s.resource, s.attributes} {
		for _, key := range slices.Sorted(maps.Keys(attributes)) {
			if wanted(key) {
				fmt.Fprintf(&text, "    %s = %s\n", key, attributes[key])
			}
		}
	}
	links := slices.SortedFunc(slices.Values(s.links), func(a, b shownLink) int {
		return cmp.Or(cmp.Compare(a.trace, b.trace), cmp.Compare(a.span, b.span))
	})
	for _, l := range links {
		fmt.Fprintf(&text, "    -> %s %s %s %s\n", l.trace, l.span, l.kind, l.reason)
	}
	var events []string
	for _, e := range s.events {
		events = append(events, eventText(e, wanted))
	}
	slices.Sort(events)
	for _, e := range slices.Compact(events) {
		text.WriteString(e)
	}
	return text.String()
}

func eventText(e shownEvent, wanted func(key string) bool) string {
	var text strings.Builder
	fmt.Fprintf(&text, "    * %d %s\n", e.at, e.name)
	for _, key := range slices.Sorted(maps.Keys(e.attributes)) {
		if wanted(key) {
			fmt.Fprintf(&text, "        %s = %s\n", key, e.attributes[key])
		}
	}
	return text.String()
}

// treeDiff shows the lines in which two trees differ, below the span that they belong to; "" if there are none.
func treeDiff(want, got string) string {
	if want == got {
		return ""
	}
	var text strings.Builder
	for _, side := range []struct{ mark, lines, others string }{{"-", want, got}, {"+", got, want}} {
		others := map[string]bool{}
		eachTreeLine(side.others, func(span, line string) { others[span+line] = true })
		eachTreeLine(side.lines, func(span, line string) {
			switch {
			case others[span+line]:
			case line == span:
				fmt.Fprintf(&text, "%s %s", side.mark, line)
			case others[span+span]:
				fmt.Fprintf(&text, "%s %s      of %s", side.mark, line, span)
			}
		})
	}
	if text.Len() == 0 {
		return "one of them has something twice"
	}
	return text.String()
}

func eachTreeLine(text string, see func(span, line string)) {
	span := ""
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") {
			span = line
		}
		see(span, line)
	}
}

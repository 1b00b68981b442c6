package stitch

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// eventCost is what an event takes beside its strings, in bytes.
const eventCost = 96

// pick decides which notes there is room for: all exceptions before any other record, those of the deciding spans first.
// It returns how many were cut.
func (b *builder) pick(all []draft) int {
	total := len(b.view.Notes)
	for i := range all {
		total += len(all[i].notes)
	}
	if total == 0 {
		return 0
	}
	kept := 0
	for _, exceptions := range [...]bool{true, false} {
		for _, deciding := range [...]bool{true, false} {
			for i := range all {
				if d := &all[i]; d.kept && d.deciding == deciding {
					kept += b.pickFrom(d.notes, exceptions, &d.events)
				}
			}
		}
		kept += b.pickFrom(b.view.Notes, exceptions, &b.events)
	}
	for i := range all {
		slices.Sort(all[i].events)
	}
	slices.Sort(b.events)
	return total - kept
}

func (b *builder) pickFrom(notes []operation.Note, exceptions bool, picked *[]int) int {
	before := len(*picked)
	for i := range notes {
		if len(*picked) >= b.settings.MaxEvents {
			break
		}
		if n := &notes[i]; isException(n) == exceptions && b.afford(b.noteCost(n)) {
			*picked = append(*picked, i)
		}
	}
	return len(*picked) - before
}

func isException(n *operation.Note) bool { return n.Error != nil }

func (b *builder) noteCost(n *operation.Note) int {
	size := eventCost + min(len(n.Name), maxLine) + b.bounded(n.Body) + b.bounded(n.Service)
	if n.Error != nil {
		size += b.bounded(n.Error.Type) + b.bounded(n.Error.Message) + min(len(n.Error.Stack), b.settings.MaxStack)
	}
	return size
}

// writeEvents adds the picked notes to the span. A note whose time is unknown stands at the span's start.
func (b *builder) writeEvents(span ptrace.Span, service string, notes []operation.Note, picked []int) {
	if len(notes) > len(picked) {
		span.SetDroppedEventsCount(uint32(len(notes) - len(picked)))
	}
	if len(picked) == 0 {
		return
	}
	span.Events().EnsureCapacity(len(picked))
	for _, i := range picked {
		n := &notes[i]
		e := span.Events().AppendEmpty()
		e.SetTimestamp(span.StartTimestamp())
		if n.At > 0 {
			e.SetTimestamp(pcommon.Timestamp(n.At))
		}
		b.writeNote(e, service, n)
	}
}

// writeNote tells what the record said, and who said it where that is not the span's service.
func (b *builder) writeNote(e ptrace.SpanEvent, service string, n *operation.Note) {
	attributes := e.Attributes()
	name := line(n.Name)
	if isException(n) {
		e.SetName("exception")
		b.putText(attributes, "exception.type", n.Error.Type)
		b.putText(attributes, "exception.message", n.Error.Message)
		if n.Error.Stack != "" {
			attributes.PutStr("exception.stacktrace", clip(n.Error.Stack, b.settings.MaxStack))
		}
		if name != "" && name != "exception" {
			attributes.PutStr("log.name", name)
		}
	} else {
		if name == "" {
			name = "log"
		}
		e.SetName(name)
	}
	if n.Body != n.Name {
		b.putText(attributes, "log.body", n.Body)
	}
	if n.Severity != 0 {
		attributes.PutStr("log.severity", severity(n.Severity))
	}
	if n.Service != service {
		b.putText(attributes, "service.name", n.Service)
	}
}

var severities = [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// severity returns the short name of an OTLP severity number; numbers beyond the last stand for the last.
func severity(number uint8) string {
	return severities[min(int(number-1)/4, len(severities)-1)]
}

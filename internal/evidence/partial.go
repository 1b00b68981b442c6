package evidence

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// The attributes and values of partial-span records: log records by which a span processor reports the spans that are
// still open, and that one of them ended (github.com/G-Research/otel-partial-collector; packages partial-span-processor for
// Python and G-Research.OpenTelemetry.Processor.Partial for .NET).
const (
	partialHeartbeat = "heartbeat"
	partialStop      = "stop"

	keyPartialFrequency = "partial.frequency"
	keyPartialEncoding  = "partial.body.type"
)

// The bounds of partial-span records.
const (
	// maxPartialBody is the size in bytes of the largest body that is read, maxPartialSpans how many spans of it: there is
	// one, as a rule.
	maxPartialBody  = 1 << 20
	maxPartialSpans = 100
	// usualFrequency is what the span processors use by default; it stands in for one that is missing or absurd.
	usualFrequency = 5 * time.Second
	minFrequency   = 100 * time.Millisecond
	maxFrequency   = time.Hour
	// missedHeartbeats is how many may be lost or late before a span counts as silent.
	missedHeartbeats = 3
)

// heartbeat is what a partial-span record says besides its spans.
type heartbeat struct {
	stop bool
	// at is the record's time, 0 without one; until is when the next heartbeat is due at the latest.
	at, until int64
	ref       Ref
}

// partial draws the facts of a partial-span record: those of its spans, as if they had come as spans, and that they live.
// It returns false for a record that cannot be read; that is then a log record like any other. The record's own trace
// context counts for nothing, because some of these records are written outside the span they speak of.
func (x *Extractor) partial(b *Batch, record plog.LogRecord, event string, ref Ref) bool {
	h := heartbeat{stop: event == partialStop, ref: ref}
	if !h.stop && event != partialHeartbeat {
		b.drop(DropPartial)
		return false
	}
	td, ok := partialSpans(record)
	if !ok || td.SpanCount() == 0 {
		b.drop(DropPartial)
		return false
	}
	if h.at = timeOf(record); h.at == 0 {
		b.drop(DropTime)
	}
	h.until = h.at + missedHeartbeats*int64(frequencyOf(record.Attributes()))
	b.detached = append(b.detached, ref)
	outer, profile, before := b.resource, b.profile, len(b.Facts)
	n := 0
	for _, rs := range td.ResourceSpans().All() {
		x.readResource(b, rs.Resource().Attributes())
		b.resource.complete(&outer)
		for _, ss := range rs.ScopeSpans().All() {
			if derived(ss.Scope()) {
				b.Dropped[DropDerived] += ss.Spans().Len()
				continue
			}
			b.profile = x.profiles.of(ss.Scope().Name())
			for _, span := range ss.Spans().All() {
				if n++; n > maxPartialSpans {
					b.drop(DropTooMany)
					continue
				}
				if x.expressions.Span == nil || b.asked(ref, func(found *Found) { x.expressions.Span(rs, ss, span, found) }) {
					x.partialSpan(b, span, n, &h)
				}
			}
		}
	}
	b.resource, b.profile = outer, profile
	b.Partial += len(b.Facts) - before
	return true
}

// Detached reports whether the log record speaks of spans elsewhere, so that its own trace context counts for nothing.
func (b *Batch) Detached(ref Ref) bool { return contains(b.detached, ref) }

func contains(refs []Ref, ref Ref) bool {
	_, found := slices.BinarySearchFunc(refs, ref, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Index, b.Index))
	})
	return found
}

// complete fills in what the resource in the body of a record does not say of itself.
func (r *resource) complete(outer *resource) {
	if r.service == "" {
		r.service = outer.service
	}
	if r.instance == "" {
		r.instance = outer.instance
	}
	r.ids.inherit(&outer.ids)
}

// partialSpan draws the facts of the n-th span of a record.
func (x *Extractor) partialSpan(b *Batch, span ptrace.Span, n int, h *heartbeat) {
	switch at := pcommon.Timestamp(h.at); {
	case !h.stop:
		span.SetEndTimestamp(0)
	case span.EndTimestamp() == 0 && at > span.StartTimestamp():
		// It has ended, whatever it forgot to say.
		span.SetEndTimestamp(at)
	}
	from := len(b.Facts)
	// What an exception explains is told by the reference, so that each span needs one of its own.
	x.span(b, span, Ref{Resource: -1, Index: n})
	if !h.stop {
		b.unfinish(from)
		b.alive(from, h)
	}
	for i := from; i < len(b.Facts); i++ {
		b.Refs[i] = h.ref
	}
}

// unfinish takes back what the span facts from the given index on say about an end: the span goes on, and may well turn out
// otherwise. Of batches only the processing of messages that it names counts: what any other will have been about shows in
// the end.
func (b *Batch) unfinish(from int) {
	kept := from
	for i := from; i < len(b.Facts); i++ {
		f := &b.Facts[i]
		if f.IsSpan() {
			named := !f.LinkSpan.IsZero() || f.MessageID != ""
			if f.Batch && (f.Kind != operation.KindProcess || !f.Consumer || !named) {
				continue
			}
			f.End, f.Outcome, f.Disposition = 0, operation.OutcomeUnset, operation.DispositionUnknown
			f.ErrorType, f.ErrorMessage = "", ""
		}
		b.Facts[kept], b.Refs[kept] = *f, b.Refs[i]
		kept++
	}
	clear(b.Facts[kept:])
	b.Facts, b.Refs = b.Facts[:kept], b.Refs[:kept]
}

// alive adds a sign of life for the span whose facts begin at the given index; for a batch one for each of its messages,
// because they may be of several operations.
func (b *Batch) alive(from int, h *heartbeat) {
	if h.at == 0 {
		return
	}
	for i, end := from, len(b.Facts); i < end; i++ {
		f := &b.Facts[i]
		if !f.IsSpan() || (i > from && !f.Batch) {
			continue
		}
		b.add(&operation.Fact{
			Kind: operation.KindAlive, At: h.at, End: h.until, Batch: f.Batch, Consumer: f.Consumer, Remote: f.Remote,
			Trace: f.Trace, Span: f.Span, Parent: f.Parent, LinkTrace: f.LinkTrace, LinkSpan: f.LinkSpan,
			ID: f.ID, IDRank: f.IDRank, Alias: f.Alias, AliasRank: f.AliasRank, Namespace: f.Namespace,
			Service: f.Service, Instance: f.Instance,
			System: f.System, Destination: f.Destination, Group: f.Group, MessageID: f.MessageID,
		}, h.ref)
	}
}

// timeOf returns when the record was written, or else observed; 0 if neither can be.
func timeOf(record plog.LogRecord) int64 {
	for _, t := range [...]pcommon.Timestamp{record.Timestamp(), record.ObservedTimestamp()} {
		if possible(t) {
			return int64(t)
		}
	}
	return 0
}

// frequencyOf returns the time between two heartbeats.
func frequencyOf(attributes pcommon.Map) time.Duration {
	value, ok := attributes.Get(keyPartialFrequency)
	if !ok || value.Type() != pcommon.ValueTypeStr {
		return usualFrequency
	}
	d, err := time.ParseDuration(value.Str())
	if err != nil || d < minFrequency {
		return usualFrequency
	}
	return min(d, maxFrequency)
}

// partialSpans decodes the body of a partial-span record; false if it is none, or too large. Of the JSON dialects (Python:
// OTLP/JSON; .NET: names and numbers as in the protocol buffers) the decoder reads both.
func partialSpans(record plog.LogRecord) (ptrace.Traces, bool) {
	encoding := ""
	if value, ok := record.Attributes().Get(keyPartialEncoding); ok {
		if encoding = value.Str(); encoding == "" {
			return ptrace.Traces{}, false
		}
	}
	var data []byte
	body, inText := record.Body(), false
	switch body.Type() {
	case pcommon.ValueTypeStr:
		if len(body.Str()) > maxPartialBody {
			return ptrace.Traces{}, false
		}
		data, inText = []byte(body.Str()), true
	case pcommon.ValueTypeBytes:
		if body.Bytes().Len() > maxPartialBody {
			return ptrace.Traces{}, false
		}
		data = body.Bytes().AsRaw()
	default:
		return ptrace.Traces{}, false
	}
	switch encoding {
	case "json/v1", "json":
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(data)
		return td, err == nil
	case "proto", "":
		return partialProto(data, inText)
	}
	return ptrace.Traces{}, false
}

// partialProto decodes protocol buffers, which are in base64 where they come as text.
func partialProto(data []byte, inText bool) (ptrace.Traces, bool) {
	if inText {
		// Padded or not.
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(data), "=\r\n"))
		if err != nil {
			return ptrace.Traces{}, false
		}
		data = decoded
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
	return td, err == nil
}

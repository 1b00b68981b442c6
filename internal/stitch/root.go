package stitch

import (
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// maxAliases bounds the aliases that the root span names.
const maxAliases = 16

// writeRoot emits the span that stands for the operation and envelops all the others, also those that were cut.
func (b *builder) writeRoot(traces ptrace.Traces, all []draft, id operation.SpanID) {
	service, instance := b.entry(all)
	span := b.spans(traces, service, instance).AppendEmpty()
	span.SetTraceID(pcommon.TraceID(b.trace))
	span.SetSpanID(pcommon.SpanID(id))
	span.SetName(line("async " + b.name))
	span.SetKind(ptrace.SpanKindInternal)
	start, end := b.extent(all)
	span.SetStartTimestamp(pcommon.Timestamp(start))
	span.SetEndTimestamp(pcommon.Timestamp(end))
	text, errorType := b.describe()
	switch {
	case text != "":
		setError(span.Status(), text)
	case b.verdict.State != operation.StateCancelled:
		// What was cancelled ended neither well nor badly.
		span.Status().SetCode(ptrace.StatusCodeOk)
	}
	b.writeRootLinks(span, all)
	b.putRoot(span.Attributes(), errorType)
	b.writeEvents(span, service, b.view.Notes, b.events)
}

// extent is the time from the operation's first sign to its end, and over all drafts.
func (b *builder) extent(all []draft) (start, end int64) {
	start, end = interval(b.base, b.verdict.EndedAt)
	if b.snapshot {
		end = max(end, b.until)
	}
	for i := range all {
		start, end = min(start, all[i].start), max(end, all[i].end)
	}
	return start, end
}

// entry returns the service where the operation began: that of the first work or send, else of the first attempt, else
// of the first log record. The drafts are in order of time.
func (b *builder) entry(all []draft) (service, instance string) {
	var first *operation.Origin
	for i := range all {
		d := &all[i]
		if d.origin == nil || d.origin.Service == "" {
			continue
		}
		if d.kind != draftAttempt {
			return d.origin.Service, d.origin.Instance
		}
		if first == nil {
			first = d.origin
		}
	}
	for i := range b.view.Notes {
		if first == nil && b.view.Notes[i].Service != "" {
			first = &b.view.Notes[i].Origin
		}
	}
	if first == nil {
		return unknownService, ""
	}
	return first.Service, first.Instance
}

func (b *builder) putRoot(m pcommon.Map, errorType string) {
	room := 14
	if b.snapshot {
		room = 20
	}
	m.EnsureCapacity(room)
	b.putText(m, "async.operation.id", b.view.ID)
	m.PutStr("async.operation.name", b.name)
	m.PutStr("async.operation.state", b.verdict.State.String())
	if b.verdict.Reason != operation.StuckNone {
		m.PutStr("async.operation.reason", b.verdict.Reason.String())
	}
	if b.verdict.Flags != 0 {
		putList(m, "async.operation.flags", b.verdict.Flags.Names())
	}
	if b.verdict.Flags&operation.FlagSkewed != 0 {
		m.PutBool("async.operation.skewed", true)
	}
	b.putText(m, "async.operation.namespace", b.view.Namespace)
	b.putAliases(m)
	b.putPolicy(m)
	m.PutDouble("async.operation.duration", b.duration().Seconds())
	b.putRevision(m)
	b.putThreshold(m)
	b.putWhere(m)
	b.putText(m, "async.hop.dead_letter_destination", b.parked)
	b.putText(m, "error.type", errorType)
	b.putCuts(m)
}

// putWhere says where the verdict rests.
func (b *builder) putWhere(m pcommon.Map) {
	hop, group := b.decidingHop()
	if hop == nil || b.verdict.State == operation.StateCompleted {
		return
	}
	b.putText(m, "messaging.system", hop.System)
	b.putText(m, "messaging.destination.name", hop.Destination)
	b.putGroup(m, group)
	b.putText(m, "messaging.consumer.group.name", b.verdict.Group)
}

// putThreshold says what made the verdict, by the names that events have too.
func (b *builder) putThreshold(m pcommon.Map) {
	v := b.verdict
	if v.Threshold > 0 {
		m.PutDouble("async.operation.threshold", time.Duration(v.Threshold).Seconds())
		m.PutStr("async.operation.threshold.source", v.Source.String())
	}
	b.putText(m, "async.operation.awaited", v.Awaited)
	if seen := &b.change.Seen; seen.At > 0 {
		m.PutStr("async.consumer.last_seen_at", time.Unix(0, seen.At).UTC().Format(time.RFC3339Nano))
		b.putText(m, "async.consumer.last_seen", seen.Group)
	}
	if b.view.Progress >= 0 {
		m.PutDouble("async.operation.progress", b.view.Progress)
	}
}

// duration is the operation's own, as the metric has it; the root span can be longer, because it envelops all the others.
func (b *builder) duration() time.Duration {
	end := b.verdict.EndedAt
	if b.snapshot {
		end = b.until
	}
	return time.Duration(max(0, end-b.base))
}

func (b *builder) putAliases(m pcommon.Map) {
	aliases := make([]string, 0, maxAliases)
	for _, alias := range b.view.Aliases[:min(maxAliases, len(b.view.Aliases))] {
		aliases = append(aliases, clip(alias, b.settings.MaxValue))
	}
	if len(aliases) > 0 {
		putList(m, "async.operation.aliases", aliases)
	}
}

// putPolicy adds what the declared rule says; its texts are the operator's own.
func (b *builder) putPolicy(m pcommon.Map) {
	p := b.change.Policy
	if p == nil {
		return
	}
	b.putText(m, "async.operation.rule", p.Rule)
	b.putText(m, "async.operation.owner", p.Owner)
	m.PutStr("async.operation.severity", p.Severity.String())
	m.PutInt("async.operation.priority", int64(p.Priority))
	b.putText(m, "async.operation.runbook", p.Runbook)
}

// putRevision tells which of several traces of one operation this is; a snapshot names the trace that will be final.
func (b *builder) putRevision(m pcommon.Map) {
	if !b.snapshot {
		m.PutInt("async.operation.revision", int64(b.change.FinalRevision))
		return
	}
	m.PutInt("async.operation.revision", int64(b.change.Revision))
	m.PutBool("async.operation.snapshot", true)
	final := b.finalTrace()
	m.PutStr("async.operation.trace_id", hex.EncodeToString(final[:]))
}

// finalTrace is the trace that will be emitted when the operation next becomes final.
func (b *builder) finalTrace() operation.TraceID {
	return TraceID(b.view.ID, b.view.Namespace, b.change.FinalRevision+1)
}

func (b *builder) putCuts(m pcommon.Map) {
	r := &b.report
	if r.Missing > 0 {
		m.PutBool("async.operation.incomplete", true)
	}
	if r.CutSpans == 0 && r.CutEvents == 0 && r.CutLinks == 0 {
		return
	}
	m.PutBool("async.operation.cut", true)
	for _, cut := range [...]struct {
		key   string
		count int
	}{{"async.operation.cut.spans", r.CutSpans}, {"async.operation.cut.events", r.CutEvents}, {"async.operation.cut.links", r.CutLinks}} {
		if cut.count > 0 {
			m.PutInt(cut.key, int64(cut.count))
		}
	}
}

func putList(m pcommon.Map, key string, values []string) {
	list := m.PutEmptySlice(key)
	list.EnsureCapacity(len(values))
	for _, value := range values {
		list.AppendEmpty().SetStr(value)
	}
}

package event

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// ErrNotIncident says that a record is no event of an incident at all.
var ErrNotIncident = errors.New("not an event of an incident")

// The bounds in bytes of what is read: a record may come from anybody. Longer text is cut, a longer ID is an error.
const (
	maxID      = 128
	maxText    = 1024
	maxStack   = 4096
	maxSamples = 100
)

// DecodeIncident reads the event that AppendIncident wrote. It returns ErrNotIncident for any other record, and an error
// that names the attribute for one that claims to be such an event and is not.
func DecodeIncident(record plog.LogRecord) (incident.Event, error) {
	kind, ok := incidentKind(record)
	if !ok {
		return incident.Event{}, ErrNotIncident
	}
	r := reader{attributes: record.Attributes()}
	e := incident.Event{Kind: kind, At: nanos(record)}
	e.Cause = named(&r, attrIncidentCause, incident.ParseCause)
	i := &e.Incident
	r.identity(i)
	r.key(&i.Key)
	r.urgency(i)
	r.extent(i)
	r.times(i)
	i.Acknowledged, i.Muted = r.mark(ackAttributes), r.mark(mutedAttributes)
	i.Hints = r.hints()
	i.Hop = r.hop()
	i.Error = r.exception()
	if r.err == nil && (kind == incident.EventResolved) != (i.State == incident.StateResolved) {
		r.fail(attrIncidentState, "is %q in an event named %q", i.State, record.EventName())
	}
	if r.err != nil {
		return incident.Event{}, fmt.Errorf("event %q: %w", record.EventName(), r.err)
	}
	return e, nil
}

// nanos is the time of a record. Times beyond the range of int64 are nonsense.
func nanos(record plog.LogRecord) int64 {
	return int64(min(record.Timestamp(), math.MaxInt64))
}

// reader reads attributes and keeps the first error. What is absent is zero unless it is required.
type reader struct {
	attributes pcommon.Map
	err        error
}

func (r *reader) fail(name, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("attribute %q %s", name, fmt.Sprintf(format, args...))
	}
}

func (r *reader) value(name string, kind pcommon.ValueType) (pcommon.Value, bool) {
	v, ok := r.attributes.Get(name)
	if !ok {
		return pcommon.Value{}, false
	}
	if v.Type() != kind {
		r.fail(name, "is a %s: must be a %s", v.Type(), kind)
		return pcommon.Value{}, false
	}
	return v, true
}

func (r *reader) text(name string) string { return r.clipped(name, maxText) }

func (r *reader) clipped(name string, limit int) string {
	v, ok := r.value(name, pcommon.ValueTypeStr)
	if !ok {
		return ""
	}
	return clip(v.Str(), limit)
}

// clip returns the beginning of s as valid UTF-8, in memory of its own, because incoming telemetry must not be retained.
func clip(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.ToValidUTF8(strings.Clone(s), "\uFFFD")
}

func (r *reader) number(name string) int64 {
	v, ok := r.value(name, pcommon.ValueTypeInt)
	if !ok {
		return 0
	}
	return v.Int()
}

func (r *reader) count(name string) int64 {
	n := r.number(name)
	if n < 0 {
		r.fail(name, "is %d: must not be negative", n)
	}
	return n
}

func (r *reader) time(name string) int64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		r.fail(name, "is %q: must be a time like 2026-01-02T15:04:05Z", text)
		return 0
	}
	n := t.UnixNano()
	if !time.Unix(0, n).Equal(t) {
		r.fail(name, "is %q: must lie between the years 1678 and 2261", text)
		return 0
	}
	return n
}

func (r *reader) seconds(name string) int64 {
	v, ok := r.value(name, pcommon.ValueTypeDouble)
	if !ok {
		return 0
	}
	// Seconds in floating point are exact to the millisecond over centuries, and to no more than that.
	millis := math.Round(v.Double() * 1e3)
	if math.IsNaN(millis) || millis < 0 || millis > math.MaxInt64/1e6 {
		r.fail(name, "is %g: must be a number of seconds", v.Double())
		return 0
	}
	return int64(millis) * int64(time.Millisecond)
}

// rate reads a number that is finite and not negative.
func (r *reader) rate(name string) float64 {
	v, ok := r.value(name, pcommon.ValueTypeDouble)
	if !ok {
		return 0
	}
	if math.IsNaN(v.Double()) || math.IsInf(v.Double(), 0) || v.Double() < 0 {
		r.fail(name, "is %g: must be a number that is not negative", v.Double())
		return 0
	}
	return v.Double()
}

// mark reads what somebody said of an incident; it is there if the time is.
func (r *reader) mark(names markAttributes) *incident.Mark {
	at := r.time(names.at)
	if at == 0 {
		return nil
	}
	return &incident.Mark{By: r.text(names.by), At: at, Until: r.time(names.until), Note: r.text(names.note)}
}

func (r *reader) texts(name string) []string {
	v, ok := r.value(name, pcommon.ValueTypeSlice)
	if !ok {
		return nil
	}
	slice := v.Slice()
	texts := make([]string, 0, min(slice.Len(), maxSamples))
	for i := range min(slice.Len(), maxSamples) {
		if slice.At(i).Type() != pcommon.ValueTypeStr {
			r.fail(name, "holds a %s: must hold strings", slice.At(i).Type())
			return nil
		}
		texts = append(texts, clip(slice.At(i).Str(), maxText))
	}
	return texts
}

// named reads a required word out of a fixed list.
func named[T any](r *reader, name string, parse func(string) (T, bool)) T {
	text := r.text(name)
	v, ok := parse(text)
	if !ok {
		r.fail(name, "is %q: not a value this version knows", text)
	}
	return v
}

func (r *reader) identity(i *incident.Incident) {
	v, ok := r.value(attrIncidentID, pcommon.ValueTypeStr)
	if !ok || v.Str() == "" {
		r.fail(attrIncidentID, "is missing")
		return
	}
	if len(v.Str()) > maxID {
		r.fail(attrIncidentID, "is %d bytes long: must be at most %d", len(v.Str()), maxID)
		return
	}
	i.ID = clip(v.Str(), maxID)
	i.Version = int(r.count(attrIncidentVersion))
	i.State = named(r, attrIncidentState, incident.ParseState)
	i.Revision = r.count(attrIncidentRevision)
}

func (r *reader) key(k *incident.Key) {
	if k.Storm = r.text(attrIncidentKind) == incident.StormKind; k.Storm {
		k.Kind = operation.StateUnknown
	} else {
		k.Kind = named(r, attrIncidentKind, operation.ParseState)
	}
	if r.err == nil && !k.Kind.Troubled() && k.Kind != operation.StateUnknown {
		r.fail(attrIncidentKind, "is %q: must be %q, %q, %q, %q or %q", k.Kind,
			operation.StateStuck, operation.StateFailed, operation.StateDeadLettered, operation.StateUnknown, incident.StormKind)
	}
	k.Reason = named(r, attrIncidentReason, parseReason)
	k.Namespace = r.text(attrOperationNamespace)
	k.OperationName = r.text(attrOperationName)
	k.Destination = r.text(attrDestination)
	k.Group = r.text(attrGroup)
	k.ErrorType = r.text(attrErrorType)
	k.Culprit = r.text(attrIncidentCulprit)
	k.Message = r.text(attrIncidentMessage)
	k.Service = r.text(attrGapService)
}

func parseReason(name string) (operation.StuckReason, bool) {
	if name == "" {
		return operation.StuckNone, true
	}
	for i, n := range operation.StuckReasonNames() {
		if n == name {
			return operation.StuckReason(i + 1), true
		}
	}
	return operation.StuckNone, false
}

func (r *reader) urgency(i *incident.Incident) {
	i.Severity = named(r, attrIncidentSeverity, operation.ParseSeverity)
	i.Priority = int(r.number(attrIncidentPriority))
	i.Owner = r.text(attrIncidentOwner)
	i.Runbook = r.text(attrIncidentRunbook)
}

func (r *reader) extent(i *incident.Incident) {
	i.ParentID, i.Children = r.parent(), r.count(attrIncidentChildren)
	i.Active = r.count(attrIncidentActive)
	i.Total = r.count(attrIncidentTotal)
	i.Lost = r.count(attrIncidentLost)
	i.Rate = r.rate(attrIncidentRate)
	traces := r.texts(attrIncidentTraceIDs)
	for k, id := range r.texts(attrIncidentOperationIDs) {
		sample := incident.Sample{ID: id}
		if k < len(traces) {
			sample.Trace = r.trace(traces[k])
		}
		i.Operations = append(i.Operations, sample)
	}
}

// parent reads the ID of the incident that stands for this one.
func (r *reader) parent() string {
	v, ok := r.value(attrIncidentParent, pcommon.ValueTypeStr)
	if ok && len(v.Str()) > maxID {
		r.fail(attrIncidentParent, "is %d bytes long: must be at most %d", len(v.Str()), maxID)
	}
	return r.text(attrIncidentParent)
}

func (r *reader) trace(text string) (id operation.TraceID) {
	if text == "" {
		return id
	}
	if hex.DecodedLen(len(text)) != len(id) {
		r.fail(attrIncidentTraceIDs, "holds %q: not a trace ID", text)
		return id
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		r.fail(attrIncidentTraceIDs, "holds %q: not a trace ID", text)
		return operation.TraceID{}
	}
	return id
}

func (r *reader) times(i *incident.Incident) {
	i.FirstSeen = r.time(attrIncidentFirstSeen)
	i.LastSeen = r.time(attrIncidentLastSeen)
	i.OpenedAt = r.time(attrIncidentOpenedAt)
	i.UpdatedAt = r.time(attrIncidentUpdatedAt)
	i.ResolvedAt = r.time(attrIncidentResolvedAt)
	i.Reopened = r.count(attrIncidentReopened)
	i.QuietNanos = r.seconds(attrIncidentQuiet)
}

func (r *reader) hop() incident.Hop {
	if _, ok := r.value(attrHopIndex, pcommon.ValueTypeInt); !ok {
		return incident.Hop{Index: -1}
	}
	return incident.Hop{
		Index: int(r.count(attrHopIndex)), System: r.text(attrHopSystem), Destination: r.text(attrHopDestination),
		Group: r.text(attrHopGroup), Service: r.text(attrHopService), Producer: r.text(attrHopProducer),
		DeadLetter: r.text(attrHopDeadLetter),
	}
}

func (r *reader) exception() *operation.Error {
	if _, ok := r.value(attrExceptionType, pcommon.ValueTypeStr); !ok {
		return nil
	}
	return &operation.Error{
		Type: r.text(attrExceptionType), Message: r.text(attrExceptionText),
		Stack: r.clipped(attrExceptionStack, maxStack), At: r.time(attrIncidentErrorAt),
	}
}

package operation

import (
	"encoding/hex"
	"strings"
)

// ImplicitID is the ID of an operation for which nobody set a correlation ID: the trace and span ID of its first producer
// span, in hexadecimal, joined by a hyphen.
func ImplicitID(trace TraceID, span SpanID) string {
	return hex.EncodeToString(trace[:]) + "-" + hex.EncodeToString(span[:])
}

// ParseImplicitID returns the record an implicit ID was derived from.
func ParseImplicitID(id string) (Record, bool) {
	var r Record
	trace, span, found := strings.Cut(id, "-")
	if !found || len(trace) != 2*len(r.Trace) || len(span) != 2*len(r.Span) {
		return Record{}, false
	}
	if _, err := hex.Decode(r.Trace[:], []byte(trace)); err != nil {
		return Record{}, false
	}
	if _, err := hex.Decode(r.Span[:], []byte(span)); err != nil {
		return Record{}, false
	}
	return r, true
}

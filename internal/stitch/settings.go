package stitch

import (
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

// Settings bound a derived trace. The root span is emitted whatever the bounds.
type Settings struct {
	// MaxSpans bounds the spans of one trace, the root included.
	MaxSpans int
	// MaxEvents bounds the events of one span; exceptions come first.
	MaxEvents int
	// MaxLinks bounds the links of the root span to the source traces.
	MaxLinks int
	// MaxBytes bounds the text of one trace, in bytes of its strings and a fixed sum for each span and event. Receivers
	// commonly refuse messages above 4 MiB.
	MaxBytes int
	// MaxValue bounds each attribute value from telemetry, MaxStack each stack trace, in bytes.
	MaxValue, MaxStack int
	// Snapshots says that snapshots of stuck operations are emitted, too, so that there is something to link to.
	Snapshots bool
	// Originals tell more of services than facts do, and have the spans inside of attempts, of which MaxInner are copied at most;
	// nil: there is nothing of the kind.
	Originals *originals.Store
	MaxInner  int
}

// DefaultSettings are bounds that common backends accept.
func DefaultSettings() Settings {
	return Settings{
		MaxSpans: 1_000, MaxEvents: 128, MaxLinks: 32, MaxBytes: 2 << 20, MaxValue: 1 << 10, MaxStack: 4 << 10,
		Snapshots: true,
	}
}

// Report says what became of a change.
type Report struct {
	// TraceID is the ID of the derived trace, zero if the change gives none.
	TraceID operation.TraceID
	// Snapshot says that the operation is not at its end: it is stuck.
	Snapshot bool
	// Spans, Events and Links are in the trace.
	Spans, Events, Links int
	// CutSpans, CutEvents and CutLinks were left out because of a bound.
	CutSpans, CutEvents, CutLinks int
	// Inner are those of Spans that are copies of originals, Missing the originals of which it is known that they were not kept.
	Inner, Missing int
}

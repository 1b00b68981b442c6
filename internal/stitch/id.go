package stitch

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// The salts separate the kinds of IDs; the version changes when the same operation must get other IDs than before.
const (
	finalSalt    = "throughline.final.v1"
	snapshotSalt = "throughline.snapshot.v1"
	spanSalt     = "throughline.span.v1"
)

// TraceID returns the ID of the derived trace of an operation. Revision 1 is the trace of the first final verdict, whose
// ID originals are stamped with ahead of time; later ones belong to corrections of that verdict. It is never zero.
func TraceID(id, namespace string, revision uint32) operation.TraceID {
	return traceID(finalSalt, id, namespace, revision)
}

// SnapshotTraceID returns the ID of the snapshot that is emitted when an operation becomes stuck; revision is that of
// the change ([operation.Change.Revision]). It is never zero.
func SnapshotTraceID(id, namespace string, revision uint32) operation.TraceID {
	return traceID(snapshotSalt, id, namespace, revision)
}

// RootSpanID returns the ID of the root span of a derived trace.
func RootSpanID(trace operation.TraceID) operation.SpanID {
	return spanKey{kind: draftRoot}.id(trace, 0)
}

func traceID(salt, id, namespace string, revision uint32) operation.TraceID {
	var buffer [256]byte
	b := append(buffer[:0], salt...)
	b = appendString(b, namespace)
	b = appendString(b, id)
	b = binary.BigEndian.AppendUint32(b, revision)
	sum := sha256.Sum256(b)
	trace := operation.TraceID(sum[:16])
	if trace.IsZero() {
		trace[0] = 1
	}
	return trace
}

// spanKey is what a derived span stands for, independent of the order in which spans were found.
type spanKey struct {
	kind                        draftKind
	origin                      operation.Record
	destination, message, group string
}

// id returns the span's ID in the given trace; spans with equal keys differ in their ordinal.
func (k spanKey) id(trace operation.TraceID, ordinal uint32) operation.SpanID {
	var buffer [512]byte
	b := append(buffer[:0], spanSalt...)
	b = append(b, trace[:]...)
	b = append(b, byte(k.kind))
	b = append(b, k.origin.Trace[:]...)
	b = append(b, k.origin.Span[:]...)
	b = appendString(b, k.destination)
	b = appendString(b, k.message)
	b = appendString(b, k.group)
	b = binary.BigEndian.AppendUint32(b, ordinal)
	sum := sha256.Sum256(b)
	return operation.SpanID(sum[:8])
}

// appendString appends the length too, so that no two lists of strings look alike.
func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// spanIDs gives out the span IDs of one trace, never zero and never one twice.
type spanIDs struct {
	trace operation.TraceID
	// few are those given out, as long as looking through them is quick, and used holds them all afterwards.
	few  []operation.SpanID
	used map[operation.SpanID]struct{}
}

// maxFew is how many IDs are looked through.
const maxFew = 32

func (s *spanIDs) next(k spanKey) operation.SpanID {
	for ordinal := uint32(0); ; ordinal++ {
		if id := k.id(s.trace, ordinal); !id.IsZero() && s.take(id) {
			return id
		}
	}
}

// take reports whether the ID was not given out before.
func (s *spanIDs) take(id operation.SpanID) bool {
	if len(s.few) < maxFew {
		if slices.Contains(s.few, id) {
			return false
		}
		s.few = append(s.few, id)
		return true
	}
	if len(s.used) == 0 {
		for _, few := range s.few {
			s.used[few] = struct{}{}
		}
	}
	if _, taken := s.used[id]; taken {
		return false
	}
	s.used[id] = struct{}{}
	return true
}

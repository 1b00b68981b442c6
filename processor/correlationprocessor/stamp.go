package correlationprocessor

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/stitch"
)

// The attributes by which an original record tells its operation.
const (
	keyID        = "async.operation.id"
	keyName      = "async.operation.name"
	keyNamespace = "async.operation.namespace"
	keyTraceID   = "async.operation.trace_id"
)

// stamp is what a record is stamped with; its trace ID is computed once for all records of a batch. The zero value adds
// nothing.
type stamp struct {
	engine.Assignment
	traceID string
}

func newStamp(a engine.Assignment) stamp {
	id := stitch.TraceID(a.ID, a.Namespace, 1)
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return stamp{a, string(text[:])}
}

// maxStamped is the number of attributes that a stamp adds at most.
const maxStamped = 4

// put adds the attributes, and returns 1 if there was any to add. What an application set by itself stays.
func (s *stamp) put(attributes pcommon.Map) int {
	if s.ID == "" {
		return 0
	}
	values := [maxStamped]struct{ key, value string }{
		{keyID, s.ID}, {keyName, s.Name}, {keyTraceID, s.traceID}, {keyNamespace, s.Namespace},
	}
	// Room for all of them at once, and no more than that.
	n := attributes.Len() + maxStamped
	if s.Namespace == "" {
		n--
	}
	attributes.EnsureCapacity(n)
	added := 0
	for _, v := range values {
		if v.value == "" {
			continue
		}
		if to, set := attributes.GetOrPutEmpty(v.key); !set {
			to.SetStr(v.value)
			added = 1
		}
	}
	return added
}

package correlationprocessor

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

// The attributes by which an original record tells its operation.
const (
	keyID        = "async.operation.id"
	keyName      = "async.operation.name"
	keyNamespace = "async.operation.namespace"
	keyTraceID   = "async.operation.trace_id"
)

// stamps are the operations of the traces in one batch.
type stamps map[operation.TraceID]stamp

// stamp is what a record is stamped with; its trace ID is computed once for all records of a batch.
type stamp struct {
	engine.Assignment
	traceID string
}

func newStamp(a engine.Assignment) stamp {
	if a.ID == "" {
		return stamp{}
	}
	id := stitch.TraceID(a.ID, a.Namespace, 1)
	return stamp{a, hex.EncodeToString(id[:])}
}

// put adds the attributes. What an application set by itself stays.
func (s *stamp) put(attributes pcommon.Map) {
	for _, v := range [...]struct{ key, value string }{
		{keyID, s.ID}, {keyName, s.Name}, {keyNamespace, s.Namespace}, {keyTraceID, s.traceID},
	} {
		if v.value == "" {
			continue
		}
		if _, ok := attributes.Get(v.key); !ok {
			attributes.PutStr(v.key, v.value)
		}
	}
}

package event

import (
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// writer puts attributes; what is unknown is left out.
type writer struct{ pcommon.Map }

func (w writer) text(name, value string) {
	if value != "" {
		w.PutStr(name, value)
	}
}

func (w writer) time(name string, nanos int64) {
	if nanos != 0 {
		w.PutStr(name, time.Unix(0, nanos).UTC().Format(time.RFC3339Nano))
	}
}

func (w writer) seconds(name string, nanos int64) {
	if nanos != 0 {
		w.PutDouble(name, time.Duration(nanos).Seconds())
	}
}

func (w writer) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	slice := w.PutEmptySlice(name)
	slice.EnsureCapacity(len(values))
	for _, v := range values {
		slice.AppendEmpty().SetStr(v)
	}
}

func (w writer) hop(h incident.Hop) {
	if h.Index < 0 {
		return
	}
	w.PutInt(attrHopIndex, int64(h.Index))
	w.text(attrHopSystem, h.System)
	w.text(attrHopDestination, h.Destination)
	w.text(attrHopGroup, h.Group)
	w.text(attrHopService, h.Service)
	w.text(attrHopProducer, h.Producer)
	w.text(attrHopDeadLetter, h.DeadLetter)
}

// exception writes a sample error; its type is written even when empty, because it says that there is one.
func (w writer) exception(e *operation.Error) {
	if e == nil {
		return
	}
	w.PutStr(attrExceptionType, e.Type)
	w.text(attrExceptionText, e.Message)
	w.text(attrExceptionStack, e.Stack)
}

func traceText(t operation.TraceID) string {
	if t.IsZero() {
		return ""
	}
	return hex.EncodeToString(t[:])
}

package chaos

import (
	"encoding/hex"

	"github.com/throughline/throughline/internal/operation"
)

// Excuses are the operations of which something may have been lost. The zero value excuses none.
type Excuses struct {
	operations map[string]bool
	traces     map[string]bool
}

// Excuse excuses the operations of which a span or a log record has one of the trace IDs, in hexadecimal.
func Excuse(truths []Truth, traces map[string]bool) Excuses {
	e := Excuses{map[string]bool{}, traces}
	for i := range truths {
		for id := range truths[i].traceIDs {
			if traces[id] {
				e.operations[truths[i].ID] = true
			}
		}
	}
	return e
}

// Len is how many operations are excused.
func (e Excuses) Len() int { return len(e.operations) }

// Has reports whether the operation with this ID is excused. What lost the span that names it is known by one that names its trace.
func (e Excuses) Has(id string) bool {
	if record, ok := operation.ParseImplicitID(id); ok {
		return e.traces[hex.EncodeToString(record.Trace[:])]
	}
	return e.operations[id]
}

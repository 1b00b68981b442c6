package console

import (
	"encoding/hex"

	"github.com/throughline/throughline/internal/operation"
)

// The bounds of single texts in bytes.
const (
	maxText  = 4 << 10
	maxStack = 16 << 10
)

// elementBytes is what an element of an array is charged beside its texts: names of fields, IDs and times.
const elementBytes = 256

// builder turns one operation into its JSON form and stops adding elements when its budget is spent. Whoever sends
// telemetry decides how many hops, attempts and log records an operation has, and how long their texts are.
type builder struct {
	record *Record
	now    int64
	// left is the budget in bytes; what is charged last may overdraw it.
	left      int
	detailed  bool
	truncated bool
}

func (b *builder) charge(texts ...string) {
	for _, s := range texts {
		b.left -= len(s)
	}
}

// cut converts elements as long as there is a budget; the result is never nil.
func cut[E, J any](b *builder, elements []E, convert func(*E) J) []J {
	list := make([]J, 0, min(len(elements), max(0, b.left)/elementBytes+1))
	for i := range elements {
		if b.left <= 0 {
			b.truncated = true
			break
		}
		b.left -= elementBytes
		list = append(list, convert(&elements[i]))
	}
	return list
}

func (b *builder) text(s *string) string {
	b.charge(*s)
	return *s
}

func (b *builder) trace(id *operation.TraceID) string { return hex.EncodeToString(id[:]) }

package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Comparison sets what a collector says of operations beside the truth.
type Comparison struct {
	Matrix Matrix
	// Differences are sorted by operation.
	Differences []Difference
}

// Difference is one operation that is not as it was.
type Difference struct {
	ID   string
	What Mismatches
	// Judged is what the collector says of it, nil if it does not know it.
	Judged *Operation
}

// String is one line.
func (d Difference) String() string { return d.ID + ": " + strings.Join(d.What, "; ") }

// Truth is an operation as it was, in whatever detail a test knows it.
type Truth interface {
	// OperationID is its ID.
	OperationID() string
	// Verdict is how it must be judged, in one word.
	Verdict() string
	// Differ adds to found in what respects what the collector says is not as it was.
	Differ(got *Operation, found *Mismatches)
}

// Compare finds the operations that are judged wrong, unknown to the collector, or never took place.
func Compare[T Truth](truths []T, judged []Operation) *Comparison {
	byID := make(map[string]*Operation, len(judged))
	for i := range judged {
		byID[judged[i].ID] = &judged[i]
	}
	var c Comparison
	for _, want := range truths {
		id := want.OperationID()
		got, ok := byID[id]
		if !ok {
			c.Matrix.Add(want.Verdict(), Missing, false)
			c.Differences = append(c.Differences, Difference{ID: id, What: Mismatches{"forgotten"}})
			continue
		}
		delete(byID, id)
		c.Matrix.Add(want.Verdict(), got.Verdict(), want.Verdict() == got.Verdict())
		var found Mismatches
		want.Differ(got, &found)
		if len(found) > 0 {
			c.Differences = append(c.Differences, Difference{id, found, got})
		}
	}
	for id, got := range byID {
		c.Matrix.Add("(none)", got.Verdict(), false)
		c.Differences = append(c.Differences, Difference{id, Mismatches{"no such operation took place"}, got})
	}
	slices.SortFunc(c.Differences, func(a, b Difference) int { return cmp.Compare(a.ID, b.ID) })
	return &c
}

// Mismatches collects what differs within one operation.
type Mismatches []string

// Compare adds a mismatch unless both are equal.
func (m *Mismatches) Compare(what string, got, want any) {
	if got != want {
		*m = append(*m, fmt.Sprintf("%s: %v, truth %v", what, got, want))
	}
}

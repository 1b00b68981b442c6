package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/throughline/throughline/test/verdict"
)

// Comparison sets what a collector says of operations beside the truth.
type Comparison struct{ *verdict.Comparison }

// shown is how many differences an error tells.
const shown = 10

// flagLate is the flag of operations of which something came when they were over already.
const flagLate = "late_evidence"

// Compare finds the operations that are judged wrong, unknown to the collector, or never took place. What came late by no fault of the
// collector, as clients had to send it again, may be judged to have come late.
func Compare(truths []Truth, judged []verdict.Operation, late Excuses) *Comparison {
	for i := range judged {
		if late.Has(judged[i].ID) {
			judged[i].Flags = slices.DeleteFunc(judged[i].Flags, func(flag string) bool { return flag == flagLate })
		}
	}
	all := make([]*Truth, len(truths))
	for i := range truths {
		all[i] = &truths[i]
	}
	return &Comparison{verdict.Compare(all, judged)}
}

// Err is nil if everything is as it was, but for the operations that are excused; otherwise it shows the first differences.
func (c *Comparison) Err(excused Excuses) error {
	differences := slices.DeleteFunc(slices.Clone(c.Differences), func(d verdict.Difference) bool { return excused.Has(d.ID) })
	if len(differences) == 0 {
		return nil
	}
	return fmt.Errorf("%d operations are not as they were\n%s\n%s", len(differences), first(differences), &c.Matrix)
}

// first shows the first of many things, each on a line.
func first[T any](things []T) string {
	var lines []string
	for i := range things[:min(len(things), shown)] {
		lines = append(lines, fmt.Sprint(things[i]))
	}
	return strings.Join(lines, "\n")
}

// OperationID implements verdict.Truth.
func (o *Truth) OperationID() string { return o.ID }

// Differ implements verdict.Truth.
func (o *Truth) Differ(got *verdict.Operation, found *verdict.Mismatches) {
	found.Compare("name", got.Name, o.Name)
	found.Compare("verdict", got.Verdict(), o.Verdict())
	found.Compare("hops", len(got.Hops), len(o.Hops))
	for i := range min(len(o.Hops), len(got.Hops)) {
		o.Hops[i].differ(fmt.Sprintf("hop %d: ", i), &got.Hops[i], found)
	}
}

func (h *TruthHop) differ(at string, got *verdict.Hop, found *verdict.Mismatches) {
	found.Compare(at+"destination", got.Destination, h.Destination)
	found.Compare(at+"message", got.MessageID, h.MessageID)
	found.Compare(at+"state", got.State, h.State)
	found.Compare(at+"consumers", len(got.Consumers), len(h.Consumers))
	for k := range min(len(h.Consumers), len(got.Consumers)) {
		want, c := &h.Consumers[k], &got.Consumers[k]
		found.Compare(at+"group", c.Group, want.Group)
		found.Compare(at+"state of "+want.Group, c.State, want.State)
		found.Compare(at+"attempts of "+want.Group, c.Attempts, want.Attempts)
	}
}

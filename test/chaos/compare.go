package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/throughline/throughline/test/verdict"
)

// Comparison sets what a collector says of operations beside the truth.
type Comparison struct {
	Matrix verdict.Matrix
	// Differences are sorted by operation.
	Differences []Difference
}

// Difference is one operation that is not as it was.
type Difference struct {
	ID   string
	What []string
}

// String is one line.
func (d Difference) String() string { return d.ID + ": " + strings.Join(d.What, "; ") }

// shown is how many differences an error tells.
const shown = 10

// flagLate is the flag of operations of which something came when they were over already.
const flagLate = "late_evidence"

// Compare finds the operations that are judged wrong, unknown to the collector, or never took place. What came late by no fault of the
// collector, as clients had to send it again, may be judged to have come late.
func Compare(truths []Truth, judged []verdict.Operation, late Excuses) *Comparison {
	byID := make(map[string]*verdict.Operation, len(judged))
	for i := range judged {
		byID[judged[i].ID] = &judged[i]
	}
	var c Comparison
	for i := range truths {
		want := &truths[i]
		got, ok := byID[want.ID]
		if !ok {
			c.Matrix.Add(want.Verdict(), verdict.Missing, false)
			c.add(want.ID, "forgotten")
			continue
		}
		delete(byID, want.ID)
		if late.Has(want.ID) {
			got.Flags = slices.DeleteFunc(got.Flags, func(flag string) bool { return flag == flagLate })
		}
		c.Matrix.Add(want.Verdict(), got.Verdict(), want.Verdict() == got.Verdict())
		c.add(want.ID, differ(want, got)...)
	}
	for id, got := range byID {
		c.Matrix.Add("(none)", got.Verdict(), false)
		c.add(id, "no such operation took place")
	}
	slices.SortFunc(c.Differences, func(a, b Difference) int { return strings.Compare(a.ID, b.ID) })
	return &c
}

func (c *Comparison) add(id string, what ...string) {
	if len(what) > 0 {
		c.Differences = append(c.Differences, Difference{id, what})
	}
}

// Err is nil if everything is as it was, but for the operations that are excused; otherwise it shows the first differences.
func (c *Comparison) Err(excused Excuses) error {
	differences := slices.DeleteFunc(slices.Clone(c.Differences), func(d Difference) bool { return excused.Has(d.ID) })
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

// differ says in what respects an operation is not as it was.
func differ(want *Truth, got *verdict.Operation) []string {
	var d mismatches
	d.compare("name", got.Name, want.Name)
	d.compare("verdict", got.Verdict(), want.Verdict())
	d.compare("hops", len(got.Hops), len(want.Hops))
	for i := range min(len(want.Hops), len(got.Hops)) {
		d.hop(fmt.Sprintf("hop %d: ", i), &want.Hops[i], &got.Hops[i])
	}
	return d
}

// mismatches collects what differs within one operation.
type mismatches []string

func (d *mismatches) compare(what string, got, want any) {
	if got != want {
		*d = append(*d, fmt.Sprintf("%s: %v, truth %v", what, got, want))
	}
}

func (d *mismatches) hop(at string, want *TruthHop, got *verdict.Hop) {
	d.compare(at+"destination", got.Destination, want.Destination)
	d.compare(at+"message", got.MessageID, want.MessageID)
	d.compare(at+"state", got.State, want.State)
	d.compare(at+"consumers", len(got.Consumers), len(want.Consumers))
	for k := range min(len(want.Consumers), len(got.Consumers)) {
		w, g := &want.Consumers[k], &got.Consumers[k]
		d.compare(at+"group", g.Group, w.Group)
		d.compare(at+"state of "+w.Group, g.State, w.State)
		d.compare(at+"attempts of "+w.Group, g.Attempts, w.Attempts)
	}
}

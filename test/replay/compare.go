package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/throughline/throughline/test/verdict"
)

// Difference is one operation that was judged wrong.
type Difference struct {
	// Truth is what happened, nil for an operation that the collector made up.
	Truth *Operation
	// Want and Got are verdicts in one word.
	Want, Got string
	// Judged are the operations that the collector knows under the keys of the true one: none, one or several.
	Judged []*verdict.Operation
	// Why is set where the verdict itself is not what is wrong.
	Why string
}

// Report sets the verdicts on one recording beside the truth.
type Report struct {
	Matrix      verdict.Matrix
	Differences []Difference
	// Extra are the operations that the collector knows and that did not take place, by verdict. What belongs to no
	// operation, such as a health check, may become one that completes.
	Extra map[string]int
	// FalseAlarms are those of Extra for which somebody would be told: stuck, failed.
	FalseAlarms int
}

// Compare judges the judgement.
func Compare(truth *Truth, judged []verdict.Operation) (*Report, error) {
	c := comparer{byKey: map[string][]*verdict.Operation{}, owners: map[*verdict.Operation]*Operation{}}
	for i := range judged {
		op := &judged[i]
		for _, key := range append([]string{op.ID}, op.Aliases...) {
			c.byKey[key] = append(c.byKey[key], op)
		}
	}
	for i := range truth.Operations {
		if err := c.operation(&truth.Operations[i]); err != nil {
			return nil, err
		}
	}
	c.extra(judged)
	return &c.report, nil
}

type comparer struct {
	report Report
	byKey  map[string][]*verdict.Operation
	owners map[*verdict.Operation]*Operation
}

func (c *comparer) operation(want *Operation) error {
	expected, err := want.Expect()
	if err != nil {
		return err
	}
	found := c.find(want)
	d := Difference{Truth: want, Want: expected.Verdict(), Got: verdict.Missing, Judged: found}
	right := false
	switch {
	case len(found) == 0:
		d.Why = "no operation has any of its keys"
	case len(found) > 1:
		d.Got, d.Why = "split", fmt.Sprintf("it is %d operations", len(found))
	case c.owners[found[0]] != nil:
		d.Got, d.Why = "merged", "it is one operation with "+c.owners[found[0]].ID
	default:
		op := found[0]
		d.Got = op.Verdict()
		right = expected.Met(op.State, op.Reason, op.Flags)
		if right {
			// Flags that are true as well make no column of their own.
			d.Got = d.Want
		}
	}
	for _, op := range found {
		c.owners[op] = want
	}
	c.report.Matrix.Add(d.Want, d.Got, right)
	if !right {
		c.report.Differences = append(c.report.Differences, d)
	}
	return nil
}

// find returns the operations that are known under any of the keys.
func (c *comparer) find(want *Operation) []*verdict.Operation {
	var found []*verdict.Operation
	for _, key := range want.keys() {
		for _, op := range c.byKey[key] {
			if !slices.Contains(found, op) {
				found = append(found, op)
			}
		}
	}
	return found
}

// keys are the operation's ID and all values by which telemetry names it.
func (o *Operation) keys() []string {
	keys := []string{o.ID}
	for _, value := range o.Keys {
		switch v := value.(type) {
		case string:
			keys = append(keys, v)
		case float64:
			keys = append(keys, fmt.Sprintf("%.0f", v))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// extra counts the operations that nobody owns.
func (c *comparer) extra(judged []verdict.Operation) {
	c.report.Extra = map[string]int{}
	for i := range judged {
		op := &judged[i]
		if c.owners[op] != nil {
			continue
		}
		c.report.Extra[op.Verdict()]++
		if op.State == stateStuck || op.State == "failed" || op.State == "dead_lettered" {
			c.report.FalseAlarms++
			c.report.Differences = append(c.report.Differences, Difference{
				Want: "nothing", Got: op.Verdict(), Judged: []*verdict.Operation{op}, Why: "no such operation took place",
			})
		}
	}
}

// Summary is the matrix and the number of operations that did not take place.
func (r *Report) Summary() string {
	var text strings.Builder
	text.WriteString(r.Matrix.String())
	total := 0
	for _, n := range r.Extra {
		total += n
	}
	fmt.Fprintf(&text, "besides: %d operations that did not take place, %d of them false alarms %v\n", total, r.FalseAlarms, r.Extra)
	return text.String()
}

// List names the differences, one on a line.
func (r *Report) List() string {
	var text strings.Builder
	for i := range r.Differences {
		d := &r.Differences[i]
		fmt.Fprintf(&text, "%s: %s, judged %s%s\n", d.id(), d.outcome(), d.Got, d.why())
	}
	return text.String()
}

func (d *Difference) id() string {
	if d.Truth == nil {
		return d.Judged[0].ID
	}
	return d.Truth.ID
}

func (d *Difference) outcome() string {
	if d.Truth == nil {
		return "not an operation"
	}
	return d.Truth.Outcome
}

func (d *Difference) why() string {
	if d.Why == "" {
		return ""
	}
	return ": " + d.Why
}

// Detail shows a difference in full.
func (d *Difference) Detail() string {
	truth, err := json.MarshalIndent(d.Truth, "", " ")
	if err != nil {
		return err.Error()
	}
	judged, err := json.MarshalIndent(d.Judged, "", " ")
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s: %s, judged %s%s\ntruth: %s\nAPI: %s\n", d.id(), d.outcome(), d.Got, d.why(), truth, judged)
}

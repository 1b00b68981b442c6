//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/test/verdict"
)

const (
	// waitTolerance is how far a time in the queue may be from the truth, in seconds.
	waitTolerance = 0.005
	// shownDifferences is how many wrong operations a failure shows in full.
	shownDifferences = 10
)

// difference is one operation that is not as it was.
type difference struct {
	truth  *truth
	judged *verdict.Operation
	what   []string
}

// comparison sets a list of operations beside the truth.
type comparison struct {
	matrix      verdict.Matrix
	differences []difference
}

func compare(truths []truth, judged []verdict.Operation) *comparison {
	byID := map[string]*verdict.Operation{}
	for i := range judged {
		byID[judged[i].ID] = &judged[i]
	}
	var c comparison
	for i := range truths {
		want := &truths[i]
		got, ok := byID[want.ID]
		if !ok {
			c.matrix.Add(want.verdict(), verdict.Missing, false)
			c.differences = append(c.differences, difference{want, nil, []string{"the API does not know it"}})
			continue
		}
		delete(byID, want.ID)
		what := differ(want, got)
		c.matrix.Add(want.verdict(), got.Verdict(), want.verdict() == got.Verdict())
		if len(what) > 0 {
			c.differences = append(c.differences, difference{want, got, what})
		}
	}
	for _, got := range byID {
		c.matrix.Add("(none)", got.Verdict(), false)
		c.differences = append(c.differences, difference{nil, got, []string{"no such operation took place"}})
	}
	return &c
}

// differ says in what respects an operation is not as it was.
func differ(want *truth, got *verdict.Operation) []string {
	var d mismatches
	d.text("name", want.Name, got.Name)
	d.text("verdict", want.verdict(), got.Verdict())
	d.count("number of hops", len(want.Hops), len(got.Hops))
	for i := range min(len(want.Hops), len(got.Hops)) {
		d.hop(fmt.Sprintf("hop %d: ", i), &want.Hops[i], &got.Hops[i])
	}
	return d
}

// mismatches collects what differs within one operation.
type mismatches []string

func (d *mismatches) text(what, want, got string) {
	if want != got {
		*d = append(*d, fmt.Sprintf("%s: %q, truth %q", what, got, want))
	}
}

func (d *mismatches) count(what string, want, got int) {
	if want != got {
		*d = append(*d, fmt.Sprintf("%s: %d, truth %d", what, got, want))
	}
}

func (d *mismatches) hop(at string, want *truthHop, got *verdict.Hop) {
	d.text(at+"system", want.System, got.System)
	d.text(at+"destination", want.Destination, got.Destination)
	d.text(at+"message_id", want.MessageID, got.MessageID)
	d.text(at+"state", want.State, got.State)
	d.text(at+"producer", spanText(want.Producer), spanText(truthSpan{got.Producer.Service, got.Producer.TraceID, got.Producer.SpanID}))
	d.count(at+"number of consumers", len(want.Consumers), len(got.Consumers))
	for k := range min(len(want.Consumers), len(got.Consumers)) {
		d.consumer(fmt.Sprintf("%sconsumer %d: ", at, k), &want.Consumers[k], &got.Consumers[k])
	}
	if want.WaitSeconds == nil {
		return
	}
	if got.WaitSeconds == nil || math.Abs(*got.WaitSeconds-*want.WaitSeconds) > waitTolerance {
		*d = append(*d, fmt.Sprintf("%swait_seconds: %s, truth %v", at, asJSON(got.WaitSeconds), *want.WaitSeconds))
	}
}

func (d *mismatches) consumer(at string, want *truthConsumer, got *verdict.Consumer) {
	d.text(at+"group", want.Group, got.Group)
	d.text(at+"service", want.Service, got.Service)
	d.text(at+"state", want.State, got.State)
	d.count(at+"attempts", want.Attempts, got.Attempts)
	if want.State != stateProcessing {
		d.text(at+"span", spanText(want.truthSpan), spanText(truthSpan{got.Service, got.TraceID, got.SpanID}))
	}
	if (want.State == stateFailed || want.State == stateDeadLettered) && (got.Error == nil || got.Error.Type == "") {
		*d = append(*d, at+"error: none, but it failed with one")
	}
}

func spanText(s truthSpan) string { return s.Service + "/" + s.TraceID + "/" + s.SpanID }

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// err is nil if everything is as it was, otherwise it shows the first differences in full.
func (c *comparison) err() error {
	if len(c.differences) == 0 {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d operations are not as they were\n%s", len(c.differences), &c.matrix)
	for i := range c.differences[:min(len(c.differences), shownDifferences)] {
		d := &c.differences[i]
		fmt.Fprintf(&text, "\n%d. %s\ntruth: %s\nAPI: %s\n", i+1, strings.Join(d.what, "\n   "), asJSON(d.truth), asJSON(d.judged))
	}
	return fmt.Errorf("%s", &text)
}

// awaitVerdicts waits until the API shows every operation as it was, and nothing else, and prints the confusion matrix.
func (s *stand) awaitVerdicts(t *testing.T, truths []truth) []verdict.Operation {
	t.Helper()
	var judged []verdict.Operation
	var last *comparison
	await(t, verdictTimeout, "verdicts equal to the truth", func() error {
		var err error
		if judged, err = s.api.Operations(t.Context()); err != nil {
			return err
		}
		last = compare(truths, judged)
		return last.err()
	})
	t.Logf("confusion matrix: %s", &last.matrix)
	slices.SortFunc(judged, func(a, b verdict.Operation) int { return strings.Compare(a.ID, b.ID) })
	return judged
}

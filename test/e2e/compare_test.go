//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
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

func compare(truths []truth, judged []verdict.Operation) *comparison {
	c := comparison{truths: make(map[string]*truth, len(truths))}
	all := make([]*truth, len(truths))
	for i := range truths {
		all[i] = &truths[i]
		c.truths[truths[i].ID] = &truths[i]
	}
	c.Comparison = verdict.Compare(all, judged)
	return &c
}

// comparison sets a list of operations beside the truth.
type comparison struct {
	*verdict.Comparison
	truths map[string]*truth
}

// OperationID implements verdict.Truth.
func (o *truth) OperationID() string { return o.ID }

// Differ implements verdict.Truth.
func (o *truth) Differ(got *verdict.Operation, found *verdict.Mismatches) {
	found.Compare("name", got.Name, o.Name)
	found.Compare("verdict", got.Verdict(), o.Verdict())
	found.Compare("number of hops", len(got.Hops), len(o.Hops))
	for i := range min(len(o.Hops), len(got.Hops)) {
		o.Hops[i].differ(fmt.Sprintf("hop %d: ", i), &got.Hops[i], found)
	}
}

func (h *truthHop) differ(at string, got *verdict.Hop, found *verdict.Mismatches) {
	found.Compare(at+"system", got.System, h.System)
	found.Compare(at+"destination", got.Destination, h.Destination)
	found.Compare(at+"message_id", got.MessageID, h.MessageID)
	found.Compare(at+"state", got.State, h.State)
	found.Compare(at+"producer", truthSpan{got.Producer.Service, got.Producer.TraceID, got.Producer.SpanID}, h.Producer)
	found.Compare(at+"number of consumers", len(got.Consumers), len(h.Consumers))
	for k := range min(len(h.Consumers), len(got.Consumers)) {
		h.Consumers[k].differ(fmt.Sprintf("%sconsumer %d: ", at, k), &got.Consumers[k], found)
	}
	if h.WaitSeconds == nil {
		return
	}
	if got.WaitSeconds == nil || math.Abs(*got.WaitSeconds-*h.WaitSeconds) > waitTolerance {
		found.Compare(at+"wait_seconds", asJSON(got.WaitSeconds), *h.WaitSeconds)
	}
}

func (c *truthConsumer) differ(at string, got *verdict.Consumer, found *verdict.Mismatches) {
	found.Compare(at+"group", got.Group, c.Group)
	found.Compare(at+"service", got.Service, c.Service)
	found.Compare(at+"state", got.State, c.State)
	found.Compare(at+"attempts", got.Attempts, c.Attempts)
	if c.State != stateProcessing {
		found.Compare(at+"span", truthSpan{got.Service, got.TraceID, got.SpanID}, c.truthSpan)
	}
	if c.State == stateFailed || c.State == stateDeadLettered {
		found.Compare(at+"an error is known", got.Error != nil && got.Error.Type != "", true)
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
	if len(c.Differences) == 0 {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d operations are not as they were\n%s", len(c.Differences), &c.Matrix)
	for i, d := range c.Differences[:min(len(c.Differences), shownDifferences)] {
		fmt.Fprintf(&text, "\n%d. %s\ntruth: %s\nAPI: %s\n", i+1, strings.Join(d.What, "\n   "), asJSON(c.truths[d.ID]), asJSON(d.Judged))
	}
	return errors.New(text.String())
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
	t.Logf("confusion matrix: %s", &last.Matrix)
	slices.SortFunc(judged, func(a, b verdict.Operation) int { return strings.Compare(a.ID, b.ID) })
	return judged
}

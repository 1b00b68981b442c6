//go:build e2e

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// check compares everything with the truth, but for the operations that are excused: what each collector shows, what they derived,
// how Jaeger shows it, who was paged, and what of the telemetry was passed on. Collectors are stopped then.
func (s *stand) check(t *testing.T, truths []Truth, excused Excuses) []verdict.Operation {
	t.Helper()
	late := map[string]bool{}
	s.relay.Late(thresholds().Late, late)
	excusedLate := Excuse(truths, late)
	t.Logf("%d operations had something acknowledged more than %s late", excusedLate.Len(), thresholds().Late)
	var judged []verdict.Operation
	for i := range s.collectors {
		var c *Comparison
		await(t, settleTimeout, fmt.Sprintf("verdicts of collector %d equal to the truth", i), func() (err error) {
			if judged, err = s.api(i).Operations(t.Context()); err != nil {
				return err
			}
			c = Compare(truths, judged, excusedLate)
			return c.Err(excused)
		})
		t.Logf("collector %d: %s", i, &c.Matrix)
	}
	groups := Groups(truths, thresholds())
	told := func() error {
		return errors.Join(s.sink.Check(truths, thresholds(), excused), s.pager.Check(groups, excused), s.sink.CheckOriginals(s.relay.Spans()))
	}
	await(t, settleTimeout, "everything told once", told)
	s.checkJaeger(t, truths, judged, excused)
	for _, c := range s.collectors {
		require.NoError(t, c.Stop())
	}
	require.NoError(t, told(), "after a graceful end")
	t.Log(s)
	return judged
}

// jaegerTrace is a trace as Jaeger's API shows it, as far as it is looked at.
type jaegerTrace struct {
	Spans []struct {
		SpanID     string `json:"spanID"`
		References []struct {
			RefType string `json:"refType"`
			TraceID string `json:"traceID"`
		} `json:"references"`
		Tags []struct {
			Key   string `json:"key"`
			Value any    `json:"value"`
		} `json:"tags"`
	} `json:"spans"`
}

// checkJaeger asks for the derived traces of some of the operations.
func (s *stand) checkJaeger(t *testing.T, truths []Truth, judged []verdict.Operation, excused Excuses) {
	t.Helper()
	traceIDs := map[string]string{}
	for i := range judged {
		traceIDs[judged[i].ID] = judged[i].TraceID
	}
	sizes := s.sink.Traces()
	every := max(1, len(truths) / *sampled)
	const askers = 4
	wrong := make(chan string, len(truths))
	var asking sync.WaitGroup
	for asker := range askers {
		asking.Go(func() {
			for i := asker * every; i < len(truths); i += askers * every {
				o := &truths[i]
				if excused.Has(o.ID) {
					continue
				}
				if err := s.checkTrace(t, o, traceIDs[o.ID], sizes[traceIDs[o.ID]]); err != nil {
					wrong <- fmt.Sprintf("%s (%s): %v", o.ID, o.Verdict(), err)
				}
			}
		})
	}
	asking.Wait()
	close(wrong)
	var all []string
	for w := range wrong {
		all = append(all, w)
	}
	require.Empty(t, all[:min(len(all), shown)], "traces in Jaeger")
}

// jaegerTrace gets one trace.
func (s *stand) jaegerTrace(t *testing.T, id string) (*jaegerTrace, error) {
	t.Helper()
	var answer struct {
		Data []jaegerTrace `json:"data"`
	}
	if err := verdict.GetJSON(t.Context(), s.jaeger.URL+"/api/traces/"+id, &answer); err != nil {
		return nil, err
	}
	if len(answer.Data) != 1 {
		return nil, fmt.Errorf("%d traces with the ID %s", len(answer.Data), id)
	}
	return &answer.Data[0], nil
}

// checkTrace looks at one derived trace, or snapshot of what is stuck.
func (s *stand) checkTrace(t *testing.T, o *Truth, id string, size int) error {
	trace, err := s.jaegerTrace(t, id)
	if err != nil {
		return err
	}
	if len(trace.Spans) != size {
		return fmt.Errorf("%d spans in Jaeger, but %d were told", len(trace.Spans), size)
	}
	seen, roots := map[string]bool{}, 0
	for _, span := range trace.Spans {
		if seen[span.SpanID] {
			return fmt.Errorf("the span %s occurs twice", span.SpanID)
		}
		seen[span.SpanID] = true
		root := true
		for _, r := range span.References {
			root = root && (r.RefType != "CHILD_OF" || r.TraceID != id)
		}
		if !root {
			continue
		}
		roots++
		for _, tag := range span.Tags {
			if tag.Key == attrState && tag.Value != o.State {
				return fmt.Errorf("the state of the root is %v", tag.Value)
			}
		}
	}
	if roots != 1 {
		return fmt.Errorf("%d roots", roots)
	}
	return nil
}

// printLogs prints the ends of what collectors had to complain of, if the test has failed.
func (s *stand) printLogs(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	paths, err := filepath.Glob(filepath.Join(s.dir, "stack", "throughline-*.log"))
	require.NoError(t, err)
	for _, path := range paths {
		output, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := slices.DeleteFunc(strings.Split(string(output), "\n"), func(line string) bool {
			return strings.Contains(line, "\tinfo\t") && !strings.Contains(line, "operationsextension") || strings.Contains(line, `"grpc_log": true`)
		})
		t.Logf("the last complaints of %s:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-logTail):], "\n"))
	}
}

// logTail is how many lines a failed test prints of each collector.
const logTail = 40

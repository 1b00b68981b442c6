//go:build e2e

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// check compares everything with the truth, but for the operations that are excused: what each collector shows, what they derived,
// how Jaeger shows it, who was paged, and what of the telemetry was passed on. Collectors are stopped then.
func (s *stand) check(t *testing.T, truths []Truth, excused map[string]bool) []verdict.Operation {
	t.Helper()
	var judged []verdict.Operation
	for i := range s.collectors {
		var c *Comparison
		await(t, settleTimeout, fmt.Sprintf("verdicts of collector %d equal to the truth", i), func() (err error) {
			if judged, err = s.api(i).Operations(t.Context()); err != nil {
				return err
			}
			c = Compare(truths, judged)
			return c.Err(excused)
		})
		t.Logf("collector %d: %s", i, &c.Matrix)
	}
	groups := Groups(truths, thresholds)
	told := func() error {
		return errors.Join(s.sink.Check(truths, thresholds, excused), s.pager.Check(groups, excused), s.sink.CheckOriginals(s.relay.Spans()))
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
func (s *stand) checkJaeger(t *testing.T, truths []Truth, judged []verdict.Operation, excused map[string]bool) {
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
				if excused[o.ID] {
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
	require.Empty(t, all, "traces in Jaeger")
}

// checkTrace looks at one derived trace, or snapshot of what is stuck.
func (s *stand) checkTrace(t *testing.T, o *Truth, id string, size int) error {
	var answer struct {
		Data []jaegerTrace `json:"data"`
	}
	if err := verdict.GetJSON(t.Context(), s.jaeger.URL+"/api/traces/"+id, &answer); err != nil {
		return err
	}
	if len(answer.Data) != 1 || len(answer.Data[0].Spans) != size {
		return fmt.Errorf("%d traces, not 1 with %d spans: %+v", len(answer.Data), size, answer.Data)
	}
	seen, roots := map[string]bool{}, 0
	for _, span := range answer.Data[0].Spans {
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

// keepLogs prints the ends of the outputs of collectors if the test has failed.
func (s *stand) keepLogs(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	paths, err := filepath.Glob(filepath.Join(s.dir, "stack", "*.log"))
	require.NoError(t, err)
	for _, path := range paths {
		output, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		t.Logf("the last lines of %s:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-logTail):], "\n"))
	}
}

// logTail is how much of an output a failed test prints.
const logTail = 40

//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/test/stack"
	"github.com/throughline/throughline/test/verdict"
)

// jaegers are three of them that are told the same by one collector.
type jaegers struct {
	*stand
	// all are by what is special about them: the first is the stand's own, with a memory store.
	all  []namedJaeger
	sent func() *sentTelemetry
}

type namedJaeger struct {
	name string
	*stack.Jaeger
}

// startJaegers starts a collector with that configuration before three Jaegers: one with each store, and one that adjusts
// times to clock skew.
func startJaegers(t *testing.T, overlay string) *jaegers {
	t.Helper()
	dir := t.TempDir()
	servers, err := stack.New(stack.Settings{BinDir: binDir, WorkDir: filepath.Join(dir, "badger")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Stop()) })
	badger, err := servers.StartJaeger(t.Context(), stack.JaegerSettings{Badger: true})
	require.NoError(t, err)
	others, err := stack.New(stack.Settings{BinDir: binDir, WorkDir: filepath.Join(dir, "adjusting")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, others.Stop()) })
	adjusting, err := others.StartJaeger(t.Context(), stack.JaegerSettings{MaxClockSkewAdjust: 30 * time.Second})
	require.NoError(t, err)
	traces, logs := filepath.Join(dir, "traces.jsonl"), filepath.Join(dir, "logs.jsonl")
	s := start(t, setup{overlays: []string{overlay, "testdata/jaegers.yaml"}, env: []string{
		"E2E_JAEGER_BADGER=" + badger.OTLP, "E2E_JAEGER_ADJUSTING=" + adjusting.OTLP, "E2E_RAW_TRACES=" + traces, "E2E_RAW_LOGS=" + logs,
	}})
	return &jaegers{
		stand: s,
		all:   []namedJaeger{{"memory", s.jaeger}, {"badger", badger}, {"adjusting clock skew", adjusting}},
		sent:  func() *sentTelemetry { return readSent(t, traces, logs) },
	}
}

// TestDerivedTraces compares the derived trace of every scenario, for each way in which messages carry their context, with
// what the truth and the original spans say it should be: the tree, times, statuses, events and links, over both APIs of
// Jaeger, with each store, and however much of clock skew Jaeger adjusts.
func TestDerivedTraces(t *testing.T) {
	s := startJaegers(t, "testdata/scenarios.yaml")
	runs := map[string]func() []truth{}
	for propagation, seed := range map[string]string{"trace": "71", "link": "72", "none": "73"} {
		runs[propagation] = s.traffic(t, "--operations", "100", "--rate", "25", "--seed", seed, "--mix", everyScenario,
			"--long", "4s", "--propagation", propagation)
	}
	// These are stuck for some time.
	runs["none, recovered"] = s.traffic(t, "--operations", "10", "--rate", "10", "--seed", "74", "--mix", "never_consumed=1",
		"--recover", "12s", "--propagation", "none")
	var truths []truth
	of := map[string]string{}
	for name, end := range runs {
		propagation, _, _ := strings.Cut(name, ",")
		for _, op := range end() {
			truths = append(truths, op)
			of[op.ID] = propagation
		}
	}
	judged := s.awaitVerdicts(t, truths)
	traceIDs := map[string]string{}
	for i := range judged {
		traceIDs[judged[i].ID] = judged[i].TraceID
	}
	sent := s.sent()
	roots := map[string]*shownSpan{}
	var differ []string
	for i := range truths {
		op := &truths[i]
		expected := &expectation{op: op, sent: sent, propagation: of[op.ID]}
		if wrong := s.checkDerived(t, expected, traceIDs[op.ID]); len(wrong) > 0 {
			differ = append(differ, fmt.Sprintf("%s (%s, propagation %s): %s", op.ID, op.Scenario, of[op.ID], strings.Join(wrong, "\n")))
		}
		roots[traceIDs[op.ID]] = expected.root
	}
	require.Empty(t, differ, "%d derived traces are not what they should be: %s", len(differ),
		strings.Join(differ[:min(len(differ), shownDifferences)], "\n"))
	t.Logf("%d derived traces are as the model has them, over both APIs of %d Jaegers", len(truths), len(s.all))
	s.checkSnapshots(t, truths, traceIDs)
	s.checkAdjusted(t, truths)
	for _, j := range s.all {
		s.checkCount(t, j, truths)
		s.checkSearch(t, j, truths, roots)
	}
	s.checkHealthy(t)
}

// checkSnapshots follows the links between the snapshot of when an operation was stuck and the final trace, both ways.
func (s *jaegers) checkSnapshots(t *testing.T, truths []truth, traceIDs map[string]string) {
	t.Helper()
	followed := 0
	for i := range truths {
		op := &truths[i]
		if !op.recovered() {
			continue
		}
		final, snapshot := s.root(t, traceIDs[op.ID]), s.root(t, s.root(t, traceIDs[op.ID]).link("snapshot").trace)
		require.Equal(t, final.link("snapshot").span, snapshot.id)
		require.Equal(t, shownLink{traceIDs[op.ID], final.id, "final", ""}, snapshot.link("final"))
		require.Equal(t, traceIDs[op.ID], snapshot.attributes["async.operation.trace_id"])
		require.Equal(t, op.ID, snapshot.attributes["async.operation.id"])
		require.Equal(t, stateStuck, snapshot.attributes["async.operation.state"])
		require.Equal(t, stateWaiting, snapshot.attributes["async.operation.reason"])
		require.Equal(t, "true", snapshot.attributes["async.operation.snapshot"])
		followed++
	}
	require.NotZero(t, followed)
}

// root is the root of a trace in the Jaeger that keeps all that links say.
func (s *jaegers) root(t *testing.T, traceID string) *shownSpan {
	t.Helper()
	spans, err := spansV3(t, s.jaeger.URL, traceID)
	require.NoError(t, err)
	root := slices.IndexFunc(spans, func(span shownSpan) bool { return span.parent == "" })
	require.GreaterOrEqual(t, root, 0, "the trace %s has no root", traceID)
	return &spans[root]
}

// checkAdjusted checks that the one Jaeger does adjust times: those of originals, whose consumers begin after their
// producers have ended. Otherwise it would be no wonder that it adjusts none of the derived ones.
func (s *jaegers) checkAdjusted(t *testing.T, truths []truth) {
	t.Helper()
	moved := 0
	for i := range truths {
		id := truths[i].Hops[0].Producer.TraceID
		asRecorded, err := getJaegerTrace(t, s.all[0].URL, id)
		require.NoError(t, err)
		adjusted, err := getJaegerTrace(t, s.all[2].URL, id)
		require.NoError(t, err)
		at := map[string]int64{}
		for k := range asRecorded.Spans {
			at[asRecorded.Spans[k].SpanID] = asRecorded.Spans[k].StartTime
		}
		for k := range adjusted.Spans {
			if adjusted.Spans[k].StartTime != at[adjusted.Spans[k].SpanID] {
				moved++
			}
		}
	}
	require.NotZero(t, moved)
	t.Logf("%d original spans are shown at another time where Jaeger adjusts clock skew, and no derived one", moved)
}

// expectation is what a derived trace is compared with.
type expectation struct {
	op          *truth
	sent        *sentTelemetry
	propagation string
	// root is the model's, once a trace was compared with it.
	root *shownSpan
}

// checkDerived compares what each Jaeger has of an operation with what it deserves, and returns what differs.
func (s *jaegers) checkDerived(t *testing.T, want *expectation, traceID string) []string {
	t.Helper()
	first, wrong := s.same(t, want.op.ID, traceID)
	return append(wrong, want.check(first)...)
}

// same returns a derived trace as the Jaeger has it that keeps all that links say, and what any of the others has otherwise,
// over either API.
func (s *jaegers) same(t *testing.T, id, traceID string) (first []shownSpan, wrong []string) {
	t.Helper()
	for i, j := range s.all {
		var fine, rough []shownSpan
		await(t, traceTimeout, "derived trace of "+id, func() (err error) {
			if fine, err = spansV3(t, j.URL, traceID); err != nil {
				return err
			}
			rough, err = spansV1(t, j.URL, traceID)
			return err
		})
		if d := treeDiff(treeText(coarse(fine), everything), treeText(rough, everything)); d != "" {
			wrong = append(wrong, j.name+", version 1 of the API beside version 3:\n"+d)
		}
		if i == 0 {
			first = fine
			continue
		}
		if d := treeDiff(treeText(unreasoned(first), everything), treeText(unreasoned(fine), everything)); d != "" {
			wrong = append(wrong, j.name+" beside memory:\n"+d)
		}
	}
	return first, wrong
}

// check compares a trace with the model.
func (e *expectation) check(shown []shownSpan) []string {
	root := slices.IndexFunc(shown, func(span shownSpan) bool { return span.parent == "" })
	if root < 0 {
		return []string{"no root"}
	}
	expected, wrong := expectedTree(e.op, e.sent, e.propagation, &shown[root])
	e.root = &expected[0]
	known := func(key string) bool { return modelKeys[key] }
	if d := treeDiff(treeText(expected, known), treeText(shown, known)); d != "" {
		wrong = append(wrong, "the model beside Jaeger:\n"+d)
	}
	return wrong
}

// checkCount counts the derived traces: one for each operation, which is a snapshot for one that is stuck, and a snapshot
// beside it for one that was. Both APIs list them by the names of their roots.
func (s *jaegers) checkCount(t *testing.T, j namedJaeger, truths []truth) {
	t.Helper()
	roots := map[[2]string]int{}
	for i := range truths {
		root := [2]string{truths[i].Hops[0].Producer.Service, "async " + truths[i].Name}
		roots[root]++
		if truths[i].recovered() {
			roots[root]++
		}
	}
	for root, count := range roots {
		var listed struct {
			Data []struct {
				TraceID string `json:"traceID"`
			} `json:"data"`
		}
		from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		query := url.Values{
			"service": {root[0]}, "operation": {root[1]}, "limit": {"10000"},
			"start": {strconv.FormatInt(from.UnixMicro(), 10)}, "end": {strconv.FormatInt(to.UnixMicro(), 10)},
		}
		require.NoError(t, verdict.GetJSON(t.Context(), j.URL+"/api/traces?"+query.Encode(), &listed))
		require.Len(t, listed.Data, count, "%s: derived traces of %v", j.name, root)

		query = url.Values{
			"query.service_name": {root[0]}, "query.operation_name": {root[1]}, "query.num_traces": {"10000"},
			"query.start_time_min": {from.UTC().Format(time.RFC3339Nano)}, "query.start_time_max": {to.UTC().Format(time.RFC3339Nano)},
		}
		td, err := getOTLP(t, j.URL+"/api/v3/traces?"+query.Encode())
		require.NoError(t, err)
		require.Len(t, traceIDsOf(td), count, "%s: derived traces of %v, version 3", j.name, root)
	}
}

func traceIDsOf(td ptrace.Traces) map[pcommon.TraceID]bool {
	ids := map[pcommon.TraceID]bool{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				ids[span.TraceID()] = true
			}
		}
	}
	return ids
}

// searchKeys are what one searches for in Jaeger.
var searchKeys = []string{
	"async.operation.id", "async.operation.name", "async.operation.state", "async.operation.reason", "async.operation.owner",
	"messaging.destination.name", "error.type",
}

// checkSearch finds an operation of each scenario by everything that one searches for and that it has.
func (s *jaegers) checkSearch(t *testing.T, j namedJaeger, truths []truth, roots map[string]*shownSpan) {
	t.Helper()
	traceIDs := map[string]string{}
	for id, root := range roots {
		traceIDs[root.attributes["async.operation.id"]] = id
	}
	seen, found := map[string]bool{}, map[string]int{}
	for i := range truths {
		op := &truths[i]
		if seen[op.Scenario] {
			continue
		}
		seen[op.Scenario] = true
		traceID := traceIDs[op.ID]
		for _, key := range searchKeys {
			if value := roots[traceID].attributes[key]; value != "" {
				s.find(t, j, roots[traceID].service, map[string]string{"async.operation.id": op.ID, key: value}, traceID)
				found[key]++
			}
		}
		for k := range op.Hops {
			queue := op.Hops[k].Destination
			s.find(t, j, "queue:"+queue, map[string]string{"async.operation.id": op.ID, "messaging.destination.name": queue}, traceID)
		}
	}
	for _, key := range searchKeys {
		require.NotZero(t, found[key], "no operation has %s", key)
	}
}

// find searches by attributes and expects the one trace. What is derived is searched beside the originals, which have the
// operation's ID too.
func (s *jaegers) find(t *testing.T, j namedJaeger, service string, tags map[string]string, traceID string) {
	t.Helper()
	found, err := searchJaeger(t, j.URL, service, tags)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(found, func(trace jaegerTrace) bool { return trace.TraceID == traceID }),
		"%s: not among the %d traces of %s with %v", j.name, len(found), service, tags)
	require.LessOrEqual(t, len(found), 1+maxOriginals, "%s: %v", j.name, tags)
}

// maxOriginals is how many original traces an operation of asyncgen can have in one service.
const maxOriginals = 4

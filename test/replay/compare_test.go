package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

func happened(id, outcome string) Operation {
	return Operation{ID: id, Outcome: outcome, Keys: map[string]any{"correlationId": "c-" + id}}
}

func judgedAs(id, state, reason string, flags ...string) verdict.Operation {
	return verdict.Operation{ID: id, State: state, Reason: reason, Flags: flags}
}

func TestCompare(t *testing.T) {
	numeric := happened("n", "failed")
	numeric.Keys = map[string]any{"app.order_id": 880101.0}
	truth := Truth{Operations: []Operation{
		happened("right", "completed"), happened("alias", "never_consumed"), numeric, happened("flag", "duplicate"),
		happened("lost", "completed"), happened("split", "completed"), happened("one", "killed"), happened("two", "completed"),
	}}
	byAlias := judgedAs("something", "stuck", "waiting")
	byAlias.Aliases = []string{"c-alias"}
	both := judgedAs("one", "stuck", "processing")
	both.Aliases = []string{"two"}
	report, err := Compare(&truth, []verdict.Operation{
		judgedAs("right", "completed", ""), byAlias, judgedAs("880101", "failed", ""), judgedAs("flag", "completed", ""),
		judgedAs("split", "completed", ""), judgedAs("c-split", "completed", ""), both,
		judgedAs("probe", "completed", ""), judgedAs("ghost", "stuck", "waiting"),
	})
	require.NoError(t, err)
	require.Equal(t, 8, report.Matrix.Total())
	require.Equal(t, 4, report.Matrix.Right())
	require.Equal(t, map[string]int{"completed": 1, "stuck/waiting": 1}, report.Extra)
	require.Equal(t, 1, report.FalseAlarms)
	require.Equal(t, `flag: duplicate, judged completed
lost: completed, judged missing: no operation has any of its keys
split: completed, judged split: it is 2 operations
two: completed, judged merged: it is one operation with one
ghost: not an operation, judged stuck/waiting: no such operation took place
`, report.List())
	require.Contains(t, report.Summary(), "besides: 2 operations that did not take place, 1 of them false alarms")
	require.Contains(t, report.Differences[0].Detail(), `"op_id": "flag"`)

	_, err = Compare(&Truth{Operations: []Operation{happened("x", "vanished")}}, nil)
	require.ErrorContains(t, err, `x: outcome "vanished" is not known`)
}

func TestExpectedFlags(t *testing.T) {
	retried := happened("r", "failed")
	retried.Hops = []Hop{{Deliveries: []Delivery{{Result: resultError, MessageID: "m"}, {Result: resultError, MessageID: "m"}}}}
	expected, err := retried.Expect()
	require.NoError(t, err)
	require.True(t, expected.Met("failed", "", nil))
	require.True(t, expected.Met("failed", "", []string{"retried"}), "it was retried, though that is not why it is called failed")
	require.False(t, expected.Met("failed", "", []string{"duplicated"}))

	once := happened("o", "completed")
	expected, err = once.Expect()
	require.NoError(t, err)
	require.False(t, expected.Met("completed", "", []string{"retried"}))
	require.False(t, expected.Met("stuck", "waiting", nil))

	twice := happened("d", "duplicate")
	expected, err = twice.Expect()
	require.NoError(t, err)
	require.False(t, expected.Met("completed", "", nil))
	require.True(t, expected.Met("completed", "", []string{"duplicated"}))
	require.Equal(t, "completed+duplicated", expected.Verdict())
}

package replay

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestDuplicatedSendsEverythingAgainLater(t *testing.T) {
	all := requests("a", "b", "c", "d", "e", "f")
	arranged, err := Arrange(all, OrderDuplicated, 3)
	require.NoError(t, err)
	sent := text(arranged)
	require.Len(t, sent, 12)
	var firsts, seconds []int
	for _, name := range "abcdef" {
		require.Equal(t, 2, strings.Count(sent, string(name)))
		firsts = append(firsts, strings.IndexRune(sent, name))
		seconds = append(seconds, strings.LastIndex(sent, string(name)))
	}
	require.True(t, slices.IsSorted(firsts), "the first time in order of arrival")
	require.False(t, slices.IsSorted(seconds), "the second time in another: %s", sent)

	arranged, err = Arrange(all, OrderDuplicatedShuffled, 3)
	require.NoError(t, err)
	require.ElementsMatch(t, append(slices.Clone(all), all...), arranged)
	require.NotEqual(t, sent, text(arranged))
}

func TestSplitLeavesOneRecordInEachRequest(t *testing.T) {
	td := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"x"},"spans":[{"name":"a"},{"name":"b"}]}]}]}`
	ld := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"c"}},{"body":{"stringValue":"d"}}]}]}]}`
	all, err := Split(requests(td, ld))
	require.NoError(t, err)
	require.Len(t, all, 4)
	var names []string
	for _, r := range all {
		if r.Signal == SignalTraces {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(r.Body)
			require.NoError(t, err)
			require.Equal(t, 1, td.SpanCount())
			rs := td.ResourceSpans().At(0)
			require.Equal(t, map[string]any{"service.name": "s"}, rs.Resource().Attributes().AsRaw())
			require.Equal(t, "x", rs.ScopeSpans().At(0).Scope().Name())
			names = append(names, rs.ScopeSpans().At(0).Spans().At(0).Name())
			continue
		}
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(r.Body)
		require.NoError(t, err)
		require.Equal(t, 1, ld.LogRecordCount())
		names = append(names, ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
	}
	require.Equal(t, []string{"a", "b", "c", "d"}, names)

	_, err = Split(requests("{"))
	require.ErrorContains(t, err, "request 1, traces")
}

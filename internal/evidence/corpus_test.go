package evidence

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/test/replay"
)

// corpus calls see for one recorded span and one recorded log record of each shape: the same library, the same attributes.
func corpus(tb testing.TB, spans func(ptrace.Traces), records func(plog.Logs)) {
	folders, err := filepath.Glob("../../test/conformance/testdata/*/TRUTH.json.gz")
	require.NoError(tb, err)
	require.NotEmpty(tb, folders)
	seen := map[string]bool{}
	fresh := func(shape ...string) bool {
		key := strings.Join(shape, "\x00")
		known := seen[key]
		seen[key] = true
		return !known
	}
	for _, folder := range folders {
		r, err := replay.Load(filepath.Dir(folder))
		require.NoError(tb, err)
		all, err := replay.Split(r.Requests)
		require.NoError(tb, err)
		for i := range all {
			switch all[i].Signal {
			case replay.SignalTraces:
				td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(all[i].Body)
				require.NoError(tb, err)
				scope := td.ResourceSpans().At(0).ScopeSpans().At(0)
				span := scope.Spans().At(0)
				shape := []string{"span", scope.Scope().Name(), span.Kind().String(), span.Status().Code().String()}
				for name := range span.Attributes().All() {
					shape = append(shape, name)
				}
				if fresh(shape...) {
					spans(td)
				}
			case replay.SignalLogs:
				ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(all[i].Body)
				require.NoError(tb, err)
				scope := ld.ResourceLogs().At(0).ScopeLogs().At(0)
				record := scope.LogRecords().At(0)
				shape := []string{"log", scope.Scope().Name(), record.SeverityText(), record.Body().Type().String()}
				for name := range record.Attributes().All() {
					shape = append(shape, name)
				}
				if fresh(shape...) {
					records(ld)
				}
			}
		}
	}
}

// seedTraces gives a fuzz target spans that real libraries made.
func seedTraces(f *testing.F) {
	corpus(f, func(td ptrace.Traces) {
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(f, err)
		f.Add(data)
	}, func(plog.Logs) {})
}

// seedLogs gives a fuzz target log records that real loggers made.
func seedLogs(f *testing.F) {
	corpus(f, func(ptrace.Traces) {}, func(ld plog.Logs) {
		data, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(f, err)
		f.Add(data)
	})
}

func TestTheCorpusHasManyShapes(t *testing.T) {
	spans, records, facts := 0, 0, 0
	x := extractor(t)
	b := &Batch{}
	corpus(t, func(td ptrace.Traces) {
		spans++
		b.Reset()
		x.Traces(b, td)
		requireSound(t, b)
		facts += len(b.Facts)
	}, func(ld plog.Logs) {
		records++
		b.Reset()
		x.Logs(b, ld)
		requireSound(t, b)
		facts += len(b.Facts)
	})
	require.Greater(t, spans, 100)
	require.Greater(t, records, 40)
	require.Greater(t, facts, 100)
	t.Logf("%d spans, %d log records, %d facts", spans, records, facts)
}

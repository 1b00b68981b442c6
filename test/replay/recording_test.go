package replay

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestLoadTheShippedRecordings(t *testing.T) {
	for _, tc := range []struct {
		name                             string
		operations, requests, spans, log int
	}{
		{"node-amqplib", 156, 162, 1185, 916},
		{"go-kotel", 129, 180, 1898, 755},
	} {
		t.Run(tc.name, func(t *testing.T) {
			recording, err := Load(filepath.Join("../conformance/testdata", tc.name))
			require.NoError(t, err)
			require.Equal(t, tc.name, recording.Name)
			require.Equal(t, tc.name, recording.Truth.Scenario)
			require.Len(t, recording.Truth.Operations, tc.operations)
			require.Len(t, recording.Requests, tc.requests)

			spans, records := 0, 0
			for i, request := range recording.Requests {
				require.False(t, i > 0 && request.At.Before(recording.Requests[i-1].At), "order of arrival")
				if request.Signal == SignalTraces {
					td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(request.Body)
					require.NoError(t, err)
					spans += td.SpanCount()
					continue
				}
				ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(request.Body)
				require.NoError(t, err)
				records += ld.LogRecordCount()
			}
			require.Equal(t, tc.spans, spans)
			require.Equal(t, tc.log, records)
			for i := range recording.Truth.Operations {
				_, err := recording.Truth.Operations[i].Expect()
				require.NoError(t, err)
			}
		})
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	files := map[string]string{
		"TRUTH.json": `{"scenario":"x"}`, "traces.json": "{}\n{}\n", "logs.json": "",
		"arrivals.jsonl": `{"t":1,"signal":"traces","line":2}` + "\n" + `{"t":2,"signal":"metrics","line":9}`,
	}
	write := func(change map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if changed, ok := change[name]; ok {
				text = changed
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		return dir
	}
	recording, err := Load(write(nil))
	require.NoError(t, err)
	require.Len(t, recording.Requests, 1)

	for _, tc := range []struct{ name, text, want string }{
		{"TRUTH.json", "{", "TRUTH.json of"},
		{"arrivals.jsonl", `{"t":1,"signal":"traces","line":3}`, "line 1: line 3 of traces: there are 2"},
		{"arrivals.jsonl", `{"t":1,"signal":"logs","line":1}`, "there are 0"},
		{"arrivals.jsonl", `{"t":1,"signal":"profiles","line":1}`, `signal "profiles": must be`},
		{"arrivals.jsonl", `nonsense`, "line 1"},
	} {
		_, err := Load(write(map[string]string{tc.name: tc.text}))
		require.ErrorContains(t, err, tc.want)
	}
	_, err = Load(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)

	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "TRUTH.json.gz"), []byte("no gzip"), 0o600))
	_, err = Load(broken)
	require.ErrorContains(t, err, "TRUTH.json.gz: ")
}

package benchmark

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/test/replay"
)

// orderKeys are what the recorded applications call the IDs of their operations.
var orderKeys = []string{"order_id", "orderId", "order.id", "app.order_id"}

// recorded are the requests of a recording, in order of arrival.
func recorded(tb testing.TB, folder string) []request {
	r, err := replay.Load(folder)
	require.NoError(tb, err)
	all := make([]request, len(r.Requests))
	for i := range r.Requests {
		body := r.Requests[i].Body
		if r.Requests[i].Signal == replay.SignalLogs {
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(body)
			require.NoError(tb, err)
			all[i] = logRequest(tb, ld)
			continue
		}
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(body)
		require.NoError(tb, err)
		all[i] = traceRequest(tb, td)
	}
	return all
}

func recordings(tb testing.TB) []string {
	folders, err := filepath.Glob("../../test/conformance/testdata/*/TRUTH.json.gz")
	require.NoError(tb, err)
	require.NotEmpty(tb, folders)
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	return folders
}

// BenchmarkRecordings measures telemetry of real applications: each recording by itself, and all of them one after another.
func BenchmarkRecordings(b *testing.B) {
	var all []request
	for _, folder := range recordings(b) {
		of := recorded(b, folder)
		all = append(all, of...)
		b.Run(filepath.Base(folder), func(b *testing.B) { compare(b, of, orderKeys...) })
	}
	b.Run("all", func(b *testing.B) { compare(b, all, orderKeys...) })
}

func TestRecordingsAreEvidence(t *testing.T) {
	for _, folder := range recordings(t) {
		in := newIngester(t, orderKeys...)
		for _, r := range recorded(t, folder) {
			got := r.receive(t)
			in.takeReceived(&got)
		}
		require.Greater(t, in.engine.Stats().Operations, 50, folder)
	}
}

package conformance

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/replay"
)

// coverageReport is what the tests read of GET /api/v1/coverage.
type coverageReport struct {
	Services []struct {
		Service          string
		Records, Waiting int
		Attached, Lost   map[string]int
	}
}

// cover replays a recording in true time and returns the report on it, also as text.
func cover(t *testing.T, r *replay.Recording) (report coverageReport, text string) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour) // synctest: fake time
		requests, err := replay.Shift(r.Requests, time.Since(r.Requests[0].At)+time.Minute)
		require.NoError(t, err)
		p := newPipeline(t)
		defer p.close()
		p.sendInTime(requests)
		time.Sleep(settling) // synctest: fake time
		p.get("/api/v1/coverage", &report)
		reply := httptest.NewRecorder()
		p.api.ServeHTTP(reply, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/coverage?format=text", nil))
		require.Equal(t, http.StatusOK, reply.Code)
		text = reply.Body.String()
	})
	return report, text
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// TestCoverage: nearly all messaging records of real applications find an operation, and none is unaccounted for.
// `go test -v -run TestCoverage` shows the reports.
func TestCoverage(t *testing.T) {
	for _, name := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			report, text := cover(t, load(t, name))
			t.Log("\n" + text)
			require.NotEmpty(t, report.Services)
			records, attached := 0, 0
			for _, s := range report.Services {
				require.Equal(t, s.Records, sum(s.Attached)+s.Waiting+sum(s.Lost), s.Service)
				require.Zero(t, s.Waiting, "%s: nothing waits for ever", s.Service)
				records += s.Records
				attached += sum(s.Attached)
			}
			require.GreaterOrEqual(t, float64(attached), 0.99*float64(records))
		})
	}
}

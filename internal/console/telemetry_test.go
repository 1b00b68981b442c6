package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/gap"
)

func TestTelemetry(t *testing.T) {
	habit := gap.Habit{Usual: int64(5 * time.Second), Threshold: int64(30 * time.Second), Lag: int64(time.Second), At: ago(time.Minute)}
	lasts := gap.Gap{ID: 3, Service: "work<er>", Kind: gap.KindSilent, From: ago(time.Minute)}
	lasts.Signals[gap.SignalTraces], lasts.Signals[gap.SignalLogs] = true, true
	h := handler(&memory{watched: Telemetry{
		Enabled: true,
		Services: []gap.Service{
			{Service: "work<er>", Signals: [gap.SignalCount]gap.Habit{habit, habit}, Gap: lasts},
			{Service: "nightly", Signals: [gap.SignalCount]gap.Habit{habit}, Gap: gap.Gap{ID: 4}, Idle: true},
			{Service: "new", Signals: [gap.SignalCount]gap.Habit{{}, {Lag: -1, At: ago(time.Second)}}},
		},
		Gaps: []gap.Gap{lasts, {ID: 1, Kind: gap.KindCollectorDown, From: ago(time.Hour), Until: ago(50 * time.Minute), Filled: 0.25}},
	}})
	for _, tc := range []struct{ golden, target string }{
		{"telemetry", "/api/v1/telemetry"},
		{"telemetry_first", "/api/v1/telemetry?limit=1"},
	} {
		w := do(t, h, http.MethodGet, tc.target)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		requireGolden(t, tc.golden, w.Body.Bytes())
		requireSchema(t, "Telemetry", w.Body.Bytes())
	}
	require.Equal(t, http.StatusBadRequest, do(t, h, http.MethodGet, "/api/v1/telemetry?limit=no").Code)
}

package operationsextension

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

// handled is an operation whose message waited for so long, by a worker whose clock is behind by ten seconds.
func handled(o *operations, n byte, waited time.Duration) string {
	id := fmt.Sprintf("o-%d", n)
	send, process := sent(id, n), processed(n)
	process.At += int64(waited - 10*time.Second)
	process.End = process.At + int64(time.Second)
	o.Apply(time.Now(), []operation.Fact{send, process}, nil)
	return id
}

// shown is what the API shows at a path.
func shown(t *testing.T, o *operations, path string, into any) {
	t.Helper()
	w := httptest.NewRecorder()
	console.Handler(console.Settings{Source: o.Console()}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), into))
}

type shownOperation struct {
	Flags []string
	Hops  []struct {
		Wait float64 `json:"wait_seconds"`
	}
}

func TestWaitsBetweenClocksThatDisagreeAreCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, nil)
		for n := range byte(6) {
			handled(o, n+1, 100*time.Millisecond)
			time.Sleep(5 * time.Second) // synctest: fake time
		}
		time.Sleep(time.Minute) // synctest: fake time
		id := handled(o, 7, 15*time.Second)
		time.Sleep(time.Minute) // synctest: fake time

		var got shownOperation
		shown(t, o, "/api/v1/operations/"+id, &got)
		require.Equal(t, []string{"skewed"}, got.Flags)
		require.InDelta(t, 14.9, got.Hops[0].Wait, 0.01, "recorded as 5 s; what is proven is 9.9 s")

		var clocks struct {
			Enabled bool
			Clocks  []struct {
				Ahead, Behind string
				Offset        float64 `json:"offset_seconds"`
			}
			Waits struct{ Observed, Negative int }
		}
		shown(t, o, "/api/v1/clocks", &clocks)
		require.True(t, clocks.Enabled)
		require.Len(t, clocks.Clocks, 1)
		require.Equal(t, "api", clocks.Clocks[0].Ahead)
		require.Equal(t, "worker", clocks.Clocks[0].Behind)
		require.InDelta(t, 9.9, clocks.Clocks[0].Offset, 0.01)
		require.Equal(t, 7, clocks.Waits.Observed)
		require.Equal(t, 6, clocks.Waits.Negative)
		metadatatest.AssertEqualOperationsClockPairs(t, telemetry, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualOperationsClockWaits(t, telemetry, []metricdata.DataPoint[int64]{
			{Value: 0, Attributes: attribute.NewSet(attribute.String("result", "ignored"))},
			{Value: 6, Attributes: attribute.NewSet(attribute.String("result", "negative"))},
			{Value: 7, Attributes: attribute.NewSet(attribute.String("result", "observed"))},
			{Value: 0, Attributes: attribute.NewSet(attribute.String("result", "refused"))},
		}, metricdatatest.IgnoreTimestamp())

		found := false
		for _, m := range measureAll(t, o).Collect(time.Now()).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			if m.Name() == "async.clock.offset" {
				found = true
				require.InDelta(t, 9.9, m.Gauge().DataPoints().At(0).DoubleValue(), 0.01)
			}
		}
		require.True(t, found)
	})
}

func TestClocksAreTakenToAgreeIfAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.ClockSkew.Enabled = false })
		for n := range byte(6) {
			handled(o, n+1, 100*time.Millisecond)
			time.Sleep(5 * time.Second) // synctest: fake time
		}
		time.Sleep(time.Minute) // synctest: fake time
		id := handled(o, 7, 15*time.Second)
		time.Sleep(time.Minute) // synctest: fake time
		var got shownOperation
		shown(t, o, "/api/v1/operations/"+id, &got)
		require.Empty(t, got.Flags)
		require.InDelta(t, 5, got.Hops[0].Wait, 0.01, "as it was recorded")
		var clocks struct {
			Enabled bool
			Clocks  []any
		}
		shown(t, o, "/api/v1/clocks", &clocks)
		require.False(t, clocks.Enabled)
		require.Empty(t, clocks.Clocks)
		require.Zero(t, o.clocks.waits()["observed"])
	})
}

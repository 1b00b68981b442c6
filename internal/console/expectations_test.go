package console

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/operation"
)

func expectation(t *testing.T, rule string, c expect.Config) Expectation {
	schedule, err := c.Schedule("expect")
	require.NoError(t, err)
	return Expectation{Status: expect.Status{Rule: rule, Schedule: schedule}, Name: rule}
}

func TestExpectations(t *testing.T) {
	nightly := expectation(t, "night<ly>", expect.Config{Cron: "30 2 * * *", Timezone: "Europe/Berlin"})
	nightly.DueAt, nightly.LastStartedAt = time.Unix(0, now).Add(16*time.Hour), time.Unix(0, ago(48*time.Hour))
	nightly.Missed = &expect.Missed{FirstDueAt: time.Unix(0, ago(32*time.Hour)), DueAt: time.Unix(0, ago(8*time.Hour)), Count: 2}
	nightly.State, nightly.OperationID = operation.StateStuck, "missed:night<ly>:2026-11-20T02:00:00Z"
	hourly := expectation(t, "hourly", expect.Config{Every: time.Hour, Grace: new(time.Minute)})
	w := do(t, handler(&memory{awaited: []Expectation{nightly, hourly}}), http.MethodGet, "/api/v1/expectations")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	requireGolden(t, "expectations", w.Body.Bytes())
	requireSchema(t, "Expectations", w.Body.Bytes())

	w = do(t, handler(&memory{}), http.MethodGet, "/api/v1/expectations")
	requireGolden(t, "expectations_none", w.Body.Bytes())
	require.Equal(t, http.StatusBadRequest, do(t, handler(&memory{}), http.MethodGet, "/api/v1/expectations?limit=1").Code)
}

func TestManyExpectationsAreCut(t *testing.T) {
	many := make([]Expectation, 100_000)
	for i := range many {
		many[i] = expectation(t, fmt.Sprint("rule ", i), expect.Config{Every: time.Hour})
	}
	w := do(t, handler(&memory{awaited: many}), http.MethodGet, "/api/v1/expectations")
	require.Less(t, w.Body.Len(), maxListBytes+1000)
	require.Contains(t, w.Body.String(), `"truncated":true`)
}

func TestAnOperationThatStandsForMissedStarts(t *testing.T) {
	h := handler(&memory{records: []Record{{
		View: &operation.View{ID: "missed:nightly:2026-11-20T02:00:00Z", Name: "nightly", StartedAt: ago(32 * time.Hour), LastAt: ago(8 * time.Hour), Progress: -1, Missed: 2},
		Name: "nightly", UpdatedAt: ago(7 * time.Hour),
		Verdict: operation.Verdict{
			State: operation.StateStuck, Reason: operation.StuckMissed, Hop: -1, Consumer: -1, Since: ago(32 * time.Hour),
			Threshold: int64(20 * time.Minute), Source: operation.SourceSchedule,
		},
	}}})
	w := do(t, h, http.MethodGet, "/api/v1/operations/missed:nightly:2026-11-20T02:00:00Z")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	requireGolden(t, "operation_missed", w.Body.Bytes())
	requireSchema(t, "OperationDetail", w.Body.Bytes())
}

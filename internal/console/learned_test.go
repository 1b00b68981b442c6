package console

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/learn"
	"github.com/throughline/throughline/internal/operation"
)

func taught() *memory {
	usual := operation.Usual{Threshold: int64(90 * time.Second), Value: int64(30 * time.Second), Quantile: 0.999, Samples: 400}
	return &memory{taught: Learned{
		Enabled: true,
		Stages: []learn.Learned{
			{Stage: operation.Stage{Kind: operation.StageWaiting, Destination: "orders"}, Usual: usual, SeenAt: ago(time.Minute)},
			{
				Stage: operation.Stage{Kind: operation.StageProcessing, Operation: "order-fulfilment", Destination: "orders", Type: "parcel", Group: "pay<ments>"},
				Usual: usual, Always: true, SeenAt: ago(time.Minute),
			},
			{
				Stage: operation.Stage{Kind: operation.StageFollowing, Operation: "order-fulfilment", Destination: "payments", Next: "shipments"},
				Usual: operation.Usual{Quantile: 0.999, Samples: 12},
			},
		},
		Stats: learn.Stats{Stages: 3, Destinations: 2, Learned: 412, Refused: 5, Forgotten: 6},
	}}
}

func TestLearned(t *testing.T) {
	h := handler(taught())
	for _, tc := range []struct{ golden, target string }{
		{"learned", "/api/v1/learned"},
		{"learned", "/api/v1/learned?name=&destination="},
		{"learned_first", "/api/v1/learned?limit=1"},
		{"learned_name", "/api/v1/learned?name=order-*"},
		{"learned_destination", "/api/v1/learned?name=order-fulfilment&destination=payments"},
		{"learned_none", "/api/v1/learned?name=refund"},
	} {
		t.Run(tc.target, func(t *testing.T) {
			w := do(t, h, http.MethodGet, tc.target)
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			requireHeaders(t, w, false)
			requireGolden(t, tc.golden, w.Body.Bytes())
			requireSchema(t, "Learned", w.Body.Bytes())
			require.NotContains(t, w.Body.String(), "<", "no text is markup")
		})
	}
	require.Equal(t, http.StatusBadRequest, do(t, h, http.MethodGet, "/api/v1/learned?limit=0").Code)
	require.Equal(t, http.StatusBadRequest, do(t, h, http.MethodGet, "/api/v1/learned?since=1h").Code)
}

func TestWhatWasLearnedIsBounded(t *testing.T) {
	m := taught()
	for n := range 2000 {
		long := string(make([]byte, 500))
		m.taught.Stages = append(m.taught.Stages, learn.Learned{Stage: operation.Stage{Operation: strconv.Itoa(n), Destination: long, Type: long, Group: long, Next: long}})
	}
	w := do(t, handler(m), http.MethodGet, "/api/v1/learned?limit=1000")
	require.Equal(t, http.StatusOK, w.Code)
	require.Less(t, w.Body.Len(), maxListBytes+10_000)
	var got struct {
		Stages    []any
		Matching  int
		Truncated bool
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.NotEmpty(t, got.Stages)
	require.Less(t, len(got.Stages), 1000)
	require.Equal(t, 2003, got.Matching)
	require.True(t, got.Truncated)
}

func TestAVerdictTellsWhatItsThresholdRestsOn(t *testing.T) {
	r := record("", "slow", ago(time.Minute), operation.StateStuck)
	r.Verdict.Threshold, r.Verdict.Source = int64(90*time.Second), operation.SourceLearned
	r.Verdict.Usual = operation.Usual{Threshold: int64(90 * time.Second), Value: int64(30 * time.Second), Quantile: 0.999, Samples: 400}
	w := do(t, handler(&memory{records: []Record{r}}), http.MethodGet, "/api/v1/operations/slow")
	require.Equal(t, http.StatusOK, w.Code)
	requireSchema(t, "OperationDetail", w.Body.Bytes())
	require.Contains(t, w.Body.String(), `"source":"learned","learned":{"usual_seconds":30,"quantile":0.999,"samples":400}`)
}

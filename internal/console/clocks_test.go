package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/skew"
)

func TestClocks(t *testing.T) {
	h := handler(&memory{ticking: Clocks{
		Enabled: true,
		Pairs: []skew.Pair{
			{Ahead: "checkout", Behind: "pay<ments>", Nanos: int64(1500 * time.Millisecond), Moments: 12, At: ago(time.Minute)},
			{Ahead: "a", Behind: "b", Contradictory: true},
		},
		Stats: skew.Stats{Pairs: 3, Observed: 100, Negative: 12, Ignored: 1, Refused: 2, Evicted: 4},
	}})
	for _, tc := range []struct{ golden, target string }{
		{"clocks", "/api/v1/clocks"},
		{"clocks_first", "/api/v1/clocks?limit=1"},
	} {
		w := do(t, h, http.MethodGet, tc.target)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		requireGolden(t, tc.golden, w.Body.Bytes())
		requireSchema(t, "Clocks", w.Body.Bytes())
	}
	require.Equal(t, http.StatusBadRequest, do(t, h, http.MethodGet, "/api/v1/clocks?limit=0").Code)
	require.Equal(t, http.StatusBadRequest, do(t, h, http.MethodGet, "/api/v1/clocks?since=1h").Code)
}

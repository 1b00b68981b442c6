package replay

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

func TestSettledWaitsForTheLastChange(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		state := "completed"
		if asked.Add(1) <= 2 {
			state = "in_progress"
		}
		fmt.Fprintf(w, `{"operations":[{"id":"a","state":%q}]}`, state)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	operations, err := Settled(t.Context(), verdict.Client{BaseURL: server.URL}, 2*settleInterval)
	require.NoError(t, err)
	require.Equal(t, []verdict.Operation{{ID: "a", State: "completed"}}, operations)

	ctx, cancel := context.WithTimeout(t.Context(), 2*settleInterval)
	defer cancel()
	_, err = Settled(ctx, verdict.Client{BaseURL: server.URL}, time.Hour)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

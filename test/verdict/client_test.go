package verdict

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, handle http.HandlerFunc) Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return Client{BaseURL: server.URL}
}

func TestOperationsFollowsCursors(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path + " " + r.FormValue("limit") + " " + r.FormValue("cursor") {
		case "/api/v1/operations 1000 ":
			fmt.Fprint(w, `{"operations":[{"id":"a","reason":null},{"id":"b"}],"next_cursor":"b/"}`)
		case "/api/v1/operations 1000 b/":
			fmt.Fprint(w, `{"operations":[{"id":"b","state":"failed"},{"id":"b","namespace":"n"}],"next_cursor":null}`)
		}
	})
	all, err := client.Operations(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Operation{{ID: "a"}, {ID: "b"}, {ID: "b", Namespace: "n"}}, all)
}

func TestErrorsQuoteTheAnswer(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.EscapedPath() {
		case "/api/v1/operations/a%2Fb":
			fmt.Fprint(w, `{"id":"a/b"}`)
		case "/api/v1/operations/broken":
			fmt.Fprint(w, `{"id":`)
		case "/api/v1/operations":
			http.Error(w, "too busy", http.StatusServiceUnavailable)
		default:
			http.Error(w, "nobody knows it", http.StatusNotFound)
		}
	})
	op, err := client.Operation(t.Context(), "a/b")
	require.NoError(t, err)
	require.Equal(t, "a/b", op.ID)

	_, err = client.Operation(t.Context(), "c")
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "nobody knows it")

	_, err = client.Operation(t.Context(), "broken")
	require.ErrorContains(t, err, "unexpected EOF")

	_, err = client.Operations(t.Context())
	require.ErrorContains(t, err, "503 Service Unavailable: too busy")
	require.NotErrorIs(t, err, ErrNotFound)
}

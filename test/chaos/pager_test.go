package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func tell(p *Pager, status, destination string) int {
	body := fmt.Sprintf(`{"alerts":[{"status":%q,"labels":{"kind":"stuck","reason":"waiting","operation":"n","destination":%q}}]}`, status, destination)
	recorder := httptest.NewRecorder()
	p.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	return recorder.Code
}

func TestPagerCountsPages(t *testing.T) {
	group := func(destination string) Group { return Group{stateStuck, stateWaiting, "n", destination, ""} }
	groups := map[Group]*Pages{group("d"): {[]string{"a", "b"}, true}}
	excused := Excuses{operations: map[string]bool{"b": true}}
	var p Pager
	require.ErrorContains(t, p.Check(groups, Excuses{}), "0 pages that stuck | waiting | n | d |  is firing, not 1")
	require.NoError(t, p.Check(groups, excused))

	require.Equal(t, http.StatusOK, tell(&p, statusFiring, "d"))
	require.ErrorContains(t, p.Check(groups, Excuses{}), "is resolved, not 1")
	tell(&p, statusResolved, "d")
	require.NoError(t, p.Check(groups, Excuses{}))
	require.Equal(t, 2, p.Count())

	tell(&p, statusFiring, "e")
	require.ErrorContains(t, p.Check(groups, Excuses{}), "is firing, which it never was")
	require.NoError(t, p.Check(groups, excused))
	tell(&p, statusFiring, "d")
	require.ErrorContains(t, p.Check(groups, excused), "2 pages that")

	broken := httptest.NewRecorder()
	p.ServeHTTP(broken, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{")))
	require.Equal(t, http.StatusBadRequest, broken.Code)
	require.ErrorContains(t, p.Check(nil, Excuses{}), "unexpected EOF")
}

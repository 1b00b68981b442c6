package console

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/learn"
	"github.com/throughline/throughline/internal/operation"
)

func busy() *memory {
	s := Self{
		Version: "1.2.3", StartedAt: ago(26*time.Hour + 3*time.Minute), HeapBytes: 310 << 20, Goroutines: 87,
		Drawn:   map[string]uint64{"spans": 1_234_567, "logs": 4_711, "partial_spans": 12},
		Ignored: map[string]uint64{"junk_id": 3, "zero_id": 0},
		Facts:   map[string]uint64{"send": 400_000, "process": 390_000}, Reasons: map[string]uint64{"correlation_id": 500_000, "trace": 290_000},
		Waiting: WaitingFacts{Facts: 46_000, Limit: 50_000, OldestAt: ago(12 * time.Second), Bytes: 21 << 20},
		Dropped: map[string]uint64{"no_operation": 17, "outputs": 0, "evicted_open": 2}, Evicted: map[string]uint64{"open": 2, "finished": 0}, Runaways: 1,
		Rooms: []Room{
			{Name: "operations", Key: "max_operations", Used: 99_000, Limit: 100_000}, {Name: "of them finished", Key: "retention", Used: 70_000},
			{Name: "names", Used: 812, Limit: 100_000},
		},
		Sweeps: Sweeps{
			Count: 187_560, LastAt: ago(210 * time.Millisecond), Took: int64(1234567), Longest: int64(45678901), Interval: int64(500 * time.Millisecond),
		},
		Outputs:  []Output{{Name: "operations logs", Queued: 3, Limit: 100_000, Taken: 5_000}, {Name: "<script>alert(1)</script>", Limit: 100_000, Dropped: 4}, {}},
		Learning: true, Learned: learn.Stats{Learned: 30_000, Stages: 24, Destinations: 7, Refused: 1},
		Storage: Storage{ID: "file_storage", Parts: []StoredPart{
			{Name: "learned", SavedAt: ago(20 * time.Second), Bytes: 20_480}, {Name: "gaps", Failures: 2, Failing: true},
		}},
	}
	s.Store = &StoreState{
		Driver: "postgres", Collector: "c-2", Durability: "batch", Judge: "c-1", LeaseUntil: now + int64(7*time.Second), Bytes: 310 << 20, Rows: 4_711, Records: -1,
		PendingBytes: 3 << 20, DroppedRows: 2, CommittedAt: ago(41 * time.Second), Took: int64(3 * time.Millisecond), Longest: int64(1200 * time.Millisecond), Commits: 90_000,
		AcknowledgedUncommitted: 17, RestoredAt: ago(26 * time.Hour), Restoring: int64(4 * time.Second), Trouble: "unavailable: the <database> does not answer",
		TroubleSince: ago(40 * time.Second), Failures: map[string]uint64{"unavailable": 40, "full": 0}, UnkeptActions: 1,
	}
	s.Records[coverage.GroupSend] = coverage.Tally{Records: 400_020, Late: 40, Waiting: 3}
	s.Records[coverage.GroupSend].Attached[operation.ReasonCorrelationID] = 400_000
	s.Records[coverage.GroupSend].Lost[coverage.LossNoOperation] = 17
	return &memory{itself: s}
}

func TestSelf(t *testing.T) {
	for golden, m := range map[string]*memory{"self": busy(), "self_new": {itself: Self{StartedAt: now}}} {
		w := do(t, handler(m), http.MethodGet, "/api/v1/self")
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		requireHeaders(t, w, false)
		requireGolden(t, golden, w.Body.Bytes())
		requireSchema(t, "Self", w.Body.Bytes())
	}
	require.Equal(t, http.StatusBadRequest, do(t, handler(busy()), http.MethodGet, "/api/v1/self?format=text").Code)
	require.Equal(t, http.StatusInternalServerError, do(t, handler(&memory{err: errors.New("out of order")}), http.MethodGet, "/api/v1/self").Code)
}

func requireGoldenText(t *testing.T, name string, body []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, body, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(body))
}

func TestThePageAboutItself(t *testing.T) {
	for _, tc := range []struct {
		golden, target, contentType string
		source                      *memory
	}{
		{"self.html", "/self", "text/html; charset=utf-8", busy()},
		{"self.html", "/self?format=html", "text/html; charset=utf-8", busy()},
		{"self.txt", "/self?format=text", "text/plain; charset=utf-8", busy()},
		{"self_new.html", "/self", "text/html; charset=utf-8", &memory{itself: Self{StartedAt: now}}},
		{"self_new.txt", "/self?format=text", "text/plain; charset=utf-8", &memory{itself: Self{StartedAt: now}}},
	} {
		w := do(t, handler(tc.source), http.MethodGet, tc.target)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, tc.contentType, w.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		requireGoldenText(t, tc.golden, w.Body.Bytes())
	}
	require.Equal(t, http.StatusBadRequest, do(t, handler(busy()), http.MethodGet, "/self?format=pdf").Code)
	require.Equal(t, http.StatusMethodNotAllowed, do(t, handler(busy()), http.MethodPost, "/self").Code)
	require.Equal(t, http.StatusInternalServerError, do(t, handler(&memory{err: errors.New("out of order")}), http.MethodGet, "/self").Code)
}

// TestABrowserMayDoNothingButApplyTheStyle: what a name holds is text, and the policy names the one style that is in the page.
func TestABrowserMayDoNothingButApplyTheStyle(t *testing.T) {
	w := do(t, handler(busy()), http.MethodGet, "/self")
	body := w.Body.String()
	require.NotContains(t, body, "<script")
	require.Contains(t, body, "&lt;script&gt;alert(1)&lt;/script&gt;")
	_, style, _ := strings.Cut(body, "<style>")
	style, _, found := strings.Cut(style, "</style>")
	require.True(t, found)
	hash := sha256.Sum256([]byte(style))
	policy := w.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")
	require.True(t, strings.HasPrefix(policy, "default-src 'none';"))
	require.NotContains(t, policy, "unsafe")
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, number(n))
	}
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 310 << 20: "310.0 MiB", 3 << 30: "3.0 GiB"} {
		require.Equal(t, want, size(n))
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 1234567: "1.2ms", 500 * time.Millisecond: "500ms", 12345 * time.Millisecond: "12s", 26*time.Hour + 3*time.Minute: "26h3m0s",
	} {
		require.Equal(t, want, lasting(int64(d)))
	}
}

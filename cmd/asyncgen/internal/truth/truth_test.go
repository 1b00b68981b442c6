package truth

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.FixedZone("elsewhere", 3600))

// act plays a hop's deliveries, 1 s apart: S succeeds, F fails, K never ends.
func act(hop *Hop, deliveries string) {
	for i, outcome := range deliveries {
		at := start.Add(time.Duration(i+1) * time.Second)
		hop.Received(at, "payments", Span{Service: "payment-worker", SpanID: strconv.Itoa(i)})
		if outcome != 'K' {
			hop.Ended(at.Add(100*time.Millisecond), "payments", outcome == 'F')
		}
	}
}

func TestSettle(t *testing.T) {
	for _, tc := range []struct {
		name, deliveries, state, reason, hopState string
		flags                                     []string
		deciding                                  string
	}{
		{"one success", "S", "completed", "", "done", []string{}, "0"},
		{"success after a failure", "FS", "completed", "", "done", []string{"retried"}, "1"},
		{"one failure", "F", "failed", "", "failed", []string{}, "0"},
		{"failures only", "FFF", "dead_lettered", "", "dead_lettered", []string{"retried"}, "2"},
		{"two successes", "SS", "completed", "", "done", []string{"duplicated"}, "0"},
		{"success, failure, success", "SFS", "completed", "", "done", []string{"duplicated", "retried"}, "0"},
		{"never ended", "K", "stuck", "processing", "processing", []string{}, "0"},
		{"redelivered after a death", "KS", "completed", "", "done", []string{}, "1"},
		{"died after a failure", "FK", "stuck", "processing", "processing", []string{"retried"}, "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			op := Operation{Hops: []Hop{{SentAt: start}}}
			act(&op.Hops[0], tc.deliveries)
			op.Settle()
			require.Equal(t, tc.state, op.State)
			require.Equal(t, tc.reason, op.Reason)
			require.Equal(t, tc.flags, op.Flags)
			hop := op.Hops[0]
			require.Equal(t, tc.hopState, hop.State)
			require.InDelta(t, 1.0, *hop.WaitSeconds, 1e-9, "the wait ends with the first delivery")
			require.Equal(t, len(tc.deliveries), hop.Consumers[0].Attempts)
			require.Equal(t, tc.deciding, hop.Consumers[0].SpanID)
			require.Equal(t, tc.hopState == "processing", hop.Consumers[0].EndedAt == nil)
		})
	}
}

func TestSettleWaiting(t *testing.T) {
	op := Operation{Hops: []Hop{{SentAt: start}, {SentAt: start}}}
	act(&op.Hops[0], "FS")
	op.Settle()
	require.Equal(t, "stuck", op.State)
	require.Equal(t, "waiting", op.Reason)
	require.Equal(t, []string{"retried"}, op.Flags)
	require.Equal(t, "done", op.Hops[0].State)
	require.Equal(t, "waiting", op.Hops[1].State)
	require.Nil(t, op.Hops[1].WaitSeconds)
}

func TestSettleDeadLetter(t *testing.T) {
	op := Operation{Hops: []Hop{{SentAt: start}, {SentAt: start, DeadLetter: true}}}
	act(&op.Hops[0], "FFF")
	op.Settle()
	require.Equal(t, []string{"dead_lettered", ""}, []string{op.State, op.Reason})
	require.Equal(t, []string{"retried"}, op.Flags)
	require.Equal(t, "dead_lettered", op.Hops[1].State)
	require.Equal(t, []Consumer{}, op.Hops[1].Consumers)
	require.Nil(t, op.Hops[1].WaitSeconds)
}

func TestJSON(t *testing.T) {
	op := Operation{ID: "ord-1", Name: "order-fulfilment", Scenario: "completed", Hops: []Hop{{
		System: "kafka", Destination: "orders", MessageID: "m1", SentAt: start.UTC(),
		Producer: Span{Service: "order-api", TraceID: "aa", SpanID: "bb"},
	}, {SentAt: start.UTC()}}}
	act(&op.Hops[0], "S")
	op.Settle()
	text, err := json.Marshal(op)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"ord-1","name":"order-fulfilment","state":"stuck","reason":"waiting","flags":[],"scenario":"completed","hops":[
	  {"system":"kafka","destination":"orders","message_id":"m1","state":"done","wait_seconds":1,"sent_at":"2026-05-04T11:00:00Z",
	   "producer":{"service":"order-api","trace_id":"aa","span_id":"bb"},
	   "consumers":[{"group":"payments","service":"payment-worker","state":"done","attempts":1,"received_at":"2026-05-04T11:00:01Z",
	     "ended_at":"2026-05-04T11:00:01.1Z","trace_id":"","span_id":"0"}]},
	  {"system":"","destination":"","message_id":"","state":"waiting","wait_seconds":null,"sent_at":"2026-05-04T11:00:00Z",
	   "producer":{"service":"","trace_id":"","span_id":""},"consumers":[]}]}`, string(text))
}

func TestWriterFile(t *testing.T) {
	for _, n := range []int{0, 1, 500} {
		path := filepath.Join(t.TempDir(), "truth.json")
		w, err := Create(path)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { require.NoError(t, w.Write(&Operation{ID: strconv.Itoa(i)})) })
		}
		wg.Wait()
		require.NoFileExists(t, path, "an unfinished file must not be mistaken for the truth")
		require.NoError(t, w.Commit())
		require.NoFileExists(t, path+PartialSuffix)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var got []Operation
		require.NoError(t, json.Unmarshal(text, &got))
		ids := map[string]bool{}
		for _, op := range got {
			ids[op.ID] = true
		}
		require.Len(t, ids, n)
	}
}

func TestCreateFails(t *testing.T) {
	_, err := Create(filepath.Join(t.TempDir(), "missing", "truth.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

var errFull = errors.New("no space left")

// fullDisk accepts a number of bytes and then fails.
type fullDisk struct {
	bytes.Buffer
	room int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.Len()+len(p) > d.room {
		return 0, errFull
	}
	return d.Buffer.Write(p)
}

func TestWriterReportsFullDisk(t *testing.T) {
	w := NewWriter(&fullDisk{room: 100_000})
	op := &Operation{ID: string(bytes.Repeat([]byte("x"), 10_000))}
	var err error
	for i := 0; i < 30 && err == nil; i++ {
		err = w.Write(op)
	}
	require.ErrorIs(t, err, errFull)
	require.Equal(t, err, w.Write(op))
	require.ErrorIs(t, w.Commit(), errFull)
}

// TestConsumersAreInOrderOfTime: which of two groups is recorded first is a matter of chance.
func TestConsumersAreInOrderOfTime(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h := Hop{SentAt: sent}
	for group, millis := range map[string]int{"audit": 20, "search": 10, "cache": 30} {
		h.Received(sent.Add(time.Duration(millis)*time.Millisecond), group, Span{Service: group})
	}
	h.Received(sent.Add(time.Second), "search", Span{Service: "search"})
	var groups []string
	for _, c := range h.Consumers {
		groups = append(groups, c.Group)
	}
	require.Equal(t, []string{"search", "audit", "cache"}, groups)
	require.InDelta(t, 0.010, *h.WaitSeconds, 1e-9)
	require.Equal(t, 2, h.Consumers[0].Attempts)
}

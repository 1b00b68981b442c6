package console

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// parked is a source with one operation, whose job was scheduled, failed twice, and was sent to a dead-letter queue then.
func parked() *memory {
	service := func(name string, span, parent byte) operation.Origin {
		return operation.Origin{
			Service: name, Name: "invoice", Trace: operation.TraceID{1}, Span: operation.SpanID{span}, Parent: operation.SpanID{parent},
			JoinedBy: operation.ReasonTrace,
		}
	}
	failure := &operation.Error{Type: "PrinterOnFire", Message: "lp0 on fire"}
	tried := func(span byte, from time.Duration, disposition operation.Disposition) operation.Attempt {
		return operation.Attempt{
			Origin: service("printer", span, 2), ReceivedAt: ago(from), StartedAt: ago(from), EndedAt: ago(from - time.Second),
			Outcome: operation.OutcomeError, Disposition: disposition, Error: failure,
		}
	}
	view := &operation.View{
		ID: "invoice-1", Name: "invoices", StartedAt: ago(5 * time.Minute), LastAt: ago(2 * time.Minute), Facts: 4, Traces: []operation.TraceID{{1}},
		Hops: []operation.Hop{
			{
				System: "bullmq", Destination: "invoices", MessageID: "17", Type: "print", State: operation.HopDeadLettered, DueAt: ago(4 * time.Minute),
				Sends: []operation.Send{{Origin: service("shop", 2, 0), StartedAt: ago(5 * time.Minute)}},
				Consumers: []operation.Consumer{{
					Group: "printers", Service: "printer", State: operation.HopDeadLettered, WaitedNanos: int64(time.Second),
					Attempts: []operation.Attempt{
						tried(3, 3*time.Minute, operation.DispositionRetry), tried(4, 2*time.Minute+time.Second, operation.DispositionDeadLetter),
					},
				}},
			},
			{
				System: "bullmq", Destination: "invoices.dlq", State: operation.HopDeadLettered,
				Sends: []operation.Send{{Origin: service("printer", 5, 4), StartedAt: ago(2 * time.Minute)}},
			},
		},
	}
	since := ago(2 * time.Minute)
	return &memory{
		records: []Record{{
			View: view, Name: "invoices", UpdatedAt: ago(time.Minute),
			Verdict: operation.Verdict{
				State: operation.StateDeadLettered, Flags: operation.FlagRetried, Hop: 1, Consumer: -1, Since: since, EndedAt: since,
			},
		}, openRecord()},
		grouped: []incident.Incident{{
			ID: "inc-3", Version: 1, Revision: 1, Active: 1, Total: 1, OpenedAt: since, UpdatedAt: since,
			Key: incident.Key{Kind: operation.StateDeadLettered, OperationName: "invoices", Destination: "invoices", Group: "printers", ErrorType: failure.Type},
			Hop: incident.Hop{System: "bullmq", Destination: "invoices", Group: "printers", Service: "printer", Producer: "shop", DeadLetter: "invoices.dlq"},
		}},
	}
}

func TestDeadLettered(t *testing.T) {
	h := handler(parked())
	for _, tc := range []struct {
		golden, target string
		status         int
		schema         string
	}{
		{"operation_dead_lettered", "/api/v1/operations/invoice-1", 200, "OperationDetail"},
		{"operations_dead_lettered", "/api/v1/operations?state=dead_lettered", 200, "OperationPage"},
		{"incident_dead_lettered", "/api/v1/incidents/inc-3", 200, "Incident"},
		{"health_dead_lettered", "/api/v1/health/invoices", 503, "Health"},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			w := do(t, h, http.MethodGet, tc.target)
			require.Equal(t, tc.status, w.Code, w.Body)
			requireGolden(t, tc.golden, w.Body.Bytes())
			requireSchema(t, tc.schema, w.Body.Bytes())
		})
	}
	require.Equal(t, http.StatusOK, do(t, h, http.MethodGet, "/api/v1/health/invoices?window=30s").Code, "it is too long ago")
}

func TestDeadLetteredInStats(t *testing.T) {
	var stats struct {
		Operations struct {
			Open     int            `json:"open"`
			Finished int            `json:"finished"`
			ByState  map[string]int `json:"by_state"`
		} `json:"operations"`
	}
	require.NoError(t, json.Unmarshal(do(t, handler(parked()), http.MethodGet, "/api/v1/stats").Body.Bytes(), &stats))
	require.Equal(t, 1, stats.Operations.ByState["dead_lettered"])
	require.Equal(t, []int{1, 1}, []int{stats.Operations.Open, stats.Operations.Finished})
}

// A message that is not due yet does not wait.
func TestWaitCountsFromTheDueTime(t *testing.T) {
	for due, want := range map[int64]float64{0: 60, ago(20 * time.Second): 20, now + int64(time.Minute): 0} {
		r := openRecord()
		r.View.Hops = []operation.Hop{{Destination: "orders", DueAt: due, Sends: []operation.Send{{StartedAt: ago(time.Minute)}}}}
		o := newOperationJSON(&r, now, maxItemBytes)
		require.InDelta(t, want, *o.Hops[0].Wait, 1e-9)
	}
}

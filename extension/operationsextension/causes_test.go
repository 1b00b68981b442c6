package operationsextension

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// The system of the runs: workers of two versions that share the partitions of a destination.
const (
	causeRuns       = 100
	causeOperations = 240
	causeWorkers    = 6
	causeNew        = 2
	causePartitions = 8
	// causeTarget is in how many of the runs the hint must be right.
	causeTarget = 95
)

// causeWay is the way of one operation.
type causeWay struct{ worker, partition int }

// causeRun lets operations go through the engine in simulated time, and returns the strongest hint of the incident and whether one
// was given at any time.
func causeRun(t *testing.T, seed uint64, fails func(causeWay) float64) (first cause.Trait, given bool) {
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = componenttest.NewNopTelemetrySettings()
	o, err := newOperations(set, createDefaultConfig().(*Config))
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(seed, 3))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range causeWorkers {
		version := "1.9.4"
		if i < causeNew {
			version = "2.0.0"
		}
		m := pcommon.NewMap()
		m.PutStr("service.version", version)
		m.PutStr("cloud.availability_zone", "eu-1"+string(rune('a'+i%2)))
		o.originals.Saw("worker", "worker-"+strconv.Itoa(i), m, now.UnixNano())
	}
	var facts []operation.Fact
	for i := range causeOperations {
		way := causeWay{worker: random.IntN(causeWorkers), partition: random.IntN(causePartitions)}
		facts = append(facts, causeFacts(i, way, random.Float64() < fails(way), now.Add(time.Duration(i)*100*time.Millisecond))...)
		if i%40 == 39 {
			now = now.Add(4 * time.Second)
			o.Apply(now, facts, nil)
			facts = facts[:0]
			// Each batch is judged twice: what completes does so after a while, what failed may be tried again.
			for range 2 {
				now = now.Add(time.Minute)
				o.sweepAt(now, now.Sub(o.startedAt))
			}
			for _, incident := range o.incidents.List() {
				if hints := incident.Hints.Traits; len(hints) > 0 {
					first, given = hints[0].Trait, true
				}
			}
		}
	}
	require.NotEmpty(t, o.incidents.List())
	return first, given
}

func causeFacts(i int, way causeWay, failed bool, at time.Time) []operation.Fact {
	var trace operation.TraceID
	var span operation.SpanID
	binary.BigEndian.PutUint64(trace[8:], uint64(i)+1)
	binary.BigEndian.PutUint64(span[:], uint64(i)+1)
	process := span
	process[0] = 1
	partition := operation.ParsePartition(strconv.Itoa(way.partition))
	send := operation.Fact{
		Kind: operation.KindSend, ID: "order-" + strconv.Itoa(i), Trace: trace, Span: span, At: at.UnixNano(), End: at.UnixNano() + 1,
		Service: "shop", Instance: "shop-" + strconv.Itoa(i%3), Destination: "orders", System: "kafka",
	}
	consume := operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Remote: true, Trace: trace, Span: process, Parent: span,
		At: at.UnixNano() + 2, End: at.UnixNano() + 3, Service: "worker", Instance: "worker-" + strconv.Itoa(way.worker),
		Destination: "orders", System: "kafka", Group: "workers", Partition: partition,
	}
	if failed {
		consume.Outcome, consume.ErrorType, consume.Disposition = operation.OutcomeError, "Timeout", operation.DispositionFinal
	}
	return []operation.Fact{send, consume}
}

// TestTheCauseIsNamed: from facts by the engine and its verdicts to the hints of incidents, as the issue asks for.
func TestTheCauseIsNamed(t *testing.T) {
	bad := func(is func(causeWay) bool) func(causeWay) float64 {
		return func(w causeWay) float64 {
			if is(w) {
				return 0.8
			}
			return 0.02
		}
	}
	for name, c := range map[string]struct {
		want  cause.Trait
		fails func(causeWay) float64
	}{
		"instance":  {cause.Trait{Attribute: cause.AttributeInstance, Value: "worker-3"}, bad(func(w causeWay) bool { return w.worker == 3 })},
		"version":   {cause.Trait{Attribute: cause.AttributeVersion, Value: "2.0.0"}, bad(func(w causeWay) bool { return w.worker < causeNew })},
		"partition": {cause.Trait{Attribute: cause.AttributePartition, Value: "5"}, bad(func(w causeWay) bool { return w.partition == 5 })},
	} {
		t.Run(name, func(t *testing.T) {
			right := 0
			for seed := range uint64(causeRuns) {
				if first, _ := causeRun(t, seed, c.fails); first == c.want {
					right++
				}
			}
			t.Logf("named first in %d of %d runs", right, causeRuns)
			require.GreaterOrEqual(t, right, causeTarget)
		})
	}
	t.Run("none", func(t *testing.T) {
		quiet := 0
		for seed := range uint64(causeRuns) {
			if _, given := causeRun(t, seed, func(causeWay) float64 { return 0.2 }); !given {
				quiet++
			}
		}
		t.Logf("nothing named in %d of %d runs", quiet, causeRuns)
		require.GreaterOrEqual(t, quiet, causeTarget)
	})
}

package operationsextension

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
)

// point is one series of a coverage metric.
func point(n int64, service string, dryRun bool, by ...string) metricdata.DataPoint[int64] {
	attributes := []attribute.KeyValue{attribute.String("service", service), attribute.Bool("dry_run", dryRun)}
	for i := 0; i < len(by); i += 2 {
		attributes = append(attributes, attribute.String(by[i], by[i+1]))
	}
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attributes...)}
}

func covered(t *testing.T, o *operations) console.Coverage {
	c, err := o.Console().Coverage(t.Context())
	require.NoError(t, err)
	return c
}

func serviceOf(t *testing.T, r coverage.Report, name string) coverage.Service {
	for _, s := range r.Services {
		if s.Name == name {
			return s
		}
	}
	require.Failf(t, "no such service", "%s in %v", name, r.Services)
	return coverage.Service{}
}

func codes(s coverage.Service) map[string]uint64 {
	m := map[string]uint64{}
	for _, f := range s.Missing {
		m[f.Code.String()] = f.Count
	}
	return m
}

func TestCoverageTellsWhyAnOperationIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, nil)
		stray := operation.Fact{Kind: operation.KindLog, Trace: operation.TraceID{99}, At: time.Now().UnixNano(), Service: "audit"}
		nobody := sent("o-2", 2)
		nobody.Service, nobody.Destination = "billing", "labels"
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1), processed(1), nobody, stray}, nil)
		require.EqualValues(t, 1, serviceOf(t, covered(t, o).Live, "audit").Kinds[coverage.GroupLog].Waiting)

		time.Sleep(2 * time.Minute) // synctest: fake time
		synctest.Wait()
		c := covered(t, o)
		require.Nil(t, c.Trial)
		require.Equal(t, o.startedAt.UnixNano(), c.StartedAt)
		require.Equal(t, map[string]uint64{"no_message_id": 1}, codes(serviceOf(t, c.Live, "api")))
		require.Equal(t, map[string]uint64{"no_message_id": 1, "no_correlation_id": 1}, codes(serviceOf(t, c.Live, "worker")))
		require.Equal(t, map[string]uint64{"no_message_id": 1, "never_consumed": 1, "one_service": 1}, codes(serviceOf(t, c.Live, "billing")),
			"it is stuck and may be so for ever")
		require.EqualValues(t, 1, serviceOf(t, c.Live, "audit").Kinds[coverage.GroupLog].Lost[coverage.LossNoOperation])
		require.Equal(t, []coverage.Destination{
			{System: "kafka", Name: "labels", Messages: 1, ProducedOnly: 1}, {System: "kafka", Name: "orders", Messages: 1},
		}, c.Live.Destinations)

		exact := []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
		metadatatest.AssertEqualCorrelationRecords(t, telemetry, []metricdata.DataPoint[int64]{
			point(1, "api", false, "kind", "send", "result", "correlation_id"),
			point(1, "billing", false, "kind", "send", "result", "correlation_id"),
			point(1, "worker", false, "kind", "process", "result", "trace"),
			point(1, "audit", false, "kind", "log", "result", "no_operation"),
		}, exact...)
		metadatatest.AssertEqualCorrelationRecordsWaiting(t, telemetry, []metricdata.DataPoint[int64]{
			point(0, "api", false, "kind", "send"), point(0, "billing", false, "kind", "send"),
			point(0, "worker", false, "kind", "process"), point(0, "audit", false, "kind", "log"),
		}, exact...)
		metadatatest.AssertEqualCorrelationMissing(t, telemetry, []metricdata.DataPoint[int64]{
			point(1, "api", false, "code", "no_message_id"), point(1, "billing", false, "code", "no_message_id"),
			point(1, "worker", false, "code", "no_message_id"), point(1, "worker", false, "code", "no_correlation_id"),
		}, exact...)
	})
}

func TestATrialIsTriedAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, nil)
		s := o.Subscribe()
		defer s.Close()
		stray := operation.Fact{Kind: operation.KindLog, Trace: operation.TraceID{99}, At: time.Now().UnixNano(), Service: "audit"}
		lonely := sent("o-2", 2)
		lonely.Destination = "labels"
		o.Try(time.Now(), []operation.Fact{sent("o-1", 1), processed(1), lonely, stray}, nil)
		time.Sleep(2 * time.Minute) // synctest: fake time
		synctest.Wait()

		c := covered(t, o)
		require.Empty(t, c.Live.Services)
		require.NotNil(t, c.Trial)
		require.Equal(t, map[string]uint64{"no_message_id": 2, "never_consumed": 1, "one_service": 1}, codes(serviceOf(t, *c.Trial, "api")))
		require.EqualValues(t, 1, serviceOf(t, *c.Trial, "audit").Kinds[coverage.GroupLog].Lost[coverage.LossNoOperation])
		stats, err := o.Console().Stats(t.Context())
		require.NoError(t, err)
		require.Empty(t, stats.Operations.Names, "no operation of the collector's")
		require.Zero(t, stats.Facts["send"])
		page, err := o.Console().Operations(t.Context(), console.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, page.Items)
		_, err = s.Next(canceled())
		require.Error(t, err, "nobody is told of its verdicts")

		exact := []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
		metadatatest.AssertEqualCorrelationRecords(t, telemetry, []metricdata.DataPoint[int64]{
			point(2, "api", true, "kind", "send", "result", "correlation_id"),
			point(1, "worker", true, "kind", "process", "result", "trace"),
			point(1, "audit", true, "kind", "log", "result", "no_operation"),
		}, exact...)
	})
}

func TestATrialIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.MaxOperations, c.Retention = 1_000_000, time.Hour })
		facts := make([]operation.Fact, 0, maxTrialOperations+10)
		for i := range maxTrialOperations + 10 {
			f := sent(strconv.Itoa(i), 1)
			f.Trace[1], f.Trace[2], f.Trace[3] = byte(i), byte(i>>8), byte(i>>16)
			facts = append(facts, f)
		}
		o.Try(time.Now(), facts, nil)
		require.Equal(t, maxTrialOperations, o.trial.engine.Stats().Operations)

		done := processed(1)
		done.Trace = facts[len(facts)-1].Trace
		done.Parent = facts[len(facts)-1].Span
		o.Try(time.Now(), []operation.Fact{done}, nil)
		time.Sleep(trialRetention + 30*time.Second) // synctest: fake time
		synctest.Wait()
		require.Equal(t, maxTrialOperations-1, o.trial.engine.Stats().Operations, "what is over leaves soon")
	})
}

func TestAReaderOfTheCoverageMayGo(t *testing.T) {
	o, _ := start(t, nil)
	_, err := o.Console().Coverage(canceled())
	require.ErrorContains(t, err, "canceled")
}

func TestMetricsTellAFewServicesApart(t *testing.T) {
	o, telemetry := start(t, nil)
	for i := range maxMeasuredServices + 20 {
		f := sent("o-1", byte(i))
		f.Service, f.MessageID = fmt.Sprint("s-", i), "m-1"
		o.Apply(time.Now(), []operation.Fact{f}, nil)
	}
	m, err := telemetry.GetMetric("otelcol_correlation_records")
	require.NoError(t, err)
	points := m.Data.(metricdata.Sum[int64]).DataPoints
	require.Len(t, points, maxMeasuredServices+1)
	for _, p := range points {
		if service, _ := p.Attributes.Value("service"); service.AsString() == coverage.Overflow {
			require.EqualValues(t, 20, p.Value)
			return
		}
	}
	require.Fail(t, "the services beyond the bound are missing")
}

func TestEveryDropOfAFactIsALoss(t *testing.T) {
	for drop, loss := range map[engine.Drop]coverage.Loss{
		engine.DropNoOperation: coverage.LossNoOperation, engine.DropWaitingFull: coverage.LossWaitingFull, engine.DropRunaway: coverage.LossRunaway,
	} {
		require.Equal(t, drop.String(), lossOf(drop).String())
		require.Equal(t, loss, lossOf(drop))
	}
}

// TestCoverageIsReadWhileFactsCome is for the race detector.
func TestCoverageIsReadWhileFactsCome(t *testing.T) {
	o, telemetry := start(t, func(c *Config) { c.SweepInterval, c.ArrivalGrace = 10*time.Millisecond, 0 })
	var group sync.WaitGroup
	for worker := range byte(2) {
		group.Go(func() {
			for i := range byte(100) {
				f, p := sent(fmt.Sprintf("o-%d-%d", worker, i), 1), processed(1)
				f.Trace[1], f.Trace[2] = worker, i
				p.Trace = f.Trace
				o.Apply(time.Now(), []operation.Fact{f, p}, nil)
				o.Try(time.Now(), []operation.Fact{p, f}, nil)
			}
		})
	}
	group.Go(func() {
		for range 30 {
			o.sweepAt(time.Now().Add(time.Hour), time.Hour)
		}
	})
	group.Go(func() {
		for range 30 {
			if _, err := o.Console().Coverage(t.Context()); err != nil {
				t.Error(err)
			}
			_, _ = telemetry.GetMetric("otelcol_correlation_missing")
		}
	})
	group.Wait()
	c := covered(t, o)
	for _, r := range []coverage.Report{c.Live, *c.Trial} {
		api := serviceOf(t, r, "api")
		require.EqualValues(t, 200, api.Kinds[coverage.GroupSend].Records)
		require.EqualValues(t, 200, api.Kinds[coverage.GroupSend].Attached[operation.ReasonCorrelationID])
	}
}

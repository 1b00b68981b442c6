package operationsextension

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
)

func start(t *testing.T, change func(*Config)) (*operations, *componenttest.Telemetry) {
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	telemetry := componenttest.NewTelemetry()
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	e, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	o := e.(*operations)
	require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, o.Ready())
	require.NoError(t, o.Ready(), "a second Ready changes nothing")
	t.Cleanup(func() {
		require.NoError(t, o.NotReady())
		require.NoError(t, o.Shutdown(context.Background()))
		require.NoError(t, o.Shutdown(context.Background()))
		require.NoError(t, telemetry.Shutdown(context.Background()))
	})
	return o, telemetry
}

func sent(id string, span byte) operation.Fact {
	now := time.Now().UnixNano()
	return operation.Fact{
		Kind: operation.KindSend, ID: id, Trace: operation.TraceID{span}, Span: operation.SpanID{span}, At: now, End: now,
		Service: "api", Destination: "orders", System: "kafka",
	}
}

func processed(span byte) operation.Fact {
	now := time.Now().UnixNano()
	return operation.Fact{
		Kind: operation.KindProcess, Consumer: true, Remote: true, Trace: operation.TraceID{span}, Span: operation.SpanID{span, 1}, Parent: operation.SpanID{span},
		At: now, End: now, Service: "worker", Destination: "orders", System: "kafka",
	}
}

func next(t *testing.T, s *Subscription) Output {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	o, err := s.Next(ctx)
	require.NoError(t, err)
	return o
}

func TestAnOperationFromSendingToRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, nil)
		s := o.Subscribe()
		defer s.Close()
		everything := measureAll(t, o)
		began := time.Now()
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)

		stuck := next(t, s)
		require.GreaterOrEqual(t, time.Since(began), time.Minute)
		require.LessOrEqual(t, time.Since(began), time.Minute+time.Second)
		require.Equal(t, operation.StuckWaiting, stuck.Changes[0].Verdict.Reason)
		require.Equal(t, incident.EventOpened, stuck.Incidents[0].Kind)
		require.Equal(t, []string{stuck.Incidents[0].Incident.ID}, stuck.InIncident)

		source := o.Console()
		record, err := source.Operation(t.Context(), "", "o-1")
		require.NoError(t, err)
		require.Equal(t, operation.StateStuck, record.Verdict.State)
		require.Equal(t, stuck.InIncident[0], record.IncidentID)
		health, err := source.Health(t.Context(), console.HealthQuery{Name: "orders"})
		require.NoError(t, err)
		require.Equal(t, 1, health.Stuck)
		i, err := source.Incident(t.Context(), record.IncidentID)
		require.NoError(t, err)
		require.EqualValues(t, 1, i.Active)
		page, err := source.Incidents(t.Context(), console.IncidentQuery{Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Incidents, 1)

		o.Apply(time.Now(), []operation.Fact{processed(1)}, nil)
		recovered := next(t, s)
		require.Equal(t, operation.StateInProgress, recovered.Changes[0].Verdict.State)
		require.Equal(t, incident.EventResolved, recovered.Incidents[0].Kind)
		require.Equal(t, record.IncidentID, recovered.InIncident[0], "the incident it was in")
		completed := next(t, s)
		require.Equal(t, operation.StateCompleted, completed.Changes[0].Verdict.State)

		list, err := source.Operations(t.Context(), console.Query{Limit: 10, Destination: "orders"})
		require.NoError(t, err)
		require.Len(t, list.Items, 1)
		stats, err := source.Stats(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, stats.Operations.States[operation.StateCompleted])
		require.EqualValues(t, 100_000, stats.Limits["max_operations"])

		_, err = telemetry.GetMetric("otelcol_operations_finished")
		require.NoError(t, err)
		require.Positive(t, everything.Collect(time.Now()).DataPointCount())
	})
}

func TestUnknownIDs(t *testing.T) {
	o, _ := start(t, nil)
	_, err := o.Console().Operation(t.Context(), "", "nobody")
	require.ErrorIs(t, err, console.ErrNotFound)
	_, err = o.Console().Incident(t.Context(), "nothing")
	require.ErrorIs(t, err, console.ErrNotFound)
}

func TestAReaderThatIsGoneStopsTheScan(t *testing.T) {
	o, _ := start(t, nil)
	o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
	_, err := o.Console().Operations(canceled(), console.Query{Limit: 1})
	require.ErrorIs(t, err, context.Canceled)
}

func TestNotReadyFlushesToSlowSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.SweepInterval, c.ArrivalGrace = time.Minute, 0 })
		s := o.Subscribe()
		var got []Output
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer s.Close()
			for {
				output, err := s.Next(t.Context())
				if err != nil {
					return
				}
				time.Sleep(5 * time.Second) // synctest: fake time
				got = append(got, output)
				if len(got) == 1 {
					_, _ = s.Next(canceled())
					return
				}
			}
		}()
		late := sent("o-1", 1)
		late.At -= int64(time.Hour)
		o.Apply(time.Now(), []operation.Fact{late}, nil)
		require.NoError(t, o.NotReady())
		<-done
		require.Len(t, got, 1, "what was not swept yet was swept and taken")
	})
}

func TestNotReadyDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.ArrivalGrace = 0 })
		s := o.Subscribe()
		late := sent("o-1", 1)
		late.At -= int64(time.Hour)
		o.Apply(time.Now(), []operation.Fact{late}, nil)
		err := o.NotReady()
		require.ErrorContains(t, err, "did not take all changes within 10s")
		s.Close()
	})
}

func TestADefectInASweepIsSurvivedAndItsVerdictsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, telemetry := start(t, nil)
		s := o.Subscribe()
		defer s.Close()
		broken := measureAll(t, o)
		broken.(*measurement).meter = nil
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		require.Equal(t, operation.StateStuck, next(t, s).Changes[0].Verdict.State, "though it cannot be measured")
		synctest.Wait()
		o.sweeping.Lock()
		o.measuring.all = nil
		o.sweeping.Unlock()
		metadatatest.AssertEqualOperationsFailures(t, telemetry, []metricdata.DataPoint[int64]{
			{Value: 1, Attributes: attribute.NewSet(attribute.String("step", stepMeasure))},
		}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
		o.Apply(time.Now(), []operation.Fact{sent("o-2", 2)}, nil)
		require.Equal(t, "o-2", next(t, s).Changes[0].View.ID)
	})
}

// measureAll begins a measurement of everything.
func measureAll(t *testing.T, o Operations) Measurement {
	t.Helper()
	m, err := o.Measure(measure.Settings{Start: time.Now(), MaxSeries: measure.DefaultMaxSeries})
	require.NoError(t, err)
	return m
}

func TestFind(t *testing.T) {
	o, _ := start(t, nil)
	found, err := Find(host{DefaultID: o}, DefaultID)
	require.NoError(t, err)
	require.Same(t, o, found)
	other := component.MustNewID("other")
	_, err = Find(host{DefaultID: o}, other)
	require.ErrorContains(t, err, "`operations` is \"other\": no such extension is running (running: operations)")
	_, err = Find(host{}, other)
	require.ErrorContains(t, err, "(running: none)")
	_, err = Find(host{other: nothing{}}, other)
	require.ErrorContains(t, err, "`operations` is \"other\": that is no operations extension (running: other)")
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

type nothing struct{}

func (nothing) Start(context.Context, component.Host) error { return errors.New("never started") }
func (nothing) Shutdown(context.Context) error              { return nil }

// TestEverybodyAtOnce lets batches, sweeps, readers, metrics and subscribers that come and go meet; the race detector looks on.
func TestEverybodyAtOnce(t *testing.T) {
	o, telemetry := start(t, func(c *Config) { c.SweepInterval, c.ArrivalGrace, c.MaxOperations = 10*time.Millisecond, 0, 50 })
	everything := measureAll(t, o)
	var group sync.WaitGroup
	for worker := range byte(3) {
		group.Go(func() {
			for i := range byte(100) {
				f, p := sent(fmt.Sprintf("o-%d-%d", worker, i), 1), processed(1)
				f.Trace[1], f.Trace[2] = worker, i
				p.Trace = f.Trace
				o.Apply(time.Now(), []operation.Fact{f, p}, nil)
				o.Traces([]operation.TraceID{f.Trace}, nil)
			}
		})
	}
	source := o.Console()
	for _, read := range []func() error{
		func() error { _, err := source.Operations(t.Context(), console.Query{Limit: 5}); return err },
		func() error { _, err := source.Stats(t.Context()); return err },
		func() error { _, err := source.Incidents(t.Context(), console.IncidentQuery{Limit: 5}); return err },
		func() error { everything.Collect(time.Now()); return nil },
		func() error { measureAll(t, o).Close(); return nil },
		func() error { _, err := telemetry.GetMetric("otelcol_operations_active"); return err },
		func() error { o.sweepAt(time.Now().Add(time.Hour), time.Hour); return nil },
		func() error {
			s := o.Subscribe()
			defer s.Close()
			_, _ = s.Next(canceled())
			return nil
		},
	} {
		group.Go(func() {
			for range 30 {
				if err := read(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	_, err := telemetry.GetMetric("otelcol_operations_failures")
	require.ErrorContains(t, err, "not found", "no step met a defect")
}

package alertexporter

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadatatest"
)

var ofAlertmanager = ofBackend(nameAlertmanager)

func ofBackend(name string) attribute.KeyValue { return attribute.String("backend", name) }

func point(value int64, attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Value: value, Attributes: attribute.NewSet(attributes...)}
}

func TestOpenedEscalatedResolved(t *testing.T) {
	backend := newAlertmanager(t)
	cfg := testConfig(backend)
	cfg.Labels = map[string]string{"cluster": "eu-1"}
	e := start(t, cfg, componenttest.NewNopHost())

	e.consume(t, opened("a", 1))
	alerts := next(t, backend.accepted)
	require.Len(t, alerts, 1)
	require.Equal(t, map[string]string{
		"alertname": "AsyncOperationsStuck", "incident_id": "a", "operation": "fulfil", "kind": "stuck", "reason": "waiting",
		"destination": "orders", "severity": "error", "priority": "2", "cluster": "eu-1",
	}, alerts[0].Labels)
	require.Equal(t, `3 operations of "fulfil" stuck (waiting) at "orders"`, alerts[0].Annotations["summary"])
	require.True(t, openedAt.Equal(alerts[0].StartsAt))
	require.Nil(t, alerts[0].EndsAt)
	require.Equal(t, "http://localhost:8321/api/v1/incidents/a", alerts[0].GeneratorURL)

	e.consume(t, escalated("a", 2))
	alerts = next(t, backend.accepted)
	require.Len(t, alerts, 2)
	require.Equal(t, "error", alerts[0].Labels["severity"])
	require.NotNil(t, alerts[0].EndsAt, "the alert of the former severity is over")
	require.Equal(t, "critical", alerts[1].Labels["severity"])
	require.Nil(t, alerts[1].EndsAt)

	e.consume(t, resolved(escalated("a", 2), 3))
	alerts = next(t, backend.accepted)
	require.Len(t, alerts, 2, "the former one is repeated")
	require.Equal(t, "critical", alerts[1].Labels["severity"])
	require.True(t, openedAt.Add(time.Minute).Equal(*alerts[1].EndsAt))

	metadatatest.AssertEqualAlertActive(t, e.telemetry, []metricdata.DataPoint[int64]{point(0, ofAlertmanager)}, metricdatatest.IgnoreTimestamp())
	e.stop()
	metadatatest.AssertEqualAlertSent(t, e.telemetry, []metricdata.DataPoint[int64]{
		point(2, ofAlertmanager, attribute.String("status", "firing")), point(1, ofAlertmanager, attribute.String("status", "resolved")),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestDuplicatesAndOldNewsAreNotSent(t *testing.T) {
	backend := newAlertmanager(t)
	e := start(t, testConfig(backend), componenttest.NewNopHost())
	e.consume(t, opened("a", 5))
	next(t, backend.accepted)
	e.consume(t, opened("a", 5))
	e.consume(t, opened("a", 4))
	e.consume(t, opened("b", 1))
	require.Equal(t, "b", next(t, backend.accepted)[0].Labels["incident_id"], "nothing was sent in between")
	metadatatest.AssertEqualAlertIgnored(t, e.telemetry, []metricdata.DataPoint[int64]{
		point(2, attribute.String("reason", "outdated")),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestOtherRecordsAreIgnoredAndCounted(t *testing.T) {
	backend := newAlertmanager(t)
	cfg := testConfig(backend)
	cfg.MaxAlerts = 1
	e := start(t, cfg, componenttest.NewNopHost())
	mixed := logsOf(opened("a", 1), opened("b", 1), opened("c", 1))
	records := mixed.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(1).Attributes().Remove("async.incident.id")
	records.AppendEmpty().Body().SetStr("just a line")
	records.AppendEmpty().SetEventName("async.operation.stuck")
	mixed.MarkReadOnly()
	require.NoError(t, e.ConsumeLogs(t.Context(), mixed))
	require.Len(t, next(t, backend.accepted), 1)
	metadatatest.AssertEqualAlertIgnored(t, e.telemetry, []metricdata.DataPoint[int64]{
		point(1, attribute.String("reason", "malformed")), point(2, attribute.String("reason", "not_incident")),
		point(1, attribute.String("reason", "overflow")),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualAlertDropped(t, e.telemetry, []metricdata.DataPoint[int64]{
		point(1, ofAlertmanager, attribute.String("reason", "overflow")), point(0, ofAlertmanager, attribute.String("reason", "evicted")),
		point(0, ofAlertmanager, attribute.String("reason", "stale")),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualAlertActive(t, e.telemetry, []metricdata.DataPoint[int64]{point(1, ofAlertmanager)}, metricdatatest.IgnoreTimestamp())
}

func TestAfterAnOutageTheBackendLearnsThePresentTruth(t *testing.T) {
	backend := newAlertmanager(t)
	backend.status.Store(http.StatusServiceUnavailable)
	e := start(t, testConfig(backend), componenttest.NewNopHost())
	e.consume(t, opened("a", 1))
	next(t, backend.refused)
	e.consume(t, opened("b", 1))
	e.consume(t, escalated("a", 2))
	e.consume(t, resolved(escalated("a", 2), 3))
	backend.status.Store(http.StatusOK)

	first := next(t, backend.accepted)
	for _, a := range first {
		require.Equal(t, "a", a.Labels["incident_id"])
		require.NotNil(t, a.EndsAt, "it is over by now, under whatever severity the backend may know it")
	}
	second := next(t, backend.accepted)
	require.Len(t, second, 1)
	require.Equal(t, "b", second[0].Labels["incident_id"])
	e.consume(t, opened("c", 1))
	require.Equal(t, "c", next(t, backend.accepted)[0].Labels["incident_id"], "what waited behind had nothing left to say")
	e.stop()
	failed, err := e.telemetry.GetMetric("otelcol_alert_failed")
	require.NoError(t, err)
	points := failed.Data.(metricdata.Sum[int64]).DataPoints
	require.Len(t, points, 1)
	require.Equal(t, attribute.NewSet(ofAlertmanager, attribute.String("reason", "retryable")), points[0].Attributes)
	require.Positive(t, points[0].Value)
}

func TestNobodyListensAtFirst(t *testing.T) {
	backend := newAlertmanager(t)
	cfg := testConfig(backend)
	address := backend.Listener.Addr().String()
	backend.Close()
	e := start(t, cfg, componenttest.NewNopHost())
	e.consume(t, opened("a", 1))

	late := newAlertmanagerAt(t, address)
	require.Equal(t, "a", next(t, late.accepted)[0].Labels["incident_id"])
}

func TestRefusedForGood(t *testing.T) {
	backend := newAlertmanager(t)
	backend.status.Store(http.StatusBadRequest)
	e := start(t, testConfig(backend), componenttest.NewNopHost())
	e.consume(t, opened("a", 1))
	next(t, backend.refused)
	backend.status.Store(http.StatusOK)
	e.consume(t, opened("b", 1))
	require.Equal(t, "b", next(t, backend.accepted)[0].Labels["incident_id"], "the queue goes on")
	require.Empty(t, backend.refused)
	e.stop()
	metadatatest.AssertEqualAlertFailed(t, e.telemetry, []metricdata.DataPoint[int64]{
		point(1, ofAlertmanager, attribute.String("reason", "permanent")),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestWhatTheQueueIsTold(t *testing.T) {
	backend := newAlertmanager(t)
	cfg := testConfig(backend)
	cfg.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	cfg.Retry.Enabled = false
	e := start(t, cfg, componenttest.NewNopHost())

	backend.status.Store(http.StatusUnauthorized)
	err := e.ConsumeLogs(t.Context(), logsOf(opened("a", 1)))
	require.True(t, consumererror.IsPermanent(err))
	require.ErrorContains(t, err, "HTTP status 401 (Unauthorized)")

	backend.status.Store(http.StatusInternalServerError)
	err = e.ConsumeLogs(t.Context(), logsOf(opened("a", 2)))
	require.ErrorContains(t, err, "HTTP status 500")
	require.False(t, consumererror.IsPermanent(err))

	backend.status.Store(http.StatusTooManyRequests)
	backend.retryAfter.Store("7")
	err = e.ConsumeLogs(t.Context(), logsOf(opened("a", 3)))
	require.ErrorContains(t, err, "Throttle (7s)")
	require.False(t, consumererror.IsPermanent(err))
}

func TestManyAlertsGoInSeveralRequests(t *testing.T) {
	backend := newAlertmanager(t)
	e := start(t, testConfig(backend), componenttest.NewNopHost())
	batch := logsOf()
	for i := range 2*maxBatch + 1 {
		logsOf(opened(strconv.Itoa(i), 1)).ResourceLogs().MoveAndAppendTo(batch.ResourceLogs())
	}
	require.NoError(t, e.ConsumeLogs(t.Context(), batch))
	require.Len(t, next(t, backend.accepted), maxBatch)
	require.Len(t, next(t, backend.accepted), maxBatch)
	require.Len(t, next(t, backend.accepted), 1)
}

// TestARestartLosesNoResolve: the backend is down, the collector is restarted, and what waited on disk is told by the next one.
func TestARestartLosesNoResolve(t *testing.T) {
	backend := newAlertmanager(t)
	backend.status.Store(http.StatusServiceUnavailable)
	storage := component.MustNewID("file_storage")
	cfg := testConfig(backend)
	cfg.Queue.Get().StorageID = &storage
	host := storageHost{component.NewID(storage.Type()), newStorage(t)}
	e := start(t, cfg, host)
	e.consume(t, opened("a", 1), opened("b", 1))
	next(t, backend.refused)
	e.consume(t, resolved(opened("a", 1), 2))
	e.stop()

	for len(backend.refused) > 0 {
		<-backend.refused
	}
	backend.status.Store(http.StatusOK)
	start(t, cfg, host)
	over := map[string]bool{}
	for len(over) < 2 || !over["a"] {
		for _, a := range next(t, backend.accepted) {
			over[a.Labels["incident_id"]] = a.EndsAt != nil
		}
	}
	require.Equal(t, map[string]bool{"a": true, "b": false}, over)
}

type storageHost struct {
	id        component.ID
	extension component.Component
}

func (h storageHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{h.id: h.extension}
}

func newStorage(t *testing.T) component.Component {
	t.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig()
	cfg.(*filestorage.Config).Directory = t.TempDir()
	storage, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, storage.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, storage.Shutdown(context.WithoutCancel(t.Context()))) })
	return storage
}

func TestABackendThatCannotBeReachedAtAllIsRefusedAtStart(t *testing.T) {
	backend := newAlertmanager(t)
	cfg := testConfig(backend)
	cfg.Alertmanager.Get().HTTP.TLS.CAFile = "testdata/missing.pem"
	telemetry := componenttest.NewTelemetry()
	logs, err := NewFactory().CreateLogs(t.Context(), metadatatest.NewSettings(telemetry), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, logs.Start(t.Context(), componenttest.NewNopHost()), "`alertmanager`")
	require.NoError(t, logs.Shutdown(t.Context()))
	require.NoError(t, telemetry.Shutdown(t.Context()))
}

package alertexporter

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/throughline/throughline/exporter/alertexporter/internal/metadatatest"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// restored is what is told of an open incident after a restart.
func restored(e incident.Event, revision int64) incident.Event {
	e.Incident.Revision = revision
	return updated(e, incident.CauseRestored)
}

// stand are all four backends.
type stand struct {
	am         *server
	pd, sl, wh *catcher
	cfg        *Config
	host       component.Host
}

func newStand(t *testing.T, durable bool) *stand {
	t.Helper()
	s := &stand{am: newAlertmanager(t), pd: newCatcher(t), sl: newCatcher(t), wh: newCatcher(t), host: componenttest.NewNopHost()}
	s.cfg = manyConfig(s.am, s.pd, s.sl, s.wh)
	if durable {
		id := component.MustNewID("file_storage")
		s.cfg.Queue.Get().StorageID = &id
		s.host = storageHost{id, newStorage(t)}
	}
	return s
}

// silent requires that the backends that are told once were told nothing more. The exporter must have stopped.
func (s *stand) silent(t *testing.T) {
	t.Helper()
	require.Empty(t, s.pd.accepted)
	require.Empty(t, s.sl.accepted)
	require.Empty(t, s.wh.accepted)
}

func TestARestartPagesNobodyAgain(t *testing.T) {
	for name, durable := range map[string]bool{"with storage": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, durable)
			e := start(t, s.cfg, s.host)
			e.consume(t, opened("a", 1))
			next(t, s.am.accepted)
			s.pd.next(t)
			s.sl.next(t)
			s.wh.next(t)
			e.stop()

			e = start(t, s.cfg, s.host)
			e.consume(t, restored(opened("a", 1), 2))
			again := next(t, s.am.accepted)
			require.Nil(t, again[len(again)-1].EndsAt, "Alertmanager goes on hearing of it")
			e.consume(t, resolved(opened("a", 1), 3))
			over := next(t, s.am.accepted)
			require.NotNil(t, over[len(over)-1].EndsAt)
			require.Equal(t, "resolve", s.pd.next(t)["event_action"], "and the others hear when it is over")
			require.Contains(t, s.sl.next(t)["text"], "Resolved")
			require.Equal(t, "io.throughline.incident.resolved", s.wh.next(t)["type"])
			e.stop()
			s.silent(t)
		})
	}
}

func TestAStormIsNotToldInPartsAfterARestart(t *testing.T) {
	for name, durable := range map[string]bool{"with storage": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, durable)
			storm := opened("storm", 2)
			storm.Incident.Key, storm.Incident.Children = incident.StormKey("", "orders"), 2
			e := start(t, s.cfg, s.host)
			e.consume(t, storm, inStorm(opened("a", 1), "storm"), inStorm(opened("b", 3), "storm"))
			require.Len(t, next(t, s.am.accepted), 1)
			s.pd.next(t)
			s.sl.next(t)
			s.wh.next(t)
			e.stop()

			e = start(t, s.cfg, s.host)
			e.consume(t, restored(storm, 4), restored(inStorm(opened("a", 1), "storm"), 5), restored(inStorm(opened("b", 1), "storm"), 6))
			alerts := next(t, s.am.accepted)
			require.Len(t, alerts, 1)
			require.Equal(t, "storm", alerts[0].Labels["incident_id"])
			e.stop()
			s.silent(t)
		})
	}
}

// TestAnAlertOfAFormerSeverityEndsAfterARestart: Alertmanager knows the alert by its severity, and only its memory tells the new process by which.
func TestAnAlertOfAFormerSeverityEndsAfterARestart(t *testing.T) {
	s := newStand(t, true)
	e := start(t, s.cfg, s.host)
	e.consume(t, opened("a", 1))
	next(t, s.am.accepted)
	e.stop()

	e = start(t, s.cfg, s.host)
	e.consume(t, escalated("a", 2))
	alerts := next(t, s.am.accepted)
	require.Len(t, alerts, 2)
	require.Equal(t, operation.SeverityError.String(), alerts[0].Labels["severity"])
	require.NotNil(t, alerts[0].EndsAt)
	require.Equal(t, operation.SeverityCritical.String(), alerts[1].Labels["severity"])
	require.Nil(t, alerts[1].EndsAt)
}

// TestWhatWaitedOnDiskIsTheTruthOfToday: the backends are down for long, the collector is started anew meanwhile, and what they are told at last
// is how things are.
func TestWhatWaitedOnDiskIsTheTruthOfToday(t *testing.T) {
	s := newStand(t, true)
	s.am.status.Store(http.StatusServiceUnavailable)
	for _, c := range []*catcher{s.pd, s.sl, s.wh} {
		c.status.Store(http.StatusServiceUnavailable)
	}
	e := start(t, s.cfg, s.host)
	e.consume(t, opened("over", 1), opened("lasting", 1))
	next(t, s.am.refused)
	<-s.pd.refused
	<-s.sl.refused
	<-s.wh.refused
	e.consume(t, resolved(opened("over", 1), 2))
	e.consume(t, escalated("lasting", 2))
	e.stop()

	s.am.status.Store(http.StatusOK)
	for _, c := range []*catcher{s.pd, s.sl, s.wh} {
		c.status.Store(http.StatusOK)
	}
	e = start(t, s.cfg, s.host)
	e.consume(t, restored(escalated("lasting", 2), 3))
	require.Equal(t, "critical", s.pd.next(t)["payload"].(map[string]any)["severity"])
	require.Contains(t, s.sl.next(t)["text"], "CRITICAL: 3 operations")
	require.Equal(t, "io.throughline.incident.firing", s.wh.next(t)["type"])
	for told := map[string]bool{}; !told["lasting"] || !told["over"]; {
		for _, a := range next(t, s.am.accepted) {
			id := a.Labels["incident_id"]
			told[id] = true
			if id == "over" {
				require.NotNil(t, a.EndsAt, "it was never told to be on")
			} else if a.EndsAt == nil {
				require.Equal(t, "critical", a.Labels["severity"])
			}
		}
	}
	e.stop()
	s.silent(t)
}

// TestWhoHandsOverFallsSilent: another collector tells of the incidents from now on, and may know that they are over.
func TestWhoHandsOverFallsSilent(t *testing.T) {
	s := newStand(t, false)
	e := start(t, s.cfg, s.host)
	e.consume(t, opened("a", 5))
	next(t, s.am.accepted)
	s.pd.next(t)
	s.sl.next(t)
	s.wh.next(t)
	e.consume(t, updated(opened("a", 5), incident.CauseHandedOver))
	metadatatest.AssertEqualAlertActive(t, e.telemetry, []metricdata.DataPoint[int64]{
		point(0, ofAlertmanager), point(0, ofBackend(namePagerDuty)), point(0, ofBackend(nameSlack)), point(0, ofBackend(nameWebhook)),
	}, metricdatatest.IgnoreTimestamp())

	e.consume(t, restored(opened("a", 5), 9))
	require.Nil(t, next(t, s.am.accepted)[0].EndsAt, "it took over again")
	e.consume(t, resolved(opened("a", 5), 10))
	require.Equal(t, "resolve", s.pd.next(t)["event_action"])
	s.sl.next(t)
	s.wh.next(t)
	e.stop()
	s.silent(t)
}

package event

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

func lackingTraces() Gap {
	policy := operation.DefaultPolicy()
	policy.Severity = operation.SeverityWarning
	g := Gap{Gap: gap.Gap{Service: "worker", From: 1_000_000_000}, At: 40_000_000_000, Policy: &policy, IncidentID: "abc"}
	g.Signals[gap.SignalTraces] = true
	return g
}

func TestAGapBeginsAndIsOver(t *testing.T) {
	_, records := New("")
	g := lackingTraces()
	g.AppendTo(records)
	record := records.At(0)
	require.Equal(t, "async.telemetry.gap", record.EventName())
	require.Equal(t, plog.SeverityNumberWarn, record.SeverityNumber())
	require.Equal(t, int64(40), record.Timestamp().AsTime().Unix())
	require.Equal(t, `no traces of "worker" since 1970-01-01T00:00:01Z`, record.Body().Str())
	require.Equal(t, map[string]any{
		"async.gap.service": "worker", "async.gap.kind": "silent", "async.gap.signals": []any{"traces"},
		"async.gap.from": "1970-01-01T00:00:01Z", "async.incident.id": "abc",
	}, record.Attributes().AsRaw())

	g.Until, g.Filled, g.Signals[gap.SignalLogs], g.Kind = 61_000_000_000, 0.25, true, gap.KindLate
	g.AppendTo(records)
	record = records.At(1)
	require.Equal(t, "async.telemetry.gap_over", record.EventName())
	require.Equal(t, plog.SeverityNumberInfo, record.SeverityNumber())
	require.Equal(t, `telemetry of "worker" comes late, what is lacking begins at 1970-01-01T00:00:01Z, until 1970-01-01T00:01:01Z: 25 % of it came late`,
		record.Body().Str())
	require.Equal(t, map[string]any{
		"async.gap.service": "worker", "async.gap.kind": "late", "async.gap.signals": []any{"traces", "logs"},
		"async.gap.from": "1970-01-01T00:00:01Z", "async.gap.until": "1970-01-01T00:01:01Z", "async.gap.filled": 0.25, "async.gap.gone": false,
		"async.incident.id": "abc",
	}, record.Attributes().AsRaw())
}

func TestGapsOfAllAndOfTheCollector(t *testing.T) {
	_, records := New("")
	everybody := Gap{Gap: gap.Gap{From: 1_000_000_000, Until: 2_000_000_000, Gone: true}}
	everybody.AppendTo(records)
	require.Equal(t, "no telemetry of all services since 1970-01-01T00:00:01Z, until 1970-01-01T00:00:02Z: given up", records.At(0).Body().Str())
	down := Gap{Gap: gap.Gap{Kind: gap.KindCollectorDown, From: 1_000_000_000, Until: 2_000_000_000}}
	down.AppendTo(records)
	require.Equal(t, "the collector was not running from 1970-01-01T00:00:01Z, until 1970-01-01T00:00:02Z: 0 % of it came late", records.At(1).Body().Str())
}

func TestIncidentsOfGapsAreReadBack(t *testing.T) {
	e := example()
	e.Incident.Key = incident.GapKey("worker")
	e.Incident.ID = e.Incident.Key.ID()
	_, records := New("")
	AppendIncident(records, &e)
	got, err := DecodeIncident(records.At(0))
	require.NoError(t, err)
	require.Equal(t, e, got)
	records.At(0).Attributes().PutStr("async.incident.kind", "in_progress")
	_, err = DecodeIncident(records.At(0))
	require.ErrorContains(t, err, `"async.incident.kind" is "in_progress"`)
}

package operationsextension

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/throughline/throughline/internal/originals"
)

// observe registers the callbacks of the extension's own metrics.
func (o *operations) observe() error {
	t, stats := o.telemetry, o.engine.Stats
	return errors.Join(
		t.RegisterCorrelationMissingCallback(o.observeMissing),
		t.RegisterCorrelationRecordsCallback(o.observeRecords),
		t.RegisterCorrelationRecordsWaitingCallback(o.observeWaiting),
		t.RegisterOperationsClockPairsCallback(gaugeOf(func() int { return o.clocks.stats().Pairs })),
		t.RegisterOperationsClockWaitsCallback(countsOf("result", o.clocks.waits)),
		t.RegisterOperationsTelemetryGapsCallback(countsOf("kind", o.gaps.told)),
		t.RegisterOperationsTelemetryRefusedCallback(gaugeOf(func() int { return int(o.gaps.stats().Refused) })),
		t.RegisterOperationsTelemetryServicesCallback(countsOf("state", o.gaps.services)),
		t.RegisterOperationsActiveCallback(gaugeOf(func() int { s := stats(); return s.Operations - s.Finished })),
		t.RegisterOperationsFinishedCallback(gaugeOf(func() int { return stats().Finished })),
		t.RegisterOperationsFactsWaitingCallback(gaugeOf(func() int { return stats().Waiting })),
		t.RegisterOperationsFactsCallback(countsOf("kind", func() map[string]uint64 { return stats().Facts })),
		t.RegisterOperationsFactsAttachedCallback(countsOf("reason", func() map[string]uint64 { return stats().Reasons })),
		t.RegisterOperationsDroppedCallback(countsOf("reason", func() map[string]uint64 { return stats().Drops })),
		t.RegisterOperationsIncidentsOpenCallback(gaugeOf(func() int { return o.incidents.Stats().Open })),
		t.RegisterOperationsIncidentsDroppedCallback(countsOf("reason", o.incidentDrops)),
		t.RegisterOperationsIncidentsMessagesDroppedCallback(countsOf("reason", o.messageDrops)),
		t.RegisterOperationsLearnedDroppedCallback(countsOf("reason", o.learning.drops)),
		t.RegisterOperationsLearnedOperationsCallback(gaugeOf(func() int { return int(o.learning.stats().Learned) })),
		t.RegisterOperationsLearnedStagesCallback(gaugeOf(func() int { return o.learning.stats().Stages })),
		t.RegisterOperationsOriginalsBytesCallback(gaugeOf(func() int { return o.originals.Stats().Bytes })),
		t.RegisterOperationsOriginalsDroppedCallback(countsOf("reason", o.originalsDropped)),
		t.RegisterOperationsOriginalsSpansCallback(gaugeOf(func() int { return o.originals.Stats().Spans })),
		t.RegisterOperationsStoreJudgeCallback(gaugeOf(func() int { return number(o.judging()) })),
		t.RegisterOperationsStorePendingCallback(gaugeOf(o.durable.pending)),
		t.RegisterOperationsStoreTroubleCallback(gaugeOf(func() int { return number(o.durable.troubled()) })),
		t.RegisterOperationsSeriesOverflowedCallback(countsOf("metric", o.measuring.overflows)),
	)
}

// incidentDrops counts what incidents had to leave out, by reason.
func (o *operations) incidentDrops() map[string]uint64 {
	s := o.incidents.Stats()
	return map[string]uint64{"incident_overflow": uint64(s.Overflow), "incident_evicted": uint64(s.Evicted), "cause_evicted": uint64(o.incidents.CauseStats().Evicted)}
}

// messageDrops counts what grouping by message had to leave out, by reason.
func (o *operations) messageDrops() map[string]uint64 {
	s := o.incidents.Stats()
	return map[string]uint64{"message_overflow": uint64(s.MessageOverflow), "message_evicted": uint64(s.TemplatesEvicted)}
}

// originalsDropped counts the originals that were not kept for derived traces, by reason.
func (o *operations) originalsDropped() map[string]uint64 {
	counts := make(map[string]uint64, originals.DropCount)
	for reason, n := range o.originals.Stats().Dropped {
		counts[originals.Drop(reason).String()] = n
	}
	return counts
}

// countDropped counts the changes and events that a subscriber did not take.
func (o *operations) countDropped(n int) {
	if n > 0 {
		o.outputsDropped.Add(uint64(n))
		o.telemetry.OperationsOutputsDropped.Add(context.Background(), int64(n))
	}
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func gaugeOf(value func() int) metric.Int64Callback {
	return func(_ context.Context, observer metric.Int64Observer) error {
		observer.Observe(int64(value()))
		return nil
	}
}

func countsOf(key string, values func() map[string]uint64) metric.Int64Callback {
	return func(_ context.Context, observer metric.Int64Observer) error {
		for name, count := range values() {
			observer.Observe(int64(count), metric.WithAttributes(attribute.String(key, name)))
		}
		return nil
	}
}

package measure

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Scope is the name of the instrumentation scope of all metrics.
const Scope = "github.com/throughline/throughline/measure"

// Names of attributes.
const (
	attrName        = "async.operation.name"
	attrOutcome     = "async.operation.outcome"
	attrReason      = "async.operation.reason"
	attrCorrected   = "async.operation.corrected"
	attrAttempt     = "async.attempt.outcome"
	attrSystem      = "messaging.system"
	attrDestination = "messaging.destination.name"
	attrGroup       = "messaging.consumer.group.name"
	attrService     = "service.name"
	attrGapKind     = "async.gap.kind"
	attrClockFrom   = "async.clock.from"
	attrClockTo     = "async.clock.to"
	attrClient      = "client"
	attrServer      = "server"
	attrConnection  = "connection_type"
	// attrOverflow marks the series of what the bound left no room for (OpenTelemetry metrics SDK).
	attrOverflow = "otel.metric.overflow"
)

// instrument describes one metric; its attributes stand in the order of the values in a key.
type instrument struct {
	name, unit, description string
	attributes              []string
}

var (
	operationDuration = instrument{
		"async.operation.duration", "s", "Time from the first sign of an operation to its end.",
		[]string{attrName, attrOutcome},
	}
	operationOutcomes = instrument{
		"async.operation.outcomes", "{operation}", "Final verdicts on operations.",
		[]string{attrName, attrOutcome, attrCorrected},
	}
	operationActive = instrument{
		"async.operation.active", "{operation}", "Operations that are not final, stuck ones included.",
		[]string{attrName},
	}
	operationStuck = instrument{
		"async.operation.stuck", "{operation}", "Operations that are stuck.",
		[]string{attrName, attrReason},
	}
	operationOldest = instrument{
		"async.operation.oldest.age", "s", "Time since the first sign of the oldest operation that is not final.",
		[]string{attrName},
	}
	queueWait = instrument{
		"async.queue.wait", "s", "Time from sending a message to the first sign of its consumption.",
		[]string{attrSystem, attrDestination, attrGroup},
	}
	queueDepth = instrument{
		"async.queue.depth", "{message}", "Messages sent, of operations that are not final, without a sign of consumption.",
		[]string{attrSystem, attrDestination, attrGroup},
	}
	queueOldest = instrument{
		"async.queue.oldest.age", "s", "Time since the oldest of these messages was sent.",
		[]string{attrSystem, attrDestination, attrGroup},
	}
	processDuration = instrument{
		"async.process.duration", "s", "Time that an attempt to process a message took.",
		[]string{attrSystem, attrDestination, attrGroup, attrAttempt},
	}
	processAttempts = instrument{
		"async.process.attempts", "{attempt}", "Attempts to process a message.",
		[]string{attrSystem, attrDestination, attrGroup, attrAttempt},
	}
	processActive = instrument{
		"async.process.active", "{attempt}", "Attempts to process a message that began and did not end.",
		[]string{attrSystem, attrDestination, attrGroup},
	}
	messageDeadLettered = instrument{
		"async.message.dead_lettered", "{message}", "Messages that were given up, by the verdict on their operation.",
		[]string{attrSystem, attrDestination, attrGroup},
	}
	messageDuplicated = instrument{
		"async.message.duplicated", "{message}", "Successful attempts beyond the first at the same message in one consumer group.",
		[]string{attrSystem, attrDestination, attrGroup},
	}
)

// Where values stand in keys: the group in that of a queue, the outcome of an attempt behind it, that of an operation behind its name.
const (
	groupValue   = 2
	attemptValue = 3
	outcomeValue = 1
)

// The metrics of the service graph, as Tempo's metrics generator names them: with what the Prometheus exporter appends to
// other names, which it does not append twice.
var (
	graphRequests = instrument{
		"traces_service_graph_request_total", "", "Attempts to process a message, between the service that sent it and the one that consumed it.",
		[]string{attrClient, attrServer, attrConnection, attrDestination},
	}
	graphFailed = instrument{
		"traces_service_graph_request_failed_total", "", "Those of these attempts that failed.",
		[]string{attrClient, attrServer, attrConnection, attrDestination},
	}
	graphServer = instrument{
		"traces_service_graph_request_server_seconds", "s", "Time that these attempts took.",
		[]string{attrClient, attrServer, attrConnection, attrDestination},
	}
	graphClient = instrument{
		"traces_service_graph_request_client_seconds", "s", "Time that sending the message took.",
		[]string{attrClient, attrServer, attrConnection, attrDestination},
	}
	graphQueued = instrument{
		"traces_service_graph_request_messaging_system_seconds", "s", "Time from sending the message to the first sign of its consumption.",
		[]string{attrClient, attrServer, attrConnection, attrDestination},
	}
	graphUnpaired = instrument{
		"traces_service_graph_unpaired_spans_total", "", "Messages of which only one side is known.",
		[]string{attrClient, attrServer},
	}
	graphDropped = instrument{
		"traces_service_graph_dropped_spans_total", "", "Records that were dropped before they could become part of an operation.",
		nil,
	}
)

// telemetryGaps is the gauge of telemetry that is lacking.
var telemetryGaps = instrument{
	"async.telemetry.gaps", "{gap}", "Gaps in the telemetry of services that last: operations that depend on them are unknown.",
	[]string{attrService, attrGapKind},
}

// clockOffset is the gauge of clocks that disagree.
var clockOffset = instrument{
	"async.clock.offset", "s", "By how much the clock of one service is behind that of another one, at least; negative where it is ahead.",
	[]string{attrClockFrom, attrClockTo},
}

// metric appends an empty metric with the instrument's description.
func (i *instrument) metric(to pmetric.MetricSlice) pmetric.Metric {
	m := to.AppendEmpty()
	m.SetName(i.name)
	m.SetUnit(i.unit)
	m.SetDescription(i.description)
	return m
}

// put writes the key's values as attributes; an empty one is absent.
func (i *instrument) put(m pcommon.Map, k key) {
	if k.overflow {
		m.PutBool(attrOverflow, true)
		return
	}
	m.EnsureCapacity(len(i.attributes))
	for n, name := range i.attributes {
		switch {
		case k.values[n] == "":
		case name == attrCorrected:
			m.PutBool(name, true)
		default:
			m.PutStr(name, k.values[n])
		}
	}
}

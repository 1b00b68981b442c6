package main

// ofQueue selects the queues that were chosen.
const ofQueue = `messaging_system=~"$system", messaging_destination_name=~"$destination", messaging_consumer_group_name=~"$group"`

// byQueue is how the queues are called in legends.
const byQueue = "{{messaging_destination_name}} {{messaging_consumer_group_name}}"

// queues shows what waits, for how long, and what consumers do.
func queues() *dashboard {
	d := newDashboard("throughline-queues", "Throughline / Queues",
		"Queues as operations see them: what waits and for how long, who consumes and how it ends. No broker is asked.",
		choice("system", "System", "async_queue_wait_seconds_count", "messaging_system", true),
		choice("destination", "Queue", `async_queue_wait_seconds_count{messaging_system=~"$system"}`, "messaging_destination_name", true),
		choice("group", "Consumer group", `async_queue_wait_seconds_count{messaging_destination_name=~"$destination"}`, "messaging_consumer_group_name", true))

	d.row("Queues", 10, table("By queue and consumer group",
		"All figures of one queue in a line. A queue whose oldest message gets older while nothing is attempted has lost its consumer.",
		[]named{{"messaging_destination_name", "Queue"}, {"messaging_consumer_group_name", "Consumer group"}, {"messaging_system", "System"}},
		[]column{
			{`queue:async_queue_depth:sum{` + ofQueue + `}`, "Waiting", unitCount},
			{`queue:async_queue_oldest_age_seconds:max{` + ofQueue + `}`, "Oldest", unitSeconds},
			{`queue:async_process_attempts:rate5m{` + ofQueue + `}`, "Attempts per second", unitRate},
			{`sum by (messaging_system, messaging_destination_name, messaging_consumer_group_name) (async_process_active{` + ofQueue + `})`, "At work", unitCount},
			{`queue:async_queue_wait_seconds:p50_5m{` + ofQueue + `}`, "Wait, median", unitSeconds},
			{`queue:async_queue_wait_seconds:p99_5m{` + ofQueue + `}`, "Wait, 99 %", unitSeconds},
		},
		dataLink{Title: "Operations that pass it (console)", URL: "${console}/api/v1/operations?destination=${__value.raw:percentencode}", TargetBlank: true},
	))
	d.row("What waits", 9,
		lines("Depth", unitCount, "Messages of open operations that were sent and not yet seen to be consumed. Those of nobody's operation are not in it.",
			query{`queue:async_queue_depth:sum{` + ofQueue + `}`, byQueue}),
		lines("Age of the oldest message", unitSeconds, "Since when the oldest of these waits. A line that rises as fast as the clock means that nobody consumes.",
			query{`queue:async_queue_oldest_age_seconds:max{` + ofQueue + `}`, byQueue}),
	)
	d.row("How long messages waited", 9,
		lines("Wait, 99 %", unitSeconds, "From being sent (or due) to the first delivery, of operations that ended. Dots are single operations: click one for its derived trace.",
			query{`queue:async_queue_wait_seconds:p99_5m{` + ofQueue + `}`, byQueue}).logarithmic().exemplars(),
		heatmap("Distribution of waits", "How many messages waited how long, over all chosen queues.",
			`sum by (le) (increase(async_queue_wait_seconds_bucket{`+ofQueue+`}[$__rate_interval]))`),
	)
	d.row("Consumers", 9,
		lines("Attempts per second, by outcome", unitRate, "Attempts at processing; they count when their operation ends. Errors beyond the usual are retries or failures; unfinished ones began and never ended.",
			query{`sum by (async_attempt_outcome) (rate(async_process_attempts_total{` + ofQueue + `}[5m]))`, "{{async_attempt_outcome}}"}).coloured().stacked(),
		lines("Processing, 99 %", unitSeconds, "How long an attempt takes. If it grows, consumers or what they call are slow, and queues follow.",
			query{`histogram_quantile(0.99, sum by (messaging_destination_name, messaging_consumer_group_name, le) (rate(async_process_duration_seconds_bucket{` + ofQueue + `}[5m])))`, byQueue}).logarithmic().exemplars(),
		lines("At work", unitCount, "Attempts under way: the concurrency of each consumer group. A flat line at a limit means that more consumers would help.",
			query{`sum by (messaging_destination_name, messaging_consumer_group_name) (async_process_active{` + ofQueue + `})`, byQueue}),
	)
	d.row("What goes wrong", 8,
		lines("Dead letters", unitCount, "Messages that were given up, in 10 minutes, where that happened. Each is an operation that did not do its work.",
			query{`sum by (messaging_destination_name, messaging_consumer_group_name) (increase(async_message_dead_lettered_total{` + ofQueue + `}[10m])) > 0`, byQueue}),
		lines("Duplicates", unitCount, "Messages that one consumer group processed successfully more than once, in 10 minutes: work done twice.",
			query{`sum by (messaging_destination_name, messaging_consumer_group_name) (increase(async_message_duplicated_total{` + ofQueue + `}[10m])) > 0`, byQueue}),
		lines("Failing attempts", unitShare, "Share of attempts that did not end well, for each queue and consumer group.",
			query{`sum by (messaging_destination_name, messaging_consumer_group_name) (rate(async_process_attempts_total{` + ofQueue + `, async_attempt_outcome!="ok"}[5m]))
/ (sum by (messaging_destination_name, messaging_consumer_group_name) (rate(async_process_attempts_total{` + ofQueue + `}[5m])) > 0)`, byQueue}),
	)
	return d
}

package main

// operations shows all operations: what ends how, how long it takes, and what is open or stuck.
func operations() *dashboard {
	d := newDashboard("throughline-operations", "Throughline / Operations",
		"What becomes of asynchronous operations, whatever queues they pass.",
		choice("operation", "Operation", "async_operation_active", "async_operation_name", true))

	d.row("Now", 4,
		number("Open", unitCount, "Operations that began and are not over.",
			`sum(operation:async_operation_active:sum{async_operation_name=~"$operation"})`),
		number("Stuck", unitCount, "Open operations past a threshold. Any that stays needs somebody.",
			`sum(operation:async_operation_stuck:sum{async_operation_name=~"$operation"}) or vector(0)`, bound{1, warning}),
		number("Oldest open", unitSeconds, "How long ago the oldest open operation began. It grows while nothing completes; what is too long depends on the operation.",
			`max(operation:async_operation_oldest_age_seconds:max{async_operation_name=~"$operation"})`, bound{3600, warning}, bound{86400, critical}),
		number("Ended per second", unitRate, "Operations that came to a verdict, of whatever kind. Zero with operations open means that nothing gets through.",
			`sum(operation_outcome:async_operation_outcomes:rate5m{async_operation_name=~"$operation"})`),
		number("Failing", unitShare, "Share of those that ended in the last 5 minutes and failed or were dead-lettered; cancelled and unknown ones do not count.",
			`sum(operation_outcome:async_operation_outcomes:rate5m{async_operation_name=~"$operation", async_operation_outcome=~"failed|dead_lettered"})
/ (sum(operation_outcome:async_operation_outcomes:rate5m{async_operation_name=~"$operation", async_operation_outcome!~"cancelled|unknown"}) > 0) or vector(0)`,
			bound{0.01, warning}, bound{0.05, critical}),
		number("Telemetry gaps", unitCount, "Services whose telemetry is missing now. What may have ended unseen is unknown, not stuck.",
			`sum(async_telemetry_gaps) or vector(0)`, bound{1, warning}),
	)

	d.row("Operations", 9, table("By operation",
		"All figures of one operation in a line; the name leads to its dashboard. Sort by stuck or oldest to find what needs somebody.",
		[]named{{"async_operation_name", "Operation"}},
		[]column{
			{`operation:async_operation_active:sum{async_operation_name=~"$operation"}`, "Open", unitCount},
			{`sum by (async_operation_name) (operation:async_operation_stuck:sum{async_operation_name=~"$operation"})`, "Stuck", unitCount},
			{`operation:async_operation_oldest_age_seconds:max{async_operation_name=~"$operation"}`, "Oldest open", unitSeconds},
			{`sum by (async_operation_name) (operation_outcome:async_operation_outcomes:rate5m{async_operation_name=~"$operation"})`, "Ended per second", unitRate},
			{`operation:async_operation_failures:ratio_rate5m{async_operation_name=~"$operation"}`, "Failing", unitShare},
			{`operation:async_operation_duration_seconds:p50_5m{async_operation_name=~"$operation"}`, "Median", unitSeconds},
			{`operation:async_operation_duration_seconds:p99_5m{async_operation_name=~"$operation"}`, "99 %", unitSeconds},
		},
		dataLink{Title: "Dashboard of this operation", URL: "/d/throughline-operation?${__url_time_range}&var-operation=${__value.raw:percentencode}"},
		dataLink{Title: "In the console", URL: "${console}/api/v1/operations?name=${__value.raw:percentencode}", TargetBlank: true},
	))

	d.row("What ends", 8,
		lines("Ended per second, by outcome", unitRate, "All operations that ended. Red that stays is a fault; a sum that falls while operations are open means that they do not get through.",
			query{`sum by (async_operation_outcome) (operation_outcome:async_operation_outcomes:rate5m{async_operation_name=~"$operation"})`, "{{async_operation_outcome}}"}).coloured().stacked(),
		lines("Failing", unitShare, "Share of failed and dead-lettered ones among those that ended in 5 minutes, for each operation.",
			query{`operation:async_operation_failures:ratio_rate5m{async_operation_name=~"$operation"}`, "{{async_operation_name}}"}),
		lines("Duration, 99 %", unitSeconds, "From the first sign to the end: 99 of 100 operations took no longer. Only what ended counts, so look at the oldest open one, too.",
			query{`operation:async_operation_duration_seconds:p99_5m{async_operation_name=~"$operation"}`, "{{async_operation_name}}"}).logarithmic(),
	)
	d.row("What is open", 8,
		lines("Open", unitCount, "Operations that began and are not over. A steady rise means that less gets through than comes in.",
			query{`operation:async_operation_active:sum{async_operation_name=~"$operation"}`, "{{async_operation_name}}"}),
		lines("Stuck, by reason", unitCount, "waiting: nobody consumes; processing: a consumer began and did not end; stalled: what should follow did not start; overdue: past the deadline; missed: did not start.",
			query{`sum by (async_operation_reason) (operation:async_operation_stuck:sum{async_operation_name=~"$operation"})`, "{{async_operation_reason}}"}).coloured().stacked(),
		lines("Oldest open", unitSeconds, "Age of the oldest open operation. A line that rises as fast as the clock is an operation that does not move.",
			query{`operation:async_operation_oldest_age_seconds:max{async_operation_name=~"$operation"}`, "{{async_operation_name}}"}),
	)
	return d
}

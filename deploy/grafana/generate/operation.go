package main

// operation shows one type of operation closely.
func operation() *dashboard {
	d := newDashboard("throughline-operation", "Throughline / One operation",
		"One type of operation: outcomes, durations with single operations to look at, and what is open.",
		choice("operation", "Operation", "async_operation_active", "async_operation_name", false))
	d.Links = append(d.Links,
		elsewhere("These operations (console)", "${console}/api/v1/operations?name=${operation:percentencode}"),
		elsewhere("What is usual (console)", "${console}/api/v1/learned?name=${operation:percentencode}"))

	d.row("Now", 4,
		number("Open", unitCount, "Operations of this type that began and are not over.",
			`sum(operation:async_operation_active:sum{async_operation_name="$operation"})`),
		number("Stuck", unitCount, "Open ones past a threshold. Any that stays needs somebody.",
			`sum(operation:async_operation_stuck:sum{async_operation_name="$operation"}) or vector(0)`, bound{1, warning}),
		number("Oldest open", unitSeconds, "How long ago the oldest open one began. Compare with what is usual, below.",
			`max(operation:async_operation_oldest_age_seconds:max{async_operation_name="$operation"})`),
		number("Ended per second", unitRate, "Operations of this type that came to a verdict.",
			`sum(operation_outcome:async_operation_outcomes:rate5m{async_operation_name="$operation"})`),
		number("Failing", unitShare, "Share of failed and dead-lettered ones among those that ended in 5 minutes.",
			`operation:async_operation_failures:ratio_rate5m{async_operation_name="$operation"} or vector(0)`, bound{0.01, warning}, bound{0.05, critical}),
		number("Corrected", unitCount, "Verdicts of the last hour that late evidence changed. Many of them mean that telemetry comes late: raise arrival_grace.",
			`sum(increase(async_operation_outcomes_total{async_operation_name="$operation", async_operation_corrected="true"}[1h])) or vector(0)`),
	)
	d.row("Outcomes", 8,
		lines("Ended per second, by outcome", unitRate, "How operations of this type end. Red that stays is a fault.",
			query{`operation_outcome:async_operation_outcomes:rate5m{async_operation_name="$operation"}`, "{{async_operation_outcome}}"}).coloured().stacked(),
		lines("Failing", unitShare, "Share of failed and dead-lettered ones, over 5 minutes and over an hour. The alert looks at both.",
			query{`operation:async_operation_failures:ratio_rate5m{async_operation_name="$operation"}`, "5 minutes"},
			query{`operation:async_operation_failures:ratio_rate1h{async_operation_name="$operation"}`, "1 hour"}),
	)
	d.row("Durations", 9,
		lines("Duration", unitSeconds, "From the first sign to the end, of those that ended. Dots are single operations: click one for its derived trace.",
			query{`operation:async_operation_duration_seconds:p50_5m{async_operation_name="$operation"}`, "median"},
			query{`histogram_quantile(0.95, sum by (le) (rate(async_operation_duration_seconds_bucket{async_operation_name="$operation"}[5m])))`, "95 %"},
			query{`operation:async_operation_duration_seconds:p99_5m{async_operation_name="$operation"}`, "99 %"},
			query{`operation:async_operation_duration_seconds:p99_1d{async_operation_name="$operation"}`, "99 % over a day"}).logarithmic().exemplars(),
		heatmap("Distribution of durations", "How many operations took how long. Two bands are often two ways through, or retries.",
			`sum by (le) (increase(async_operation_duration_seconds_bucket{async_operation_name="$operation"}[$__rate_interval]))`),
	)
	d.row("Open", 8,
		lines("Open and stuck", unitCount, "All that are open, and by reason those that are stuck.",
			query{`operation:async_operation_active:sum{async_operation_name="$operation"}`, "open"},
			query{`operation:async_operation_stuck:sum{async_operation_name="$operation"}`, "{{async_operation_reason}}"}).coloured(),
		lines("Oldest open, and what is usual", unitSeconds, "Age of the oldest open operation beside what 99 of 100 took over the last day. Ten times that raises an alert.",
			query{`operation:async_operation_oldest_age_seconds:max{async_operation_name="$operation"}`, "oldest open"},
			query{`operation:async_operation_duration_seconds:p99_1d{async_operation_name="$operation"}`, "99 % over a day"}),
	)
	return d
}

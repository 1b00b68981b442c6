package main

// ofInstance selects the collectors that were chosen.
const ofInstance = `instance=~"$instance"`

// collector shows Throughline's own health.
func collector() *dashboard {
	d := newDashboard("throughline-collector", "Throughline / Collector",
		"Whether Throughline itself is well: what it takes in, holds, loses and hands on. docs/operations.md tells of each metric.",
		choice("instance", "Collector", "otelcol_process_uptime", "instance", true))

	d.row("Now", 4,
		number("Collectors", unitCount, "Collectors that Prometheus reaches.",
			`count(up{job="throughline-collector", `+ofInstance+`} == 1) or vector(0)`, bound{0, critical}, bound{1, good}),
		number("Facts per second", unitRate, "What spans and log records said about operations. Zero while services send means that nothing is recognised.",
			`sum(rate(otelcol_operations_facts{`+ofInstance+`}[5m]))`),
		number("Open operations evicted", unitCount, "Operations let go in the last hour before they were over, for want of room. Nobody is told if they are stuck: raise max_operations.",
			`sum(increase(otelcol_operations_dropped{reason="evicted_open", `+ofInstance+`}[1h])) or vector(0)`, bound{1, critical}),
		number("Outputs dropped", unitCount, "Changes and events that a pipeline did not keep up with, in the last hour. Alerts may be among them.",
			`sum(increase(otelcol_operations_outputs_dropped{`+ofInstance+`}[1h])) or vector(0)`, bound{1, critical}),
		number("Fullest exporter queue", unitShare, "How full the fullest sending queue is. What comes when it is full is lost.",
			`max(otelcol_exporter_queue_size{`+ofInstance+`} / otelcol_exporter_queue_capacity)`, bound{0.5, warning}, bound{0.8, critical}),
		number("Alerts not delivered", unitRate, "Alerts a second that a backend did not take. They are tried again.",
			`sum(rate(otelcol_alert_failed{`+ofInstance+`}[5m])) or vector(0)`, bound{0.001, critical}),
	)
	d.row("What comes in", 8,
		lines("Received per second", unitRate, "Spans and log records that receivers took, and those they sent back. What is sent back comes again, until the sender gives up.",
			query{`sum(rate(otelcol_receiver_accepted_spans{` + ofInstance + `, receiver!~"operations.*"}[5m]))`, "spans"},
			query{`sum(rate(otelcol_receiver_accepted_log_records{` + ofInstance + `, receiver!~"operations.*"}[5m]))`, "log records"},
			query{`sum(rate(otelcol_receiver_refused_spans{` + ofInstance + `, receiver!~"operations.*"}[5m]))`, "spans refused"},
			query{`sum(rate(otelcol_receiver_refused_log_records{` + ofInstance + `, receiver!~"operations.*"}[5m]))`, "log records refused"}),
		lines("Facts per second, by kind", unitRate, "What was read from telemetry about operations.",
			query{`sum by (kind) (rate(otelcol_operations_facts{` + ofInstance + `}[5m]))`, "{{kind}}"}).stacked(),
		lines("How facts found their operation", unitRate, "correlation_id is the surest; much by parent or link is well, as long as little waits in vain.",
			query{`sum by (reason) (rate(otelcol_operations_facts_attached{` + ofInstance + `}[5m]))`, "{{reason}}"}).stacked(),
	)
	d.row("What it holds", 8,
		lines("Operations held", unitCount, "Open ones, and finished ones kept for late evidence and for reading. At max_operations, finished ones leave early.",
			query{`sum(otelcol_operations_active{` + ofInstance + `})`, "open"},
			query{`sum(otelcol_operations_finished{` + ofInstance + `})`, "finished"}).stacked(),
		lines("Facts without operation", unitCount, "Facts that wait for their operation to become known. A steady rise means that IDs are missing: see the coverage report.",
			query{`sum(otelcol_operations_facts_waiting{` + ofInstance + `})`, "waiting"}),
		lines("Memory", unitBytes, "Resident memory and heap of each collector, beside the limit that memory_limiter has in its configuration.",
			query{`otelcol_process_memory_rss{` + ofInstance + `}`, "{{instance}} resident"},
			query{`otelcol_process_runtime_heap_alloc_bytes{` + ofInstance + `}`, "{{instance}} heap"}),
		lines("Processor time", unitCores, "Cores in use by each collector.",
			query{`rate(otelcol_process_cpu_seconds{` + ofInstance + `}[5m])`, "{{instance}}"}),
	)
	d.row("What is lost", 8,
		lines("Let go, by reason", unitRate, "no_operation is usual for telemetry that is nobody's; the others mean that a bound is too low or a record is bad.",
			query{`sum by (reason) (rate(otelcol_operations_dropped{` + ofInstance + `}[5m])) > 0`, "{{reason}}"},
			query{`sum by (reason) (rate(otelcol_operations_incidents_dropped{` + ofInstance + `}[5m])) > 0`, "{{reason}}"},
			query{`sum by (reason) (rate(otelcol_operations_learned_dropped{` + ofInstance + `}[5m])) > 0`, "{{reason}}"}),
		lines("Refused by the memory limiter", unitRate, "Spans and log records a second. The collector is short of memory.",
			query{`sum by (items) (instance:otelcol_processor_memory_limiter_refused_items:rate5m{` + ofInstance + `})`, "{{items}}"}),
		lines("Defects and storage", unitCount, "Steps that ended in a defect, and state that could not be saved or restored, in 10 minutes. The log says more.",
			query{`sum by (component) (component:otelcol_failures:increase10m{` + ofInstance + `}) > 0`, "defect: {{component}}"},
			query{`sum by (part) (increase(otelcol_operations_storage_failures{` + ofInstance + `}[10m])) > 0`, "storage: {{part}}"}),
		lines("Series over the bound", unitCount, "Additions to the overflow series of each derived metric, in 10 minutes: too many names.",
			query{`sum by (metric) (increase(otelcol_operations_series_overflowed{` + ofInstance + `}[10m])) > 0`, "{{metric}}"}),
	)
	outgoing(d)
	return d
}

// outgoing adds what becomes of verdicts: traces and metrics that are sent, alerts.
func outgoing(d *dashboard) {
	d.row("What goes out", 8,
		lines("Sweep, 90 % and 99 %", unitSeconds, "How long looking at what is new or due takes. Above sweep_interval (0.5 s), verdicts are late.",
			query{`histogram_quantile(0.9, sum by (le) (rate(otelcol_operations_sweep_duration_bucket{` + ofInstance + `}[5m])))`, "90 %"},
			query{`histogram_quantile(0.99, sum by (le) (rate(otelcol_operations_sweep_duration_bucket{` + ofInstance + `}[5m])))`, "99 %"}),
		lines("Sent per second", unitRate, "What exporters delivered.",
			query{`sum by (exporter) (rate(otelcol_exporter_sent_spans{` + ofInstance + `}[5m]))`, "{{exporter}} spans"},
			query{`sum by (exporter) (rate(otelcol_exporter_sent_log_records{` + ofInstance + `}[5m]))`, "{{exporter}} log records"},
			query{`sum by (exporter) (rate(otelcol_exporter_sent_metric_points{` + ofInstance + `}[5m]))`, "{{exporter}} metric points"}),
		lines("Given up", unitCount, "What exporters lost in 10 minutes, because the backend would not take it or the queue was full.",
			query{`sum by (exporter, step, items) (exporter:otelcol_exporter_failed_items:increase10m{` + ofInstance + `}) > 0`, "{{exporter}} {{step}} {{items}}"}),
		lines("Exporter queues", unitShare, "How full the sending queue of each exporter is.",
			query{`max by (exporter, data_type) (otelcol_exporter_queue_size{` + ofInstance + `} / otelcol_exporter_queue_capacity)`, "{{exporter}} {{data_type}}"}),
	)
	d.row("Alerts and telemetry", 8,
		lines("Incidents and alerts", unitCount, "Open incidents, and alerts that fire at each backend. For one that is told of all, the two should agree.",
			query{`sum(otelcol_operations_incidents_open{` + ofInstance + `})`, "incidents"},
			query{`sum by (backend) (otelcol_alert_active{` + ofInstance + `})`, "alerts: {{backend}}"}),
		lines("Alerts per second", unitRate, "Alerts that were sent, repetitions included, and that were not taken or let go.",
			query{`sum by (backend, status) (rate(otelcol_alert_sent{` + ofInstance + `}[5m]))`, "{{backend}} sent: {{status}}"},
			query{`sum by (backend, reason) (rate(otelcol_alert_failed{` + ofInstance + `}[5m]))`, "{{backend}} failed: {{reason}}"},
			query{`sum by (backend, reason) (rate(otelcol_alert_dropped{` + ofInstance + `}[5m]))`, "{{backend}} dropped: {{reason}}"}),
		lines("Services watched", unitCount, "Services by how they are heard of. Silent ones have a gap in their telemetry.",
			query{`sum by (state) (otelcol_operations_telemetry_services{` + ofInstance + `})`, "{{state}}"}),
		lines("What telemetry lacks", unitRate, "Records that lack something, by what is missing. The coverage report of the console tells whose.",
			query{`sum by (code) (rate(otelcol_correlation_missing{` + ofInstance + `, dry_run="false"}[5m])) > 0`, "{{code}}"}),
	)
}

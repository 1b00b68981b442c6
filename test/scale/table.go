package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// The targets, which the table and the picture show.
const (
	targetRatio      = 0.25
	targetBytes      = 600
	targetDelay      = 1 // second
	targetIdle       = 0.01
	targetThroughput = 0.9
	targetGrowth     = 1.5
)

// row is a line of the table.
type row struct {
	what, target, measured string
	// spread is the range of the repetitions, "" where there are none.
	spread string
	met    bool
	detail string
}

// spread writes the range of a figure in the given form.
func (f figures) spread(form, name string, scale float64) string {
	return fmt.Sprintf(form+" .. "+form, f[name+suffixLeast]*scale, f[name+suffixGreatest]*scale)
}

func (r *report) rows() []row {
	return append(r.engineRows(), append(r.liveRows(), append(r.collectorRows(), r.growthRow())...)...)
}

func (r *report) engineRows() []row {
	i, most := r.Ingest, r.most()
	var heaps []string
	for _, e := range r.Engines {
		heaps = append(heaps, fmt.Sprintf("%.0f B at %s", e["bytes_per_operation"], short(e["open"])))
	}
	return []row{
		{
			what: "evidence + identity + apply, against unmarshalling", target: "<= 0.25 x", measured: fmt.Sprintf("%.2f x", i["take_ratio"]),
			spread: i.spread("%.2f", "take_ratio", 1), met: i["take_ratio"] <= targetRatio,
			detail: fmt.Sprintf("%.0f ns a span against %.0f ns; judging takes %.0f ns more", i["take_ns"], i["unmarshal_ns"], i["sweep_ns"]),
		},
		{
			what: "allocations per span, known operations", target: "0", measured: fmt.Sprintf("%.2f", i["allocations_known"]), met: i["allocations_known"] < 0.005,
			detail: fmt.Sprintf("%.2f for new operations, %.2f for batches that are sent again", i["allocations_new"], i["allocations_resent"]),
		},
		{
			what: "live heap per open operation of 3 hops, " + short(most["open"]) + " open", target: "<= 600 B", measured: fmt.Sprintf("%.0f B", most["bytes_per_operation"]),
			met: most["bytes_per_operation"] <= targetBytes, detail: strings.Join(heaps, ", "),
		},
	}
}

func (r *report) liveRows() []row {
	l := r.Live
	return []row{
		{
			what: "verdict delay p99, " + short(l["open"]) + " open", target: "<= 1 s", measured: fmt.Sprintf("%.2f s", l[delayName(99)]),
			met: l[delayName(99)] <= targetDelay && l["probes_missing"] == 0,
			detail: fmt.Sprintf("p50 %.2f s, longest %.2f s; %.0f of %.0f probes without a verdict; %.0f spans/s came, at most %.2f s late; %.2f cores busy",
				l[delayName(50)], l[delayName(100)], l["probes_missing"], l["probes"], l["rate"], l["behind_seconds"], l["load_cpu"]),
		},
		{
			what: "processor time, " + short(l["open"]) + " open and nothing happens", target: "< 1 %", measured: fmt.Sprintf("%.2f %%", 100*l["idle_cpu"]),
			spread: l.spread("%.2f", "idle_cpu", 100), met: l["idle_cpu"] < targetIdle,
			detail: fmt.Sprintf("of a core; %.0f garbage collections meanwhile; one collection of all metrics takes %.2f s; %.0f B of heap per operation with all that the extension keeps",
				l["idle_collections"], l["metrics_seconds"], l["bytes_per_operation"]),
		},
	}
}

func (r *report) collectorRows() []row {
	c := r.Collector
	line := func(what, with, without string) row {
		detail := fmt.Sprintf("%.0f against %.0f spans/s", c["rate_"+with], c["rate_"+without])
		if cpu := c["cpu_"+with]; cpu > 0 {
			detail += fmt.Sprintf("; processor time per span %.0f against %.0f ns, %.2f x", c["cpu_ns_"+with], c["cpu_ns_"+without], cpu)
		}
		detail += fmt.Sprintf("; %.2f derived spans for each span", c["derived_"+with])
		ratio := "throughput_" + with
		return row{
			what: what, target: ">= 0.9 x", measured: fmt.Sprintf("%.2f x", c[ratio]), spread: c.spread("%.2f", ratio, 1),
			met: c[ratio] >= targetThroughput, detail: detail,
		}
	}
	rows := []row{
		line("throughput of the collector, with against without, exporter as by default (gzip)", "with", "without"),
		line("the same, nothing compressed", "with_plain", "without_plain"),
	}
	rows[1].detail += fmt.Sprintf("; without derived telemetry %.2f x", c["throughput_correlation_plain"])
	return rows
}

func (r *report) growthRow() row {
	var costs []string
	for _, e := range r.Engines {
		costs = append(costs, fmt.Sprintf("%.0f + %.0f ns at %s", e["take_ns"], e["sweep_ns"], short(e["open"])))
	}
	least, greatest := r.growthRange()
	return row{
		what: "cost per span, " + short(r.most()["open"]) + " against " + short(r.fewest()["open"]) + " open", target: "<= 1.5 x",
		measured: fmt.Sprintf("%.2f x", r.growth()), spread: fmt.Sprintf("%.2f .. %.2f", least, greatest), met: r.growth() <= targetGrowth,
		detail: fmt.Sprintf("applying + judging: %s; the whole process, with unmarshalling and the garbage collector, %.2f x",
			strings.Join(costs, ", "), r.most()["process_cost"]/r.fewest()["process_cost"]),
	}
}

// short writes 10000 as 10k.
func short(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%gM", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%gk", n/1e3)
	}
	return fmt.Sprintf("%g", n)
}

// table writes the figures as a table in Markdown.
func (r *report) table() []byte {
	return tableOf(fmt.Sprintf("Measured on %s, %d processors, %s. Other programs left a busy thread %.0f %% of a processor.",
		r.At.Format(time.DateOnly), r.Processors, r.Go, 100*r.share()), r.rows())
}

func tableOf(head string, rows []row) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n| what | target | measured | range | met | in detail |\n|---|---|---|---|---|---|\n", head)
	for _, row := range rows {
		met := "no"
		if row.met {
			met = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", row.what, row.target, row.measured, row.spread, met, row.detail)
	}
	return b.Bytes()
}

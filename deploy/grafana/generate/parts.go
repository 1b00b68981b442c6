package main

import "fmt"

// Units by Grafana's names.
const (
	unitCount   = "short"
	unitSeconds = "s"
	unitRate    = "ops"
	unitShare   = "percentunit"
	unitBytes   = "bytes"
	unitCores   = "none"
)

const (
	width      = 24
	tag        = "throughline"
	prometheus = "prometheus"
)

// Colours that mean the same on every dashboard.
const (
	good     = "green"
	neutral  = "blue"
	warning  = "orange"
	critical = "red"
)

// palette gives values of labels the colours they always have, wherever they are the legend.
var palette = []struct{ value, colour string }{
	{"completed", good}, {"failed", critical}, {"dead_lettered", "dark-red"}, {"cancelled", "text"}, {"unknown", "light-blue"},
	{"ok", good}, {"error", critical}, {"unfinished", warning},
	{"waiting", warning}, {"processing", "yellow"}, {"stalled", "purple"}, {"overdue", critical}, {"missed", "dark-red"},
}

func datasource() *source { return &source{Type: prometheus, UID: "${datasource}"} }

// newDashboard returns one with what all have: the data source, the addresses of console and Jaeger, and links to the others.
func newDashboard(uid, title, description string, variables ...variable) *dashboard {
	d := &dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{tag},
		SchemaVersion: 39, Editable: true, GraphTooltip: 1, Refresh: "30s",
		Time: timeRange{From: "now-1h", To: "now"},
		Links: []link{
			{Title: "Throughline", Type: "dashboards", Icon: "apps", Tags: []string{tag}, AsDropdown: true, KeepTime: true},
			elsewhere("Stuck operations (console)", "${console}/api/v1/operations?state=stuck"),
			elsewhere("Incidents (console)", "${console}/api/v1/incidents?state=open"),
			elsewhere("Jaeger", "${jaeger}/search"),
		},
	}
	d.Templating.List = append([]variable{{Name: "datasource", Type: "datasource", Label: "Data source", Query: prometheus}}, variables...)
	d.Templating.List = append(d.Templating.List,
		address("console", "Console", "http://localhost:8321", "Where Throughline's console is reached, without a final slash."),
		address("jaeger", "Jaeger", "http://localhost:16686", "Where Jaeger is reached, without a final slash."))
	return d
}

// elsewhere is a link to what is not Grafana.
func elsewhere(title, url string) link {
	return link{Title: title, Type: "link", Icon: "external link", URL: url, Tags: []string{}, TargetBlank: true}
}

// address is a variable that each installation sets to where something is.
func address(name, label, value, description string) variable {
	return variable{
		Name: name, Type: "textbox", Label: label, Description: description, Query: value,
		Current: &selected{Text: value, Value: value},
	}
}

// choice is a variable with the values of a label; one of them, or any number and at first all.
func choice(name, label, metric, of string, several bool) variable {
	query := fmt.Sprintf("label_values(%s, %s)", metric, of)
	v := variable{
		Name: name, Type: "query", Label: label, Datasource: datasource(), Definition: query,
		Query: variableQuery{Query: query, RefID: "values"}, Refresh: 2, Sort: 1, Multi: several, IncludeAll: several,
	}
	if several {
		v.AllValue, v.Current = ".*", &selected{Text: []string{"All"}, Value: []string{"$__all"}}
	}
	return v
}

// row adds a heading and below it panels of one height, side by side, each as wide as it says or as is left for it.
func (d *dashboard) row(title string, height int, panels ...*panel) {
	y := 0
	if n := len(d.Panels); n > 0 {
		last := d.Panels[n-1].GridPos
		y = last.Y + last.H
	}
	open := false
	d.add(&panel{Type: "row", Title: title, Collapsed: &open, GridPos: place{H: 1, W: width, Y: y}})
	x := 0
	for i, p := range panels {
		w := p.GridPos.W
		if w == 0 {
			w = (width - x) / (len(panels) - i)
		}
		if x+w > width {
			panic(fmt.Sprintf("dashboard %s, row %q: panel %q has no room", d.Title, title, p.Title))
		}
		p.GridPos = place{H: height, W: w, X: x, Y: y + 1}
		x += w
		d.add(p)
	}
}

func (d *dashboard) add(p *panel) {
	p.ID = len(d.Panels) + 1
	d.Panels = append(d.Panels, p)
}

// query is what a panel asks for and how the answer is called.
type query struct{ expr, legend string }

func newPanel(kind, title, unit, description string, queries []query) *panel {
	zero := 0.0
	p := &panel{
		Type: kind, Title: title, Description: description, Datasource: datasource(),
		FieldConfig: &fieldConfig{Defaults: defaults{Unit: unit, Min: &zero}, Overrides: []override{}},
	}
	for i, q := range queries {
		p.Targets = append(p.Targets, target{RefID: string(rune('A' + i)), Expr: q.expr, LegendFormat: q.legend, Range: true})
	}
	return p
}

// lines is a graph over time.
func lines(title, unit, description string, queries ...query) *panel {
	p := newPanel("timeseries", title, unit, description, queries)
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "palette-classic"}
	p.FieldConfig.Defaults.Custom = map[string]any{
		"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false,
	}
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull", "max"}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stacked piles the graphs up, for what adds up.
func (p *panel) stacked() *panel {
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 40
	return p
}

// coloured gives outcomes and reasons the colours they have everywhere.
func (p *panel) coloured() *panel {
	for _, entry := range palette {
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
			Matcher:    matcher{"byName", entry.value},
			Properties: []property{{"color", map[string]any{"mode": "fixed", "fixedColor": entry.colour}}},
		})
	}
	return p
}

// logarithmic is for what spans milliseconds to days.
func (p *panel) logarithmic() *panel {
	p.FieldConfig.Defaults.Custom["scaleDistribution"] = map[string]any{"type": "log", "log": 10}
	p.FieldConfig.Defaults.Min = nil
	return p
}

// exemplars shows single operations among the quantiles, with their traces.
func (p *panel) exemplars() *panel {
	for i := range p.Targets {
		p.Targets[i].Exemplar = true
	}
	return p
}

// number is one figure, coloured from the given values on; without any it is neutral.
func number(title, unit, description, expr string, bounds ...bound) *panel {
	p := newPanel("stat", title, unit, description, []query{{expr, ""}})
	p.FieldConfig.Defaults.NoValue = "0"
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	base := good
	if len(bounds) == 0 {
		base = neutral
	}
	p.FieldConfig.Defaults.Thresholds = &thresholds{Mode: "absolute", Steps: []step{{Color: base}}}
	for _, b := range bounds {
		p.FieldConfig.Defaults.Thresholds.Steps = append(p.FieldConfig.Defaults.Thresholds.Steps, step{b.colour, &b.from})
	}
	p.Options = map[string]any{
		"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "auto",
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	return p
}

// bound is a colour from a value on.
type bound struct {
	from   float64
	colour string
}

// heatmap shows how a histogram is distributed over time.
func heatmap(title, description, expr string) *panel {
	p := newPanel("heatmap", title, unitSeconds, description, []query{{expr, "{{le}}"}})
	p.FieldConfig.Defaults.Min = nil
	p.Targets[0].Format = "heatmap"
	p.Options = map[string]any{
		"calculate": false,
		"cellGap":   1,
		"color":     map[string]any{"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "reverse": false},
		"yAxis":     map[string]any{"unit": unitSeconds, "axisPlacement": "left"},
		"tooltip":   map[string]any{"mode": "single", "yHistogram": false},
		"legend":    map[string]any{"show": true},
	}
	return p
}

// column is one column of a table: what is asked for, its name and unit.
type column struct{ expr, title, unit string }

// table has a row for each value of the labels and a column for each query. Links lead on from the value of the first label.
func table(title, description string, labels []named, columns []column, links ...dataLink) *panel {
	p := newPanel("table", title, unitCount, description, nil)
	names, renamed, order := map[string]bool{"Time": true}, map[string]string{}, map[string]int{}
	for i, l := range labels {
		renamed[l.label], order[l.label] = l.title, i
	}
	for i, c := range columns {
		ref := string(rune('A' + i))
		p.Targets = append(p.Targets, target{RefID: ref, Expr: c.expr, Format: "table", Instant: true})
		renamed["Value #"+ref], order["Value #"+ref] = c.title, len(labels)+i
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
			Matcher: matcher{"byName", c.title}, Properties: []property{{"unit", c.unit}},
		})
	}
	if len(links) > 0 {
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
			Matcher: matcher{"byName", labels[0].title}, Properties: []property{{"links", links}},
		})
	}
	p.Transformations = []transformation{
		{"merge", map[string]any{}},
		{"organize", map[string]any{"excludeByName": names, "renameByName": renamed, "indexByName": order}},
	}
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm", "footer": map[string]any{"show": false}}
	p.FieldConfig.Defaults.Custom = map[string]any{"align": "auto", "filterable": true}
	return p
}

// named is a label and how people call it.
type named struct{ label, title string }

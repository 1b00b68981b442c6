package coverage

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/throughline/throughline/internal/operation"
)

// Section is a part of a text: the report of one ledger under a title.
type Section struct {
	Title string
	// DryRun says that the report is that of a trial.
	DryRun bool
	Report Report
}

// WriteText shows reports to people as aligned tables. Names come from telemetry: of these only what can be printed is
// shown, and no more than fits in a line. The only errors are those of the writer.
func WriteText(w io.Writer, sections []Section) error {
	var out strings.Builder
	for i := range sections {
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(sections[i].Title + "\n\n")
		sections[i].Report.write(&out)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (r *Report) write(w *strings.Builder) {
	if len(r.Services) == 0 {
		w.WriteString("No records as yet.\n")
		return
	}
	r.serviceTable().write(w)
	if missing, hints := r.missingTables(); len(missing) > 1 {
		w.WriteString("\n")
		missing.write(w)
		w.WriteString("\n")
		hints.write(w)
	}
	if len(r.Destinations) > 0 {
		w.WriteString("\n")
		r.destinationTable().write(w)
	}
}

func (r *Report) serviceTable() table {
	head := []string{"service", "messaging", "attached", "share"}
	for reason := operation.ReasonCorrelationID; reason < reasonCount; reason++ {
		head = append(head, reason.String())
	}
	t := table{append(head, "late", "waiting", "lost", "logs", "attached", "others", "attached")}
	for i := range r.Services {
		s := &r.Services[i]
		m := s.Messaging()
		row := []string{name(s.Name), count(m.Records), count(m.AllAttached()), percent(m.Share())}
		for _, n := range m.Attached[operation.ReasonCorrelationID:] {
			row = append(row, count(n))
		}
		logs, others := &s.Kinds[GroupLog], s.Kinds[GroupWork]
		others.add(&s.Kinds[GroupPoll])
		t = append(t, append(row, count(m.Late), count(m.Waiting), count(m.AllLost()),
			count(logs.Records), percent(logs.Share()), count(others.Records), percent(others.Share())))
	}
	return t
}

// missingTables returns what is missing, and what to do about it.
func (r *Report) missingTables() (missing, hints table) {
	missing = table{{"missing", "count", "of", "share", "service"}}
	var seen [CodeCount]bool
	for i := range r.Services {
		for _, f := range r.Services[i].Missing {
			seen[f.Code] = true
			missing = append(missing, []string{
				f.Code.String(), count(f.Count), count(f.Of) + " " + string(f.Unit()) + "s", percent(f.Share()), name(r.Services[i].Name),
			})
		}
	}
	hints = table{{"missing", "what to do"}}
	for c, found := range seen {
		if found {
			hints = append(hints, []string{definitions[c].name, definitions[c].hint})
		}
	}
	return missing, hints
}

func (r *Report) destinationTable() table {
	t := table{{"destination", "messages", "produced only", "consumed only", "system"}}
	for i := range r.Destinations {
		d := &r.Destinations[i]
		t = append(t, []string{name(d.Name), count(d.Messages), count(d.ProducedOnly), count(d.ConsumedOnly), name(d.System)})
	}
	return t
}

// table is rows of cells, the first of them the head. All columns but the first and those called text are numbers.
type table [][]string

// textColumns are the last columns that are no numbers.
var textColumns = map[string]bool{"service": true, "system": true, "what to do": true}

func (t table) write(w *strings.Builder) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			switch {
			case i == 0:
				line.WriteString(cell + pad)
			case textColumns[t[0][i]]:
				line.WriteString("  " + cell)
			default:
				line.WriteString("  " + pad + cell)
			}
		}
		w.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func percent(share float64) string {
	if share < 0 {
		return "-"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + "%"
}

// maxShown is how many characters of a name are shown.
const maxShown = 60

// name makes a name from telemetry fit for a terminal.
func name(s string) string {
	if s == "" {
		return "(none)"
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if utf8.RuneCountInString(s) > maxShown {
		s = string([]rune(s)[:maxShown-1]) + "…"
	}
	return s
}

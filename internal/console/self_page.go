package console

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/throughline/throughline/internal/coverage"
	"github.com/throughline/throughline/internal/operation"
)

// selfStyle is all that the page has beside its tables: it needs no script and loads nothing.
//
//go:embed self.css
var selfStyle string

//go:embed self.html
var selfHTML string

var selfTemplate = template.Must(template.New("self").Parse(selfHTML))

// selfPolicy lets a browser apply that style, and nothing else.
var selfPolicy = func() string {
	hash := sha256.Sum256([]byte(selfStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}()

// page is what people see of Self.
type page struct {
	Title, Summary string
	// Style is our own, and the only part that is not escaped.
	Style    template.CSS
	Sections []table
}

// table is one section of it. The first column is a name, all others are numbers.
type table struct {
	Title, Note string
	Columns     []string
	Rows        []row
}

// row is one line. Alarming says that somebody should look at it.
type row struct {
	Cells    []string
	Alarming bool
}

func (p *page) html() (reply, error) {
	var out bytes.Buffer
	if err := selfTemplate.Execute(&out, p); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, contentType: "text/html; charset=utf-8", policy: selfPolicy, body: out.Bytes()}, nil
}

func (p *page) text() (reply, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n%s\n", p.Title, p.Summary)
	for _, t := range p.Sections {
		fmt.Fprintf(&out, "\n%s\n", t.Title)
		if t.Note != "" {
			fmt.Fprintf(&out, "%s\n", t.Note)
		}
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		if len(t.Rows) > 0 {
			fmt.Fprintf(w, "  %s\n", strings.Join(t.Columns, "\t"))
		}
		for _, r := range t.Rows {
			mark := ' '
			if r.Alarming {
				mark = '!'
			}
			fmt.Fprintf(w, "%c %s\n", mark, strings.Join(r.Cells, "\t"))
		}
		if err := w.Flush(); err != nil {
			return reply{}, err
		}
	}
	return reply{status: http.StatusOK, contentType: "text/plain; charset=utf-8", body: out.Bytes()}, nil
}

func newPage(s *Self, now int64) *page {
	p := &page{Title: "Throughline", Style: template.CSS(selfStyle)} //nolint:gosec // the style is embedded
	if s.Version != "" {
		p.Title += " " + s.Version
	}
	p.Summary = fmt.Sprintf("up for %s, since %s; %s of heap, %d goroutines", lasting(now-s.StartedAt),
		time.Unix(0, s.StartedAt).UTC().Format(time.RFC3339), size(s.HeapBytes), s.Goroutines)
	p.Sections = []table{
		drawnTable(s), recordsTable(s), waitingTable(s, now), droppedTable(s), roomsTable(s), sweepsTable(s, now), outputsTable(s), storeTable(s, now), keptTable(s, now),
	}
	return p
}

func drawnTable(s *Self) table {
	t := table{
		Title: "Read", Columns: []string{"from", "facts"},
		Note: "What was drawn from telemetry, and parts of it that could not be used (the telemetry itself passes).",
	}
	never := func(string) bool { return false }
	t.count(s.Drawn, "", never)
	t.count(s.Ignored, "ignored: ", never)
	return t
}

// recordsTable has a row for each kind of record and a column for each way to find the operation, or not.
func recordsTable(s *Self) table {
	t := table{Title: "Records and how they found their operation", Columns: []string{"record", "all"}}
	for r := operation.ReasonUnknown + 1; r <= operation.ReasonParent; r++ {
		t.Columns = append(t.Columns, r.String())
	}
	t.Columns = append(t.Columns, "late", "waiting")
	for l := range coverage.LossCount {
		t.Columns = append(t.Columns, "lost: "+l.String())
	}
	for g := range s.Records {
		tally := &s.Records[g]
		cells := []string{coverage.Group(g).String(), number(tally.Records)}
		for r := operation.ReasonUnknown + 1; r <= operation.ReasonParent; r++ {
			cells = append(cells, number(tally.Attached[r]))
		}
		cells = append(cells, number(tally.Late), number(tally.Waiting))
		for _, n := range tally.Lost {
			cells = append(cells, number(n))
		}
		t.Rows = append(t.Rows, row{Cells: cells})
	}
	// Aliases, exceptions and the like are facts, and no records of their own.
	facts := []string{"all facts", number(sum(s.Facts))}
	for r := operation.ReasonUnknown + 1; r <= operation.ReasonParent; r++ {
		facts = append(facts, number(s.Reasons[r.String()]))
	}
	for len(facts) < len(t.Columns) {
		facts = append(facts, "")
	}
	t.Rows = append(t.Rows, row{Cells: facts})
	return t
}

func waitingTable(s *Self, now int64) table {
	w := &s.Waiting
	oldest := "none"
	if w.OldestAt != 0 {
		oldest = lasting(now-w.OldestAt) + " ago"
	}
	return table{
		Title: "Waiting for their operation to become known", Columns: []string{"facts", "at most", "oldest", "room"},
		Rows: []row{{
			Cells:    []string{number(uint64(max(0, w.Facts))), number(uint64(max(0, w.Limit))), oldest, size(uint64(max(0, w.Bytes)))},
			Alarming: nearly(int64(w.Facts), int64(w.Limit)),
		}},
	}
}

// expectedDrops happen wherever there is telemetry that has nothing to do with operations, or names that change.
var expectedDrops = []string{"no_operation", "evicted_finished", "evicted_missed", "learned_refused", "learned_forgotten"}

func droppedTable(s *Self) table {
	t := table{Title: "Dropped, and why", Columns: []string{"reason", "count"}, Note: "Only what happened is listed. Evicted ones gave way to newer ones."}
	t.count(s.Dropped, "", func(reason string) bool { return !slices.Contains(expectedDrops, reason) })
	if s.Runaways > 0 {
		t.Rows = append(t.Rows, row{[]string{"runaway IDs, quarantined now", number(s.Runaways)}, true})
	}
	if len(t.Rows) == 0 {
		t.Note = "Nothing was dropped."
	}
	return t
}

func roomsTable(s *Self) table {
	t := table{Title: "Sizes and bounds", Columns: []string{"what", "now", "at most", "share", "bounded by"}}
	for _, r := range s.Rooms {
		limit, share := "", ""
		if r.Limit > 0 {
			limit, share = number(uint64(r.Limit)), strconv.FormatFloat(100*float64(r.Used)/float64(r.Limit), 'f', 1, 64)+" %"
		}
		t.Rows = append(t.Rows, row{[]string{r.Name, number(uint64(max(0, r.Used))), limit, share, r.Key}, nearly(r.Used, r.Limit)})
	}
	return t
}

func sweepsTable(s *Self, now int64) table {
	w := &s.Sweeps
	last := "none"
	if w.LastAt != 0 {
		last = lasting(now-w.LastAt) + " ago"
	}
	return table{
		Title: "Sweeps", Note: "What is new or due is judged by them.", Columns: []string{"sweeps", "every", "last", "took", "longest", "failed steps"},
		Rows: []row{{
			Cells: []string{
				number(w.Count), lasting(w.Interval), last, lasting(w.Took), lasting(w.Longest), number(w.Failures),
			},
			Alarming: w.Failures > 0 || w.Took > w.Interval,
		}},
	}
}

func outputsTable(s *Self) table {
	t := table{Title: "Outputs", Columns: []string{"receiver", "queued", "at most", "taken", "dropped"}}
	for _, o := range s.Outputs {
		name := o.Name
		if name == "" {
			name = "(without a name)"
		}
		t.Rows = append(t.Rows, row{
			[]string{clip(name, maxText), number(uint64(max(0, o.Queued))), number(uint64(max(0, o.Limit))), number(o.Taken), number(o.Dropped)},
			o.Dropped > 0 || nearly(int64(o.Queued), int64(o.Limit)),
		})
	}
	if len(t.Rows) == 0 {
		t.Note = "Nobody reads what follows from verdicts: no pipeline has an operations receiver."
	}
	return t
}

// keptTable says what was learned, and what of the state is stored.
func keptTable(s *Self, now int64) table {
	t := table{Title: "Learned and stored", Columns: []string{"part", "saved", "size", "failures"}}
	l := &s.Learned
	t.Note = "Nothing is learned: `learn` is switched off."
	if s.Learning {
		t.Note = fmt.Sprintf("Learned from %s operations: %s stages, %s destinations; %s names that change were refused, %s stages forgotten.",
			number(l.Learned), number(uint64(l.Stages)), number(uint64(l.Destinations)), number(l.Refused), number(l.Forgotten))
	}
	if s.Storage.ID == "" {
		t.Note += " A restart forgets it: `storage` names no extension."
		return t
	}
	t.Note += " Stored in " + s.Storage.ID + "."
	for _, p := range s.Storage.Parts {
		saved := "not yet"
		if p.SavedAt != 0 {
			saved = lasting(now-p.SavedAt) + " ago"
		}
		t.Rows = append(t.Rows, row{[]string{p.Name, saved, size(uint64(max(0, p.Bytes))), number(p.Failures)}, p.Failing})
	}
	return t
}

// count appends the counts above 0 in order of their names.
func (t *table) count(counts map[string]uint64, prefix string, alarming func(name string) bool) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			t.Rows = append(t.Rows, row{[]string{prefix + strings.ReplaceAll(name, "_", " "), number(counts[name])}, alarming(name)})
		}
	}
}

// nearly reports whether nine tenths of the room are used.
func nearly(used, limit int64) bool { return limit > 0 && used >= limit-limit/10 }

// number groups digits by threes.
func number(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var grouped strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			grouped.WriteByte(',')
		}
		grouped.WriteRune(d)
	}
	return grouped.String()
}

// lasting is a time in nanoseconds to three digits, more or less.
func lasting(nanos int64) string {
	d := time.Duration(max(0, nanos))
	unit := time.Second
	for unit > time.Microsecond && d < 10*unit {
		unit /= 10
	}
	return d.Round(unit).String()
}

// size is a number of bytes.
func size(bytes uint64) string {
	for _, u := range []struct {
		name  string
		bytes uint64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= u.bytes {
			return strconv.FormatFloat(float64(bytes)/float64(u.bytes), 'f', 1, 64) + " " + u.name
		}
	}
	return strconv.FormatUint(bytes, 10) + " B"
}

package verdict

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Matrix counts verdicts by what was true and what was judged. The zero value is empty.
type Matrix struct {
	cells map[cell]int
	right int
	total int
}

type cell struct{ truth, judged string }

// Add counts one operation. Right says whether the verdict is right, which is usually that both are equal.
func (m *Matrix) Add(truth, judged string, right bool) {
	if m.cells == nil {
		m.cells = map[cell]int{}
	}
	m.cells[cell{truth, judged}]++
	m.total++
	if right {
		m.right++
	}
}

// Total is the number of operations counted.
func (m *Matrix) Total() int { return m.total }

// Right is the number of operations judged right.
func (m *Matrix) Right() int { return m.right }

// String is a table with a row for each truth and a column for each verdict.
func (m *Matrix) String() string {
	var rows, columns []string
	for c := range m.cells {
		rows, columns = append(rows, c.truth), append(columns, c.judged)
	}
	rows, columns = distinct(rows), distinct(columns)

	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d right\n", m.right, m.total)
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "truth \\ judged\t%s\ttotal\t\n", strings.Join(columns, "\t"))
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t", row)
		sum := 0
		for _, column := range columns {
			n := m.cells[cell{row, column}]
			sum += n
			fmt.Fprintf(w, "%s\t", count(n))
		}
		fmt.Fprintf(w, "%d\t\n", sum)
	}
	w.Flush()
	return text.String()
}

// count leaves no zero to be mistaken for a result.
func count(n int) string {
	if n == 0 {
		return "."
	}
	return strconv.Itoa(n)
}

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

package coverage

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestText(t *testing.T) {
	l := NewLedger()
	send, process, line := whole(operation.KindSend), whole(operation.KindProcess), whole(operation.KindLog)
	for range 1200 {
		l.Attached(attached(send, operation.ReasonCorrelationID), false)
	}
	process.Service, process.MessageID, process.ID, process.Parent = "billing \x1b[31m<b>\n", "", "", operation.SpanID{}
	l.Attached(attached(process, operation.ReasonTrace), false)
	l.Waiting(&process)
	l.Lost(&process, true, LossNoOperation)
	line.Service = ""
	l.Attached(attached(line, operation.ReasonTrace), false)
	l.Settled(over("o-1", hop("orders", "s", "billing"), hop(strings.Repeat("long.", 20), "s", "")))

	var out strings.Builder
	require.NoError(t, WriteText(&out, []Section{{"Coverage", false, l.Report(nil)}, {"Trial", true, Report{}}}))
	path := filepath.Join("testdata", "report.txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
	require.NotContains(t, out.String(), "\x1b")
}

func TestNamesFitForATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "(none)",
		"billing":               "billing",
		"a\tb\r\nc\x00\x1b[2J":  "a?b??c??[2J",
		"bad \xff utf8":         "bad ? utf8",
		"right-to-left \u202e!": "right-to-left ?!",
		strings.Repeat("é", 61): strings.Repeat("é", 59) + "…",
		strings.Repeat("é", 60): strings.Repeat("é", 60),
	} {
		require.Equal(t, want, name(in))
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestAWriterThatFails(t *testing.T) {
	require.EqualError(t, WriteText(full{}, []Section{{Title: "Coverage"}}), "no room")
}

// TestEveryCodeIsExplained in the guide that people find by it.
func TestEveryCodeIsExplained(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "coverage.md"))
	require.NoError(t, err)
	for c := range CodeCount {
		require.Contains(t, string(guide), "| `"+c.String()+"` |")
	}
}

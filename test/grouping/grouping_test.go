package grouping

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
	"github.com/throughline/throughline/internal/template"
)

// failure is one record of the corpus: what an instrumentation would record, and the cause that it has.
type failure struct {
	Cause   string `json:"cause"`
	Type    string `json:"type"`
	Message string `json:"message"`
	Stack   string `json:"stack"`
}

// maxStack is how many bytes of a stack trace the collector keeps.
const maxStack = 4096

func corpus(tb testing.TB) []failure {
	tb.Helper()
	files, err := filepath.Glob("testdata/failures/*.jsonl")
	require.NoError(tb, err)
	var failures []failure
	for _, name := range files {
		file, err := os.Open(name)
		require.NoError(tb, err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var f failure
			require.NoError(tb, json.Unmarshal(lines.Bytes(), &f), name)
			f.Stack = stack.Condense(f.Stack, maxStack)
			failures = append(failures, f)
		}
		require.NoError(tb, lines.Err())
		require.NoError(tb, file.Close())
	}
	return failures
}

// half says which causes the rules were made by looking at; the others were looked at when the rules were done.
type half func(place int) bool

func developed(place int) bool { return place%2 == 0 }
func heldOut(place int) bool   { return place%2 == 1 }
func all(int) bool             { return true }

// of returns the failures whose cause is in the half: causes count in alphabetical order.
func (h half) of(failures []failure) []failure {
	var causes []string
	for _, f := range failures {
		causes = append(causes, f.Cause)
	}
	slices.Sort(causes)
	causes = slices.Compact(causes)
	return slices.DeleteFunc(slices.Clone(failures), func(f failure) bool {
		return !h(slices.Index(causes, f.Cause))
	})
}

// group returns the name of the group of each failure, as a tracker that sees them in this order would group them, all of one
// operation in one place.
func group(tb testing.TB, failures []failure) []string {
	tb.Helper()
	miner, err := template.NewMiner(template.DefaultSettings())
	require.NoError(tb, err)
	groups := make([]string, len(failures))
	for i, f := range failures {
		e := operation.Error{Type: f.Type, Message: f.Message, Stack: f.Stack}
		got := incident.FailureOf(&e, stack.Rules{})
		place := got
		place.Message = ""
		got.Message = miner.Template(place, got.Message)
		groups[i] = strings.Join([]string{got.Type, got.Culprit, got.Message}, " | ")
	}
	return groups
}

// pairs counts the pairs of failures that share their cause, that share their group, and that share both.
type pairs struct{ cause, group, both int }

func count(failures []failure, groups []string) pairs {
	var p pairs
	for i := range failures {
		for k := range i {
			cause, group := failures[i].Cause == failures[k].Cause, groups[i] == groups[k]
			p.cause += one(cause)
			p.group += one(group)
			p.both += one(cause && group)
		}
	}
	return p
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p pairs) precision() float64 { return float64(p.both) / float64(max(1, p.group)) }
func (p pairs) recall() float64    { return float64(p.both) / float64(max(1, p.cause)) }

// target is what both figures must reach.
const target = 0.98

func TestGrouping(t *testing.T) {
	failures := corpus(t)
	require.GreaterOrEqual(t, len(failures), 300)
	for _, part := range []struct {
		name string
		of   half
	}{{"developed on", developed}, {"held out", heldOut}, {"all", all}} {
		t.Run(part.name, func(t *testing.T) {
			failures := part.of.of(failures)
			worst := pairs{}
			for seed := range uint64(20) {
				// In whatever order they come.
				rng := rand.New(rand.NewPCG(seed, 1))
				rng.Shuffle(len(failures), func(i, k int) { failures[i], failures[k] = failures[k], failures[i] })
				groups := group(t, failures)
				p := count(failures, groups)
				if seed == 0 || min(p.precision(), p.recall()) < min(worst.precision(), worst.recall()) {
					worst = p
				}
				if seed == 0 && part.name != "held out" {
					t.Log(mistakes(failures, groups))
				}
			}
			t.Logf("%d failures of %d causes, worst of 20 orders: precision %.4f, recall %.4f", len(failures), causes(failures), worst.precision(), worst.recall())
			require.GreaterOrEqual(t, worst.precision(), target)
			require.GreaterOrEqual(t, worst.recall(), target)
		})
	}
}

// TestWhatEachPartIsFor: without any of its parts the fingerprint groups worse, so that none is there for nothing and the corpus
// can tell.
func TestWhatEachPartIsFor(t *testing.T) {
	failures := corpus(t)
	measure := func(name string, of func(*failure) string) pairs {
		groups := make([]string, len(failures))
		for i := range failures {
			groups[i] = of(&failures[i])
		}
		p := count(failures, groups)
		t.Logf("%-34s precision %.4f, recall %.4f", name, p.precision(), p.recall())
		return p
	}
	digest := func(f *failure) incident.Failure {
		return incident.FailureOf(&operation.Error{Type: f.Type, Message: f.Message, Stack: f.Stack}, stack.Rules{})
	}
	require.Less(t, measure("type of the evidence (version 1)", func(f *failure) string { return f.Type }).precision(), 0.3)
	require.Less(t, measure("type and message as they are", func(f *failure) string { return f.Type + f.Message }).recall(), 0.6)
	require.Less(t, measure("without the root cause", func(f *failure) string { return f.Type + template.Normalize(f.Message) }).precision(), 0.9)
	require.Less(t, measure("without the message", func(f *failure) string { d := digest(f); return d.Type + "|" + d.Culprit }).precision(), 0.9)
	require.Less(t, measure("without the call", func(f *failure) string { d := digest(f); return d.Type + "|" + d.Message }).precision(), target)
	require.Less(t, measure("without comparing messages", func(f *failure) string { d := digest(f); return d.Type + "|" + d.Culprit + "|" + d.Message }).recall(), target)
}

func causes(failures []failure) int {
	known := map[string]bool{}
	for _, f := range failures {
		known[f.Cause] = true
	}
	return len(known)
}

// mistakes lists the causes in several groups and the groups of several causes.
func mistakes(failures []failure, groups []string) string {
	byCause, byGroup := map[string]map[string]int{}, map[string]map[string]int{}
	for i, f := range failures {
		for _, m := range []struct {
			in       map[string]map[string]int
			key, add string
		}{{byCause, f.Cause, groups[i]}, {byGroup, groups[i], f.Cause}} {
			if m.in[m.key] == nil {
				m.in[m.key] = map[string]int{}
			}
			m.in[m.key][m.add]++
		}
	}
	var lines []string
	for _, m := range []struct {
		what string
		in   map[string]map[string]int
	}{{"cause in several groups", byCause}, {"group of several causes", byGroup}} {
		for key, parts := range m.in {
			if len(parts) > 1 {
				lines = append(lines, fmt.Sprintf("%s: %s: %v", m.what, key, parts))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

package deploy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// check parses an expression and compares what it asks for with what is exposed: names of metrics, labels that are selected
// by, and labels that are grouped or joined by.
func (e exposed) check(text string) error {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return err
	}
	var errs []error
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			errs = append(errs, e.checkSelector(n))
		case *parser.AggregateExpr:
			errs = append(errs, e.checkGrouping(n.Expr, n.Grouping))
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				errs = append(errs, e.checkGrouping(n, n.VectorMatching.MatchingLabels))
			}
		}
		return nil
	})
	return errors.Join(errs...)
}

func (e exposed) checkSelector(s *parser.VectorSelector) error {
	labels, ok := e[s.Name]
	if !ok {
		return fmt.Errorf("nothing exposes %q", s.Name)
	}
	for _, m := range s.LabelMatchers {
		if !labels[m.Name] {
			return fmt.Errorf("%s has no label %q, only %v", s.Name, m.Name, slices.Sorted(maps.Keys(labels)))
		}
	}
	return nil
}

// checkGrouping fails if no series below an expression has one of the labels.
func (e exposed) checkGrouping(below parser.Expr, grouping []string) error {
	known := map[string]bool{}
	parser.Inspect(below, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			maps.Copy(known, e[s.Name])
		}
		return nil
	})
	for _, label := range grouping {
		if !known[label] {
			return fmt.Errorf("%s: no series has the label %q", below, label)
		}
	}
	return nil
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	e := readExposed(t)
	require.NoError(t, e.check(`sum by (job, async_operation_name) (rate(async_operation_duration_seconds_bucket{le="1"}[5m]))`))
	for text, want := range map[string]string{
		`sum(`:                                   "unclosed left parenthesis",
		`async_operation_actve`:                  `nothing exposes "async_operation_actve"`,
		`async_operation_active{reason=""}`:      `async_operation_active has no label "reason"`,
		`sum by (kind) (async_operation_active)`: `no series has the label "kind"`,
		`async_queue_depth and on (le) async_operation_stuck`: `no series has the label "le"`,
		`otelcol_operations_sweep_duration`:                   "nothing exposes",
	} {
		require.ErrorContains(t, e.check(text), want, text)
	}
}

// variables replaces what Grafana fills in.
var variables = strings.NewReplacer(
	"$__rate_interval", "1m", "$operation", "x", "$system", "x", "$destination", "x", "$group", "x", "$instance", "x")

package alert

import (
	"regexp"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// Match says which alerts somebody wants to hear of. Each list that is not empty must have the value of the alert among its
// elements.
type Match struct {
	Severities []operation.Severity
	Priorities []int
	// Kinds are names of states: stuck, failed, dead_lettered, and unknown for telemetry that is lacking.
	Kinds []string
	// Owners, Operations and Destinations are compared as wholes; "*" stands for any number of any characters.
	Owners, Operations, Destinations Patterns
}

// Matches reports whether the alert is among those that are wanted.
func (m *Match) Matches(a *Alert) bool {
	return among(m.Severities, a.Severity) && among(m.Priorities, a.Priority) && among(m.Kinds, a.Labels[LabelKind]) &&
		m.Owners.match(a.Owner) && m.Operations.match(a.Labels[LabelOperation]) && m.Destinations.match(a.Labels[LabelDestination])
}

func among[T comparable](list []T, value T) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

// Patterns match text as a whole. The zero value matches everything.
type Patterns struct{ alternatives *regexp.Regexp }

// NewPatterns returns what matches any of the patterns, and everything if there are none.
func NewPatterns(patterns []string) Patterns {
	if len(patterns) == 0 {
		return Patterns{}
	}
	alternatives := make([]string, len(patterns))
	for i, p := range patterns {
		alternatives[i] = strings.ReplaceAll(regexp.QuoteMeta(strings.ToValidUTF8(p, "\uFFFD")), `\*`, ".*")
	}
	return Patterns{regexp.MustCompile(`(?s)^(?:` + strings.Join(alternatives, "|") + `)$`)}
}

func (p Patterns) match(s string) bool { return p.alternatives == nil || p.alternatives.MatchString(s) }

// Matches is what somebody wants to hear of: what any of the elements matches, or everything if there are none.
type Matches []Match

// Match reports whether the alert is among those that are wanted.
func (m Matches) Match(a *Alert) bool {
	return len(m) == 0 || slices.ContainsFunc(m, func(one Match) bool { return one.Matches(a) })
}

package console

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/throughline/throughline/internal/operation"
)

// The bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Query says which operations are asked for; its zero values do not restrict.
type Query struct {
	Namespace string
	States    []operation.State
	Reasons   []operation.StuckReason
	// Flags are those of which one at least must be set, Rule is the name of the rule that the operation was judged by.
	Flags operation.Flags
	Rule  string
	// Group is a consumer group that consumed a message, or that is awaited.
	Group string
	// Name, Service and Destination are compared as a whole. A service takes part if it sent, consumed, worked or logged.
	Name, Service, Destination string
	// Text is searched for in the ID, the aliases and the name, whatever the case.
	Text string
	// Since is the earliest Record.UpdatedAt, in nanoseconds since 1970.
	Since int64
	// Limit is the greatest number of operations, at least 1.
	Limit int
	// After is the place that the list continues from, exclusive; nil = from the beginning.
	After *Position
}

// Matches reports whether the operation is asked for, wherever its place is.
func (q *Query) Matches(s *Summary) bool {
	return s.UpdatedAt >= q.Since &&
		(q.Namespace == "" || q.Namespace == s.Namespace) &&
		(q.States == nil || slices.Contains(q.States, s.State)) &&
		(q.Reasons == nil || slices.Contains(q.Reasons, s.Reason)) &&
		(q.Name == "" || q.Name == s.Name) &&
		(q.Rule == "" || q.Rule == s.Rule) &&
		(q.Flags == 0 || q.Flags&s.Flags != 0) &&
		q.textIn(s.ID, s.Name, s.Aliases) && q.matchesView(s)
}

// glances reports whether an operation may be asked for, by what is known of it after a glance.
func (q *Query) glances(g Glance) bool {
	return g.UpdatedAt >= q.Since && (q.States == nil || slices.Contains(q.States, g.State)) &&
		(q.Reasons == nil || slices.Contains(q.Reasons, g.Reason)) && (q.Flags == 0 || q.Flags&g.Flags != 0)
}

// called is the part of Matches that needs the operation's names, nil if it needs none.
func (q *Query) called() func(id, name string, aliases []string) bool {
	if q.Text == "" && q.Name == "" {
		return nil
	}
	return func(id, name string, aliases []string) bool {
		return (q.Name == "" || q.Name == name) && q.textIn(id, name, aliases)
	}
}

func (q *Query) textIn(id, name string, aliases []string) bool {
	return q.Text == "" || containsFold(id, q.Text) || containsFold(name, q.Text) ||
		slices.ContainsFunc(aliases, func(alias string) bool { return containsFold(alias, q.Text) })
}

func (q *Query) matchesView(s *Summary) bool {
	if q.Service == "" && q.Destination == "" && q.Group == "" {
		return true
	}
	if s.Mentions != nil && !s.Mentions(q.Service, q.Destination) {
		return false
	}
	v := s.View()
	return (q.Group == "" || hasGroup(v, q.Group)) && (q.Destination == "" || hasDestination(v, q.Destination)) && (q.Service == "" || hasService(v, q.Service))
}

func hasDestination(v *operation.View, name string) bool {
	return slices.ContainsFunc(v.Hops, func(h operation.Hop) bool { return h.Destination == name })
}

func hasGroup(v *operation.View, name string) bool {
	return slices.ContainsFunc(v.Hops, func(h operation.Hop) bool {
		return slices.Contains(h.Awaited, name) ||
			slices.ContainsFunc(h.Consumers, func(c operation.Consumer) bool { return c.Group == name })
	})
}

func hasService(v *operation.View, name string) bool {
	for i := range v.Hops {
		if hopHasService(&v.Hops[i], name) {
			return true
		}
	}
	return slices.ContainsFunc(v.Works, func(w operation.Work) bool { return w.Service == name }) ||
		slices.ContainsFunc(v.Notes, func(n operation.Note) bool { return n.Service == name })
}

func hopHasService(h *operation.Hop, name string) bool {
	return slices.ContainsFunc(h.Sends, func(s operation.Send) bool { return s.Service == name }) ||
		slices.ContainsFunc(h.Consumers, func(c operation.Consumer) bool {
			return c.Service == name ||
				slices.ContainsFunc(c.Attempts, func(a operation.Attempt) bool { return a.Service == name })
		})
}

// MatchesRecord is Matches for what is known as a record.
func (q *Query) MatchesRecord(r *Record) bool {
	s := summarize(r)
	return q.Matches(&s)
}

// containsFold is strings.Contains without regard to case. It does not allocate, because a search looks at every
// operation there is, and so does not find a letter whose other case is longer in UTF-8.
func containsFold(s, text string) bool {
	if text == "" {
		return true
	}
	lower, upper := bothCases(text[0])
	for i := 0; i+len(text) <= len(s); i++ {
		// What is not ASCII may be the other case of what is.
		if c := s[i]; (c == lower || c == upper || c >= utf8.RuneSelf || lower >= utf8.RuneSelf) && strings.EqualFold(s[i:i+len(text)], text) {
			return true
		}
	}
	return false
}

func bothCases(c byte) (lower, upper byte) {
	switch {
	case 'a' <= c && c <= 'z':
		return c, c - 'a' + 'A'
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 'a', c
	}
	return c, c
}

// summarize is the inverse of computing a record from a summary, to see whether the record still matches.
func summarize(r *Record) Summary {
	s := Summary{
		Namespace: r.View.Namespace, ID: r.View.ID, Aliases: r.View.Aliases, Name: r.Name, UpdatedAt: r.UpdatedAt,
		View: func() *operation.View { return r.View },
	}
	s.Judged(&r.Verdict)
	if r.Policy != nil {
		s.Rule = r.Policy.Rule
	}
	return s
}

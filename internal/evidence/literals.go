package evidence

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// literals are texts of which any match of an expression contains at least one. Looking for them costs a fraction of
// running the expression, and turns away almost every line of a log.
type literals struct {
	any []string
	// fold says that the case of letters does not matter; the texts are then in lower case.
	fold bool
}

// The bounds of what is looked for: more would cost more than it saves.
const (
	maxLiterals     = 8
	maxAlternatives = 16
)

// required returns what any match contains: at least one of each of the lists. Nil means that nothing is known.
func required(expression *syntax.Regexp) []literals {
	all := requiredBy(expression.Simplify(), nil)
	slices.SortStableFunc(all, func(a, b literals) int {
		return cmp.Or(cmp.Compare(len(a.any), len(b.any)), cmp.Compare(b.shortest(), a.shortest()))
	})
	return all[:min(len(all), maxLiterals)]
}

func (l *literals) shortest() int {
	n := len(l.any[0])
	for _, s := range l.any {
		n = min(n, len(s))
	}
	return n
}

func requiredBy(re *syntax.Regexp, all []literals) []literals {
	switch re.Op {
	case syntax.OpLiteral:
		// The replacement character also stands for bytes that are none.
		if !slices.Contains(re.Rune, utf8.RuneError) {
			return append(all, literalOf(re))
		}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredBy(re.Sub[0], all)
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredBy(re.Sub[0], all)
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			all = requiredBy(sub, all)
		}
	case syntax.OpAlternate:
		if l, ok := alternatives(re.Sub); ok {
			return append(all, l)
		}
	}
	return all
}

// alternatives returns texts of which one is in a match of any of the branches; false if a branch has none.
func alternatives(branches []*syntax.Regexp) (literals, bool) {
	var l literals
	for i, branch := range branches {
		all := required(branch)
		if len(all) == 0 || (i > 0 && all[0].fold != l.fold) {
			return l, false
		}
		l.any, l.fold = append(l.any, all[0].any...), all[0].fold
	}
	return l, len(l.any) <= maxAlternatives
}

func literalOf(re *syntax.Regexp) literals {
	if re.Flags&syntax.FoldCase == 0 {
		return literals{any: []string{string(re.Rune)}}
	}
	return literals{any: []string{strings.ToLower(string(re.Rune))}, fold: true}
}

// in reports whether one of the texts is in s. It never says no wrongly.
func (l *literals) in(s string) bool {
	for _, text := range l.any {
		if l.fold {
			if containsFold(s, text) {
				return true
			}
		} else if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// containsFold reports whether s may contain the text, which is in lower case, whatever the case of letters. Beyond ASCII it
// does not look closely: the long s and the Kelvin sign are letters of the alphabet, too.
func containsFold(s, text string) bool {
	first := text[0]
	if first >= utf8.RuneSelf {
		return true
	}
	upper := byte(unicode.ToUpper(rune(first)))
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return true
		case (c == first || c == upper) && len(s)-i >= len(text) && strings.EqualFold(s[i:i+len(text)], text):
			return true
		}
	}
	return false
}

package evidence

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// literals are texts of which any match of an expression contains at least one. Looking for them costs a fraction of
// running the expression, and turns away almost every line of a log.
type literals struct {
	any []string
	// fold says that the case of letters does not matter; the texts are then in lower case. rare has for each the index of
	// the byte that occurs least often.
	fold bool
	rare []int
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
	if useful := slices.IndexFunc(all, func(l literals) bool { return l.shortest() > 1 }); useful >= 0 {
		all = slices.DeleteFunc(all, func(l literals) bool { return l.shortest() == 1 })
	}
	all = all[:min(len(all), maxLiterals)]
	for i := range all {
		all[i].rare = make([]int, len(all[i].any))
		for k, text := range all[i].any {
			all[i].rare[k] = rarest(text)
		}
	}
	return all
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

// in reports whether one of the texts is in s. It never says no wrongly. Beyond ASCII it does not look closely where the
// case of letters does not matter: the long s and the Kelvin sign are letters of the alphabet, too.
func (l *literals) in(s string) bool {
	for i, text := range l.any {
		if l.fold {
			if containsFold(s, text, l.rare[i]) {
				return true
			}
		} else if strings.Contains(s, text) {
			return true
		}
	}
	return l.fold && !ascii(s)
}

// containsFold reports whether s contains the text, which is in lower case, whatever the case of ASCII letters. It looks for
// the byte with the given index first.
func containsFold(s, text string, rare int) bool {
	lower := text[rare]
	if lower >= utf8.RuneSelf {
		return false
	}
	upper := lower
	if lower >= 'a' && lower <= 'z' {
		upper -= 'a' - 'A'
	}
	for from := rare; from < len(s); {
		at := strings.IndexByte(s[from:], lower)
		if upper != lower {
			if other := strings.IndexByte(s[from:], upper); other >= 0 && (at < 0 || other < at) {
				at = other
			}
		}
		if at < 0 {
			break
		}
		begin := from + at - rare
		if end := begin + len(text); end <= len(s) && strings.EqualFold(s[begin:end], text) {
			return true
		}
		from += at + 1
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// frequent are the letters, and the space, by how often they occur in English, the least often first; others occur less often.
const frequent = "zqxjkvbpygfwmucldrhsnioate "

// rarest returns the index of the byte of the text that occurs least often.
func rarest(text string) int {
	best := 0
	for i := range len(text) {
		if strings.IndexByte(frequent, text[i]) < strings.IndexByte(frequent, text[best]) {
			best = i
		}
	}
	return best
}

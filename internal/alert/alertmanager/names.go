package alertmanager

import (
	"maps"
	"slices"
	"strings"
)

// sanitized returns the map with names that Alertmanager accepts, [a-zA-Z_][a-zA-Z0-9_]*. Every other byte becomes "_"; a
// name that is taken then gets more of them, in the order of the original names, so that the result is always the same.
func sanitized(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	var rest []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name == sanitize(name) {
			out[name] = m[name]
		} else {
			rest = append(rest, name)
		}
	}
	for _, name := range rest {
		clean := sanitize(name)
		for taken := true; taken; {
			if _, taken = out[clean]; taken {
				clean += "_"
			}
		}
		out[clean] = m[name]
	}
	return out
}

func sanitize(name string) string {
	if name == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		digit := c >= '0' && c <= '9'
		if digit && i == 0 {
			b.WriteByte('_')
		}
		if !letter && !digit {
			c = '_'
		}
		b.WriteByte(c)
	}
	return b.String()
}

package console

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxValue bounds a query parameter; a cursor holds an operation ID, which may be longer than any text worth searching for.
const (
	maxValue  = 4096
	maxCursor = 64 << 10
)

const (
	defaultWindow = 15 * time.Minute
	maxWindow     = 31 * 24 * time.Hour
)

// params are the parameters of a request that the route knows. The first problem with any of them is kept, so that
// handlers read them all and ask once.
type params struct {
	values  url.Values
	problem *Problem
}

// parseParams checks the form of a query string against the names that the route knows.
func parseParams(raw string, known []string) params {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return params{problem: NewProblem(http.StatusBadRequest, "the query string is malformed: "+clip(err.Error(), shownValue))}
	}
	p := params{values: values}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p.check(name, known)
	}
	return p
}

func (p *params) check(name string, known []string) {
	list := p.values[name]
	limit := maxValue
	if name == "cursor" {
		limit = maxCursor
	}
	switch {
	case !slices.Contains(known, name):
		p.fail(unknownParameter(name, list[0], known))
	case len(list) > 1:
		p.fail(refuse(name, list[1], "it may be given only once"))
	case len(list[0]) > limit:
		p.fail(refuse(name, list[0], fmt.Sprintf("at most %d bytes are allowed", limit)))
	}
}

func unknownParameter(name, value string, known []string) *Problem {
	if len(known) == 0 {
		return refuse(clip(name, shownValue), value, "this endpoint takes no parameters")
	}
	return refuse(clip(name, shownValue), value, "this endpoint knows only the parameters", known...)
}

func (p *params) fail(problem *Problem) {
	if p.problem == nil {
		p.problem = problem
	}
}

// text returns a parameter as it is; one that is given without a value counts as not given.
func (p *params) text(name string) string { return p.values.Get(name) }

// choices returns the positions of the comma-separated values among those allowed, nil without any.
func (p *params) choices(name string, allowed []string) []int {
	text := p.text(name)
	if text == "" {
		return nil
	}
	var chosen []int
	for value := range strings.SplitSeq(text, ",") {
		i := slices.Index(allowed, value)
		if i < 0 {
			p.fail(refuse(name, value, "allowed are, also several with commas between them", allowed...))
			return nil
		}
		if !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// choice returns the value of a parameter among those allowed, "" without one.
func (p *params) choice(name string, allowed []string) string {
	text := p.text(name)
	if text != "" && !slices.Contains(allowed, text) {
		p.fail(refuse(name, text, "allowed is one of", allowed...))
	}
	return text
}

func (p *params) limit() int {
	text := p.text("limit")
	if text == "" {
		return DefaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxLimit {
		p.fail(refuse("limit", text, fmt.Sprintf("a whole number from 1 to %d is allowed", MaxLimit)))
		return DefaultLimit
	}
	return n
}

// since returns the time that a parameter names, in nanoseconds since 1970, 0 without one. A duration counts back from asOf.
func (p *params) since(asOf int64) int64 {
	text := p.text("since")
	if text == "" {
		return 0
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return asOf - int64(d)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2261 {
		p.fail(refuse("since", text, "a time like 2026-01-02T15:04:05Z, from 1970 on, or a duration like 15m is allowed"))
		return 0
	}
	return t.UnixNano()
}

func (p *params) window() time.Duration {
	text := p.text("window")
	if text == "" {
		return defaultWindow
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxWindow {
		p.fail(refuse("window", text, "a duration like 15m, at most 744h, is allowed"))
		return defaultWindow
	}
	return d
}

// cursor returns where the list goes on and as of when it is read: now, for a first page.
func (p *params) cursor(route string, now int64) (after *Position, asOf int64) {
	text := p.text("cursor")
	if text == "" {
		return nil, now
	}
	c, err := decodeCursor(text)
	if err == nil && c.query != p.hash(route) {
		err = errCursorQuery
	}
	if err != nil {
		p.fail(refuse("cursor", text, err.Error()))
		return nil, now
	}
	return &c.after, c.asOf
}

// hash identifies the list that a cursor belongs to: the route and its filters. The size of pages may change on the way.
func (p *params) hash(route string) uint64 {
	filters := make(url.Values, len(p.values))
	for name, list := range p.values {
		if name != "limit" && name != "cursor" && list[0] != "" {
			filters[name] = list
		}
	}
	h := fnv.New64a()
	h.Write([]byte(route + "?" + filters.Encode()))
	return h.Sum64()
}

package operation

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Rule gives a policy to the operations it matches. A criterion is a list of names of which one must occur in the
// operation; `*` in a name stands for any characters. All criteria must be met; an empty one is.
type Rule struct {
	Operation   []string
	Destination []string
	Service     []string
	SpanName    []string
	Policy      Policy
}

// Covers reports whether the rule matches every operation that the other one matches, so that the other one never applies if it
// comes later.
func (r *Rule) Covers(other *Rule) bool {
	return covers(r.Operation, other.Operation) && covers(r.Destination, other.Destination) &&
		covers(r.Service, other.Service) && covers(r.SpanName, other.SpanName)
}

// covers reports whether each name that one of the narrow patterns matches is matched by one of the wide ones.
func covers(wide, narrow []string) bool {
	if len(wide) == 0 {
		return true
	}
	if len(narrow) == 0 {
		return false
	}
	p := compile(wide)
	// Only a * takes a * for what it is: any characters.
	return !slices.ContainsFunc(narrow, func(name string) bool { return !p.match(name) })
}

// Rules choose the policy of an operation.
type Rules struct {
	rules    []compiledRule
	fallback Policy
}

type compiledRule struct {
	Rule

	operation, destination, service, spanName patterns
}

// NewRules returns rules that are tried in order; the fallback applies when none matches.
func NewRules(rules []Rule, fallback Policy) *Rules {
	r := &Rules{fallback: fallback}
	for _, rule := range rules {
		r.rules = append(r.rules, compiledRule{
			operation: compile(rule.Operation), destination: compile(rule.Destination),
			service: compile(rule.Service), spanName: compile(rule.SpanName), Rule: rule,
		})
	}
	return r
}

// All returns the rules in the order in which they are tried. They must not be modified.
func (r *Rules) All() []Rule {
	all := make([]Rule, len(r.rules))
	for i := range r.rules {
		all[i] = r.rules[i].Rule
	}
	return all
}

// Fallback returns the policy that applies when none matches. It must not be modified.
func (r *Rules) Fallback() *Policy { return &r.fallback }

// Policy returns the policy of the first rule that matches the operation. The result must not be modified.
func (r *Rules) Policy(v *View) *Policy {
	for i := range r.rules {
		if r.rules[i].matches(v) {
			return &r.rules[i].Policy
		}
	}
	return &r.fallback
}

// Soonest returns the least time from the first message of an operation to when any of the policies can make it stuck, 0 if that
// says nothing, and the least time after which one completes. What is learned may be stricter.
func (r *Rules) Soonest() (stuck, settle time.Duration) {
	stuck, settle = r.fallback.soonest(), r.fallback.Settle
	for i := range r.rules {
		p := &r.rules[i].Policy
		stuck, settle = min(stuck, p.soonest()), min(settle, p.Settle)
	}
	return stuck, settle
}

// soonest is that of one policy. A deadline counts from the first sign of all, and an end at a destination from when it is reached.
func (p *Policy) soonest() time.Duration {
	if p.CompletesOn != "" || p.Deadline.Limit > 0 {
		return 0
	}
	least := time.Duration(math.MaxInt64 / 2)
	take := func(limit time.Duration) {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	for _, t := range [...]Threshold{p.Waiting, p.Processing, p.Stalled} {
		take(t.Limit)
	}
	for i := range p.Hops {
		for _, limit := range [...]*time.Duration{p.Hops[i].Waiting, p.Hops[i].Processing, p.Hops[i].Stalled} {
			if limit != nil {
				take(*limit)
			}
		}
	}
	return least
}

func (c *compiledRule) matches(v *View) bool {
	return c.operation.match(v.Name) && c.destination.any(v.destinations) && c.service.any(v.services) && c.spanName.any(v.spanNames)
}

// destinations calls see for the destinations of all hops until it returns false.
func (v *View) destinations(see func(string) bool) {
	for i := range v.Hops {
		going := true
		v.Hops[i].destinations(func(name string) bool {
			going = see(name)
			return going
		})
		if !going {
			return
		}
	}
}

func (v *View) services(see func(string) bool) {
	v.origins(func(o *Origin) bool { return see(o.Service) })
}

func (v *View) spanNames(see func(string) bool) {
	v.origins(func(o *Origin) bool { return see(o.Name) })
}

// origins calls see for the origin of everything but notes until it returns false.
func (v *View) origins(see func(*Origin) bool) {
	for i := range v.Hops {
		h := &v.Hops[i]
		for k := range h.Sends {
			if !see(&h.Sends[k].Origin) {
				return
			}
		}
		for k := range h.Consumers {
			for n := range h.Consumers[k].Attempts {
				if !see(&h.Consumers[k].Attempts[n].Origin) {
					return
				}
			}
		}
	}
	for i := range v.Works {
		if !see(&v.Works[i].Origin) {
			return
		}
	}
}

// Services returns the names of the services that took part, sorted.
func (v *View) Services() []string { return sorted(v.services) }

// Destinations returns the names of the destinations the operation passed, sorted.
func (v *View) Destinations() []string { return sorted(v.destinations) }

func sorted(seq func(func(string) bool)) []string {
	names := []string{}
	for name := range seq {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// patterns are names of which one must match; no names match everything.
type patterns struct {
	exact map[string]struct{}
	globs []*regexp.Regexp
}

func compile(names []string) patterns {
	p := patterns{exact: make(map[string]struct{}, len(names))}
	for _, name := range names {
		if !strings.Contains(name, "*") {
			p.exact[name] = struct{}{}
			continue
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `.*`)
		p.globs = append(p.globs, regexp.MustCompile(`(?s)^`+quoted+`$`))
	}
	return p
}

func (p *patterns) empty() bool { return len(p.exact) == 0 && len(p.globs) == 0 }

func (p *patterns) match(name string) bool {
	if p.empty() {
		return true
	}
	if _, ok := p.exact[name]; ok {
		return true
	}
	return slices.ContainsFunc(p.globs, func(g *regexp.Regexp) bool { return g.MatchString(name) })
}

func (p *patterns) any(seq func(func(string) bool)) bool {
	if p.empty() {
		return true
	}
	for name := range seq {
		if p.match(name) {
			return true
		}
	}
	return false
}

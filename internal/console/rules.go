package console

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// RuleSource knows the rules by which operations are judged.
type RuleSource interface {
	// Rules returns the rules in the order in which they are tried, and how many operations each applies to now.
	Rules(ctx context.Context) (Rules, error)
}

// Rules are what operations are judged by.
type Rules struct {
	Rules *operation.Rules
	// Learning says that thresholds that nobody declared are learned.
	Learning bool
	// Matches tells of each rule that ever applied how often, by its name; Schedules of each whose operations are expected to
	// start, when.
	Matches   map[string]Matches
	Schedules map[string]string
	// Operations are those held now, by the name of their rule, "" for those that no rule matches.
	Operations map[string]StateCounts
}

// Matches is how many operations were judged by a rule since the start, and when the latest was for the first time (nanoseconds
// since 1970). One that went over to another rule when more was known of it counts for both.
type Matches struct {
	Count uint64
	At    int64
}

// TallyRules counts operations by the name of their rule, in one pass. It never calls Summary.View.
func TallyRules(summaries iter.Seq[Summary]) map[string]StateCounts {
	counts := map[string]StateCounts{}
	for s := range summaries {
		states := counts[s.Rule]
		if states == nil {
			states = StateCounts{}
			counts[s.Rule] = states
		}
		states[s.State]++
	}
	return counts
}

type rulesJSON struct {
	Rules    []ruleJSON `json:"rules"`
	Defaults ruleJSON   `json:"defaults"`
	// Learning says that the thresholds with the source "default" give way to what is learned.
	Learning bool      `json:"learning"`
	AsOf     timestamp `json:"as_of"`
}

// ruleJSON is a rule, or the defaults, which have neither name nor match.
type ruleJSON struct {
	Name          *string           `json:"name"`
	Position      int               `json:"position"`
	Match         *matchJSON        `json:"match"`
	OperationName *string           `json:"operation_name"`
	CompletesOn   *string           `json:"completes_on"`
	Thresholds    []thresholdJSON   `json:"thresholds"`
	Hops          []hopRuleJSON     `json:"hops"`
	Settle        *float64          `json:"settle_seconds"`
	Severity      string            `json:"severity"`
	Priority      int               `json:"priority"`
	Escalate      []escalationJSON  `json:"escalate"`
	Owner         *string           `json:"owner"`
	Runbook       *string           `json:"runbook"`
	Operations    uint64            `json:"operations"`
	ByState       map[string]uint64 `json:"operations_by_state"`
	// Expect, and what follows, are of rules only.
	Expect     *string   `json:"expect"`
	Matched    *uint64   `json:"matched"`
	MatchedAt  timestamp `json:"last_matched_at"`
	ShadowedBy *string   `json:"shadowed_by"`
	Hint       *string   `json:"hint"`
}

// escalationJSON raises severity and priority of incidents.
type escalationJSON struct {
	Operations int64   `json:"operations"`
	After      float64 `json:"after_seconds"`
	Severity   string  `json:"severity"`
	Priority   int     `json:"priority"`
}

func escalationsOf(p *operation.Policy) []escalationJSON {
	all := make([]escalationJSON, len(p.Escalations))
	for i, e := range p.Escalations {
		all[i] = escalationJSON{Operations: e.Operations, After: e.After.Seconds(), Severity: e.Severity.String(), Priority: e.Priority}
	}
	return all
}

// matchJSON are the criteria of a rule, of which one name of each list that is not empty must occur.
type matchJSON struct {
	Operation   []string `json:"operation"`
	Destination []string `json:"destination"`
	Service     []string `json:"service"`
	SpanName    []string `json:"span_name"`
}

// hopRuleJSON is what holds for the hops that match. Then and Groups are null where nothing is declared.
type hopRuleJSON struct {
	Destination []string        `json:"destination"`
	Type        []string        `json:"type"`
	Group       []string        `json:"group"`
	Source      string          `json:"source"`
	Thresholds  []thresholdJSON `json:"thresholds"`
	Then        []string        `json:"then"`
	Groups      []string        `json:"groups"`
}

func (a *api) rules(ctx context.Context, req *request) (reply, error) {
	all, err := a.source.Rules(ctx)
	if err != nil {
		return reply{}, err
	}
	j := rulesJSON{Rules: []ruleJSON{}, Learning: all.Learning, AsOf: timestamp(req.now)}
	rules := all.Rules.All()
	for i := range rules {
		rule := &rules[i]
		r := newRuleJSON(&rule.Policy, all.Operations)
		matches := all.Matches[rule.Policy.Rule]
		r.Matched, r.MatchedAt, r.Expect = &matches.Count, timestamp(matches.At), optional(all.Schedules[rule.Policy.Rule])
		r.ShadowedBy = optional(Shadow(rules, i))
		r.Hint = optional(hint(&r))
		r.Position, r.Match = i+1, &matchJSON{namesOf(rule.Operation), namesOf(rule.Destination), namesOf(rule.Service), namesOf(rule.SpanName)}
		j.Rules = append(j.Rules, r)
	}
	j.Defaults = newRuleJSON(all.Rules.Fallback(), all.Operations)
	return replyJSON(http.StatusOK, j)
}

// Shadow returns the name of a rule before the given one that matches whatever it matches, so that it never applies; "" without one.
func Shadow(rules []operation.Rule, i int) string {
	for k := range i {
		if rules[k].Covers(&rules[i]) {
			return rules[k].Policy.Rule
		}
	}
	return ""
}

// hint says what is odd about a rule, "" if nothing is.
func hint(r *ruleJSON) string {
	switch {
	case r.ShadowedBy != nil:
		return fmt.Sprintf("never applies: the rule %q comes before and matches whatever this one does; put this one first", *r.ShadowedBy)
	case *r.Matched == 0:
		return "no operation has matched since the start"
	}
	return ""
}

func newRuleJSON(p *operation.Policy, operations map[string]StateCounts) ruleJSON {
	r := ruleJSON{
		Name: optional(p.Rule), OperationName: optional(p.OperationName), CompletesOn: optional(p.CompletesOn),
		Thresholds: []thresholdJSON{
			thresholdOf(operation.StuckWaiting, p.Waiting), thresholdOf(operation.StuckProcessing, p.Processing),
			thresholdOf(operation.StuckStalled, p.Stalled), thresholdOf(operation.StuckOverdue, p.Deadline),
			thresholdOf(operation.StuckNone, operation.Threshold{Limit: p.RetryWithin, Source: p.RetrySource}),
		},
		Hops: []hopRuleJSON{}, Settle: seconds(int64(p.Settle)),
		Severity: p.Severity.String(), Priority: p.Priority, Owner: optional(p.Owner), Runbook: optional(p.Runbook),
		Escalate: escalationsOf(p),
		ByState:  byState(operations[p.Rule]),
	}
	for _, n := range operations[p.Rule] {
		r.Operations += n
	}
	for i := range p.Hops {
		r.Hops = append(r.Hops, newHopRuleJSON(&p.Hops[i]))
	}
	return r
}

func newHopRuleJSON(h *operation.HopPolicy) hopRuleJSON {
	j := hopRuleJSON{
		Destination: namesOf(h.Destination), Type: namesOf(h.Type), Group: namesOf(h.Group), Source: h.Source.String(),
		Thresholds: []thresholdJSON{}, Then: h.Then, Groups: h.Groups,
	}
	for _, t := range []struct {
		reason operation.StuckReason
		limit  *time.Duration
	}{{operation.StuckWaiting, h.Waiting}, {operation.StuckProcessing, h.Processing}, {operation.StuckStalled, h.Stalled}} {
		if t.limit != nil {
			j.Thresholds = append(j.Thresholds, thresholdOf(t.reason, operation.Threshold{Limit: *t.limit, Source: h.Source}))
		}
	}
	return j
}

// namesOf returns an empty list for none, which JSON tells from null.
func namesOf(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

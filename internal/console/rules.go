package console

import (
	"context"
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
	// Operations are those held now, by the name of their rule, "" for those that no rule matches.
	Operations map[string]StateCounts
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
	RetryWithin   *float64          `json:"retry_within_seconds"`
	Settle        *float64          `json:"settle_seconds"`
	Severity      string            `json:"severity"`
	Priority      int               `json:"priority"`
	Owner         *string           `json:"owner"`
	Runbook       *string           `json:"runbook"`
	Operations    uint64            `json:"operations"`
	ByState       map[string]uint64 `json:"operations_by_state"`
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
	for i, rule := range all.Rules.All() {
		r := newRuleJSON(&rule.Policy, all.Operations)
		r.Position, r.Match = i+1, &matchJSON{namesOf(rule.Operation), namesOf(rule.Destination), namesOf(rule.Service), namesOf(rule.SpanName)}
		j.Rules = append(j.Rules, r)
	}
	j.Defaults = newRuleJSON(all.Rules.Fallback(), all.Operations)
	return replyJSON(http.StatusOK, j)
}

func newRuleJSON(p *operation.Policy, operations map[string]StateCounts) ruleJSON {
	r := ruleJSON{
		Name: optional(p.Rule), OperationName: optional(p.OperationName), CompletesOn: optional(p.CompletesOn),
		Thresholds: []thresholdJSON{
			thresholdOf(operation.StuckWaiting, p.Waiting), thresholdOf(operation.StuckProcessing, p.Processing),
			thresholdOf(operation.StuckStalled, p.Stalled), thresholdOf(operation.StuckOverdue, p.Deadline),
		},
		Hops: []hopRuleJSON{}, RetryWithin: seconds(int64(p.RetryWithin)), Settle: seconds(int64(p.Settle)),
		Severity: p.Severity.String(), Priority: p.Priority, Owner: optional(p.Owner), Runbook: optional(p.Runbook),
		ByState: byState(operations[p.Rule]),
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

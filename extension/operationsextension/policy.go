package operationsextension

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// HopConfig is what holds for the hops that match. One name of each list that is given must match; * stands for any
// characters.
type HopConfig struct {
	Destination []string `mapstructure:"destination"`
	// Type is the type of the message: the kind of a job, the name of a task. Group is the consumer group.
	Type  []string       `mapstructure:"type"`
	Group []string       `mapstructure:"group"`
	Stuck HopStuckConfig `mapstructure:"stuck"`
	// Then are destinations of which one always follows; an empty list says that none does.
	Then []string `mapstructure:"then"`
	// Groups are the consumer groups that consume every message; an empty list says that any may.
	Groups []string `mapstructure:"groups"`
}

// HopStuckConfig holds the thresholds of a hop; 0 switches one off.
type HopStuckConfig struct {
	Waiting    *time.Duration `mapstructure:"waiting"`
	Processing *time.Duration `mapstructure:"processing"`
	Stalled    *time.Duration `mapstructure:"stalled"`
}

func validateHops(key string, hops []HopConfig) error {
	var errs []error
	for i := range hops {
		errs = append(errs, hops[i].validate(fmt.Sprintf("%s[%d]", key, i)))
	}
	return errors.Join(errs...)
}

func (h *HopConfig) validate(key string) error {
	errs := []error{
		checkDuration(key+"::stuck::waiting", h.Stuck.Waiting),
		checkDuration(key+"::stuck::processing", h.Stuck.Processing),
		checkDuration(key+"::stuck::stalled", h.Stuck.Stalled),
	}
	if len(h.Destination)+len(h.Type)+len(h.Group) == 0 {
		errs = append(errs, fmt.Errorf("`%s` matches every hop: give at least one of destination, type, group, or put this under `defaults`", key))
	}
	if h.Stuck == (HopStuckConfig{}) && h.Then == nil && h.Groups == nil {
		errs = append(errs, fmt.Errorf("`%s` says nothing of the hop: give at least one of stuck, then, groups", key))
	}
	if len(h.Group) > 0 && (h.Then != nil || h.Groups != nil || h.Stuck.Stalled != nil) {
		errs = append(errs, fmt.Errorf("`%s::group` is %q: then, groups and stuck::stalled are for all groups of a hop, so leave it out", key, h.Group))
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"destination", h.Destination}, {"type", h.Type}, {"group", h.Group}, {"then", h.Then}, {"groups", h.Groups}} {
		if i := slices.Index(list.values, ""); i >= 0 {
			errs = append(errs, fmt.Errorf("`%s::%s[%d]` is empty: give a name", key, list.name, i))
		}
	}
	return errors.Join(errs...)
}

func hopPolicies(source operation.ThresholdSource, hops []HopConfig) []operation.HopPolicy {
	var out []operation.HopPolicy
	for i := range hops {
		h := &hops[i]
		out = append(out, operation.HopPolicy{
			Destination: slices.Clone(h.Destination), Type: slices.Clone(h.Type), Group: slices.Clone(h.Group), Source: source,
			Waiting: h.Stuck.Waiting, Processing: h.Stuck.Processing, Stalled: h.Stuck.Stalled,
			Then: slices.Clone(h.Then), Groups: slices.Clone(h.Groups),
		}.Compiled())
	}
	return out
}

// rules turns the configuration into the rules that operations are judged by.
func (c *Config) rules() *operation.Rules {
	base := c.basePolicy()
	rules := make([]operation.Rule, len(c.Rules))
	for i := range c.Rules {
		r := &c.Rules[i]
		p := r.over(base)
		rules[i] = operation.Rule{
			Operation: slices.Clone(r.Match.Operation), Destination: slices.Clone(r.Match.Destination),
			Service: slices.Clone(r.Match.Service), SpanName: slices.Clone(r.Match.SpanName), Policy: p,
		}
	}
	return operation.NewRules(rules, base)
}

// basePolicy is what holds for operations that no rule matches.
func (c *Config) basePolicy() operation.Policy {
	base := c.Defaults.over(operation.DefaultPolicy(), operation.SourceDefaults)
	base.Hops = hopPolicies(operation.SourceDestination, c.Destinations)
	return base
}

// over is what holds for operations that the rule matches.
func (r *RuleConfig) over(base operation.Policy) operation.Policy {
	own := r.policy()
	p := own.over(base, operation.SourceRule)
	p.Rule, p.OperationName, p.CompletesOn = r.Name, r.OperationName, r.CompletesOn.Destination
	p.Hops = slices.Concat(hopPolicies(operation.SourceHop, r.Hops), base.Hops)
	return p
}

// over lays what is given over the base; what is given comes from the source.
func (p *PolicyConfig) over(base operation.Policy, source operation.ThresholdSource) operation.Policy {
	for _, v := range []struct {
		from *time.Duration
		to   *operation.Threshold
	}{
		{p.Stuck.Waiting, &base.Waiting}, {p.Stuck.Processing, &base.Processing}, {p.Stuck.Stalled, &base.Stalled},
		{p.Stuck.Deadline, &base.Deadline},
	} {
		if v.from != nil {
			*v.to = operation.Threshold{Limit: *v.from, Source: source}
		}
	}
	if p.RetryWithin != nil && (source != operation.SourceDefaults || *p.RetryWithin != base.RetryWithin) {
		// The default configuration has the built-in one, which nobody chose.
		base.RetryWithin, base.RetrySource = *p.RetryWithin, source
	}
	if p.Settle != nil {
		base.Settle = *p.Settle
	}
	if s, ok := operation.ParseSeverity(p.Severity); ok {
		base.Severity = s
	}
	if p.Priority != 0 {
		base.Priority = p.Priority
	}
	if p.Owner != "" {
		base.Owner = p.Owner
	}
	if p.Runbook != "" {
		base.Runbook = p.Runbook
	}
	if p.Escalate != nil {
		base.Escalations = escalations(p.Escalate)
	}
	return base
}

package operationsextension

import (
	"context"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/operation"
)

// rulebook is the rules, and how often each matched.
type rulebook struct {
	// Immutable.
	rules     *operation.Rules
	schedules map[string]string
	matches   map[string]*matches
}

type matches struct {
	count atomic.Uint64
	at    atomic.Int64
}

func newRulebook(cfg *Config, logger *zap.Logger) (*rulebook, error) {
	b := &rulebook{rules: cfg.rules(), schedules: map[string]string{}, matches: map[string]*matches{}}
	for i := range cfg.Rules {
		r := &cfg.Rules[i]
		b.matches[r.Name] = &matches{}
		if r.Expect == nil {
			continue
		}
		schedule, err := r.Expect.Schedule("expect")
		if err != nil {
			return nil, err
		}
		b.schedules[r.Name] = schedule.String()
	}
	all := b.rules.All()
	for i := range all {
		if before := console.Shadow(all, i); before != "" {
			logger.Warn("A rule never applies, because one before it matches whatever it matches", zap.String("rule", all[i].Policy.Rule), zap.String("before", before))
		}
	}
	return b, nil
}

// matched takes note of an operation that is judged by a rule for the first time.
func (b *rulebook) matched(p *operation.Policy, at int64) {
	if m := b.matches[p.Rule]; m != nil {
		m.count.Add(1)
		m.at.Store(at)
	}
}

// Rules implements console.Source.
func (s source) Rules(ctx context.Context) (console.Rules, error) {
	b := s.o.rules
	all := console.Rules{
		Rules: b.rules, Learning: s.o.config.Learn.Enabled, Schedules: b.schedules, Matches: map[string]console.Matches{},
		Operations: console.TallyRules(s.summaries(ctx)),
	}
	for name, m := range b.matches {
		all.Matches[name] = console.Matches{Count: m.count.Load(), At: m.at.Load()}
	}
	return all, ctx.Err()
}

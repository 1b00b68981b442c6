package correlationprocessor

import (
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/evidence"
)

// LogsConfig says what the text of log records means.
type LogsConfig struct {
	// IDPatterns are regular expressions (RE2) that find the ID of an operation in the text of a record: the group named id,
	// else the first group.
	IDPatterns []string `mapstructure:"id_patterns"`
	// Patterns tell what a record states, by its text and severity. The first that matches counts.
	Patterns []LogPatternConfig `mapstructure:"patterns"`
	// DefaultPatterns adds, after these, patterns for lines by which software commonly says that it gives up on a message.
	DefaultPatterns bool `mapstructure:"default_patterns"`
}

// LogPatternConfig tells what a log record states that no event name tells.
type LogPatternConfig struct {
	// Name names the event in notes and derived traces; empty: the event name for what it states.
	Name string `mapstructure:"name"`
	// Event is what it states: started, progress, succeeded, failed, retrying, dead_lettered, scheduled, operation_completed,
	// operation_failed, operation_cancelled, note.
	Event string `mapstructure:"event"`
	// Message is a regular expression (RE2) that the text contains; empty: any text. Its groups are named for what they hold.
	Message string `mapstructure:"message"`
	// MinSeverity is the least severity: trace, debug, info, warn, error, fatal; empty: any.
	MinSeverity string `mapstructure:"min_severity"`
	// Service and Scope are names of which one must be that of the record; `*` stands for any characters, none for any name.
	Service []string `mapstructure:"service"`
	Scope   []string `mapstructure:"scope"`
	// Fields tells the attributes or body fields that hold what is not in the text, by the names that groups can have.
	Fields map[string]string `mapstructure:"fields"`
	// DelayUnit is the unit of a delay that is a plain number; 0: a millisecond.
	DelayUnit time.Duration `mapstructure:"delay_unit"`
}

func (c *LogsConfig) logs() evidence.LogConfig {
	all := evidence.LogConfig{IDPatterns: c.IDPatterns, DefaultPatterns: c.DefaultPatterns}
	for i := range c.Patterns {
		p := &c.Patterns[i]
		all.Patterns = append(all.Patterns, evidence.LogPattern{
			Name: p.Name, Event: p.Event, Message: p.Message, MinSeverity: p.MinSeverity, Services: p.Service, Scopes: p.Scope,
			Fields: p.Fields, DelayUnit: p.DelayUnit,
		})
	}
	return all
}

// Validate implements component.ConfigValidator.
func (c *LogsConfig) Validate() error {
	logs := c.logs()
	return logs.Validate()
}

// ExpressionsConfig finds IDs where plain names do not suffice.
type ExpressionsConfig struct {
	Span []ExpressionConfig `mapstructure:"span"`
	Log  []ExpressionConfig `mapstructure:"log"`
}

// ExpressionConfig is one way to find the ID of an operation, in OTTL.
type ExpressionConfig struct {
	// ID is a value expression whose result, a string or an integer, is the ID; nil: there is none.
	ID string `mapstructure:"id"`
	// When is a condition that must hold; empty: always.
	When string `mapstructure:"when"`
}

// IgnoreConfig has conditions, in OTTL, for records that are no evidence.
type IgnoreConfig struct {
	Span []string `mapstructure:"span"`
	Log  []string `mapstructure:"log"`
}

// maxExpressions bounds the expressions, and the conditions, of one signal.
const maxExpressions = 32

// validateExpressions compiles all expressions, so that a mistake shows before the collector starts.
func (c *Config) validateExpressions() error {
	for _, v := range [...]struct {
		key string
		n   int
	}{
		{"expressions::span", len(c.Expressions.Span)}, {"expressions::log", len(c.Expressions.Log)},
		{"ignore::span", len(c.Ignore.Span)}, {"ignore::log", len(c.Ignore.Log)},
	} {
		if v.n > maxExpressions {
			return fmt.Errorf("`%s` has %d entries: at most %d are allowed", v.key, v.n, maxExpressions)
		}
	}
	_, err := c.expressions(quiet())
	return err
}

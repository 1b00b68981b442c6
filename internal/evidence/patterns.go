package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

// LogConfig says what the text of log records means.
type LogConfig struct {
	// IDPatterns are regular expressions (RE2) that find a correlation ID in the text of a record: the group named id, else
	// the first group. They rank after the correlation keys, in their order.
	IDPatterns []string
	// Patterns tell what a record states, by its text and severity; the first that matches counts.
	Patterns []LogPattern
	// DefaultPatterns adds, after these, the ones of [DefaultLogPatterns].
	DefaultPatterns bool
}

// LogPattern tells what a log record states that no event name tells.
type LogPattern struct {
	// Name names the event in notes and derived traces; "" = the event name for what it states.
	Name string
	// Event is what it states; see [LogEvents].
	Event string
	// Message is a regular expression (RE2) that the text contains; "" = any text. Its groups may be named for what they
	// contain; see [LogFields].
	Message string
	// MinSeverity is the least severity (trace, debug, info, warn, error, fatal); "" = any. Records without severity do not
	// reach any.
	MinSeverity string
	// Services and Scopes are names of which one must be that of the record; `*` stands for any characters, none for any name.
	Services, Scopes []string
	// Fields tells the attributes or body fields that have what is not in the text; see [LogFields].
	Fields map[string]string
	// DelayUnit is the unit of a delay that is a plain number, 0 = millisecond.
	DelayUnit time.Duration
}

// LogEvents returns what a log record can state, sorted: started, progress (processing goes on), succeeded, failed, retrying
// (failed, and will be tried again), dead_lettered, scheduled (it names the delay or due time of a message),
// operation_completed, operation_failed, operation_cancelled, and note (nothing, whatever later patterns say).
func LogEvents() []string { return slices.Sorted(maps.Keys(stages)) }

// detail is something that a pattern can take from a record.
type detail uint8

const (
	detailID detail = iota
	detailMessageID
	detailDestination
	detailGroup
	detailSystem
	detailType
	detailError
	detailAttempt
	detailMaxAttempts
	detailDelay
	detailDue
	detailProgress
	detailCount
)

var details = [detailCount]string{
	"id", "message_id", "destination", "group", "system", "type", "error", "attempt", "max_attempts", "delay", "due", "progress",
}

// LogFields returns what the groups of a pattern can be named for, and but for the first, id, what its fields can name:
// message_id, destination, group, system, type, error (its message), attempt, max_attempts (a failed attempt that reaches it
// is dead-lettered), delay (a duration such as 5s, or a number in the pattern's unit), due (RFC 3339, or a number since 1970),
// progress (see [progressOf]).
func LogFields() []string { return slices.Clone(details[:]) }

// DefaultLogPatterns are those for lines by which software commonly says that it gives up on a message.
func DefaultLogPatterns() []LogPattern {
	const deadLetter = `(?i)\b(?:sent|sending|moved|moving|published|publishing|routed|routing|forwarded|forwarding) ` +
		`(?:(?:the )?message |it |job |task )?to (?:the |its |a )?(?:dead[- ]?letter|dlq|dlx|dlt|poison)`
	return []LogPattern{
		{Event: "dead_lettered", MinSeverity: "warn", Message: deadLetter},
		{Event: "dead_lettered", MinSeverity: "warn", Message: `(?i)\bretries (?:were |have been |are )?exhausted\b`},
	}
}

// The bounds of what is configured and of what is searched, in bytes from the beginning of a text.
const (
	maxIDPatterns  = 16
	maxLogPatterns = 64
	maxSearched    = 4 << 10
)

// severityWarn and severityError are the OTLP severity numbers from which on a record is a warning or an error.
const (
	severityWarn  = uint8(plog.SeverityNumberWarn)
	severityError = uint8(plog.SeverityNumberError)
)

// idPattern is a way to find a correlation ID in a text.
type idPattern struct {
	expression expression
	group      int
	rank       uint8
}

// expression is a regular expression with what any match of it contains.
type expression struct {
	*regexp.Regexp
	required []literals
}

func newExpression(text string) (expression, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return expression{}, err
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return expression{}, err
	}
	return expression{re, required(parsed)}, nil
}

// find returns the places of the match and its groups, nil without a match.
func (e *expression) find(s string) []int {
	for i := range e.required {
		if !e.required[i].in(s) {
			return nil
		}
	}
	return e.FindStringSubmatchIndex(s)
}

// pattern is a log pattern made ready.
type pattern struct {
	*stage
	name             string
	expression       expression
	min              uint8
	services, scopes *regexp.Regexp
	// groups are the numbers of the expression's groups, 0 = none; fields the names of attributes or body fields.
	groups [detailCount]int
	fields [detailCount]string
	unit   time.Duration
	rank   uint8
}

// logPatterns is a LogConfig made ready.
type logPatterns struct {
	ids      []idPattern
	patterns []pattern
}

// newLogPatterns prepares the configuration. The ranks of IDs begin with the given one; it returns the first that is free.
func newLogPatterns(cfg *LogConfig, rank int) (logPatterns, int, error) {
	if err := cfg.Validate(); err != nil {
		return logPatterns{}, 0, fmt.Errorf("logs: %w", err)
	}
	var all logPatterns
	for _, text := range cfg.IDPatterns {
		e, err := newExpression(text)
		if err != nil {
			return logPatterns{}, 0, err
		}
		all.ids = append(all.ids, idPattern{expression: e, group: max(1, e.SubexpIndex("id")), rank: uint8(rank)})
		rank++
	}
	configured := cfg.Patterns
	if cfg.DefaultPatterns {
		configured = append(slices.Clone(configured), DefaultLogPatterns()...)
	}
	for i := range configured {
		p, err := newPattern(&configured[i])
		if err != nil {
			return logPatterns{}, 0, err
		}
		if p.groups[detailID] != 0 {
			p.rank = uint8(rank)
			rank++
		}
		all.patterns = append(all.patterns, p)
	}
	return all, rank, nil
}

func newPattern(cfg *LogPattern) (pattern, error) {
	s := stages[cfg.Event]
	p := pattern{
		stage: &s, name: cmp.Or(cfg.Name, s.event), min: levelNamed(cfg.MinSeverity), unit: cmp.Or(cfg.DelayUnit, time.Millisecond),
		services: globs(cfg.Services), scopes: globs(cfg.Scopes),
	}
	for d, name := range details {
		p.fields[d] = cfg.Fields[name]
	}
	if cfg.Message == "" {
		return p, nil
	}
	var err error
	if p.expression, err = newExpression(cfg.Message); err != nil {
		return p, err
	}
	for d, name := range details {
		p.groups[d] = max(0, p.expression.SubexpIndex(name))
	}
	return p, nil
}

// globs returns an expression for names of which `*` stands for any characters, nil for none.
func globs(names []string) *regexp.Regexp {
	if len(names) == 0 {
		return nil
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `.*`)
	}
	return regexp.MustCompile(`(?s)^(?:` + strings.Join(quoted, "|") + `)$`)
}

// Validate reports what is wrong, by the names that the YAML keys have.
func (c *LogConfig) Validate() error {
	var errs []error
	if n := len(c.IDPatterns); n > maxIDPatterns {
		errs = append(errs, fmt.Errorf("`id_patterns` has %d entries: at most %d are allowed", n, maxIDPatterns))
	}
	if n := len(c.Patterns); n > maxLogPatterns {
		errs = append(errs, fmt.Errorf("`patterns` has %d entries: at most %d are allowed", n, maxLogPatterns))
	}
	for i, text := range c.IDPatterns {
		switch re, err := regexp.Compile(text); {
		case err != nil:
			errs = append(errs, fmt.Errorf("`id_patterns[%d]` is %q: %w", i, text, err))
		case re.NumSubexp() == 0:
			errs = append(errs, fmt.Errorf("`id_patterns[%d]` is %q: it needs a group that holds the ID, such as `order=(?P<id>\\d+)`", i, text))
		}
	}
	for i := range c.Patterns {
		if err := c.Patterns[i].validate(); err != nil {
			errs = append(errs, fmt.Errorf("`patterns[%d]`: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (p *LogPattern) validate() error {
	var errs []error
	if _, ok := stages[p.Event]; !ok {
		errs = append(errs, fmt.Errorf("`event` is %q: must be one of %s", p.Event, strings.Join(LogEvents(), ", ")))
	}
	if p.Message == "" && p.MinSeverity == "" {
		errs = append(errs, errors.New("`message` and `min_severity` are both empty: it would match every record"))
	}
	if !slices.Contains(severities, p.MinSeverity) && p.MinSeverity != "" {
		errs = append(errs, fmt.Errorf("`min_severity` is %q: must be one of %s", p.MinSeverity, strings.Join(severities, ", ")))
	}
	if p.DelayUnit < 0 {
		errs = append(errs, fmt.Errorf("`delay_unit` is %v: must be positive", p.DelayUnit))
	}
	known := map[string]bool{}
	if re, err := regexp.Compile(p.Message); err != nil {
		errs = append(errs, fmt.Errorf("`message` is %q: %w", p.Message, err))
	} else {
		for _, name := range re.SubexpNames() {
			known[name] = true
			if name != "" && !slices.Contains(details[:], name) {
				errs = append(errs, fmt.Errorf("`message` is %q: it has a group %q; groups can be named %s", p.Message, name, strings.Join(LogFields(), ", ")))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		known[name] = true
		if !slices.Contains(details[detailMessageID:], name) {
			errs = append(errs, fmt.Errorf("`fields::%s`: no such field; there are %s", name, strings.Join(details[detailMessageID:], ", ")))
		} else if p.Fields[name] == "" {
			errs = append(errs, fmt.Errorf("`fields::%s` is empty: name an attribute or a field of the body", name))
		}
	}
	if p.Event == "scheduled" && !known[details[detailDelay]] && !known[details[detailDue]] {
		errs = append(errs, errors.New("`event` is \"scheduled\", but neither a group of `message` nor `fields` names the delay or the due time"))
	}
	return errors.Join(errs...)
}

// severities are the names that a least severity can have.
var severities = []string{"trace", "debug", "info", "warn", "error", "fatal"}

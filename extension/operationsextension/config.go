package operationsextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
)

// Config is the YAML configuration of the operations extension. An empty one works.
type Config struct {
	// MaxOperations bounds the operations held in memory, open and finished together.
	MaxOperations int `mapstructure:"max_operations"`
	// MaxFacts bounds the facts of one operation; an ID with more is a runaway, and what exceeds is dropped and counted.
	MaxFacts int `mapstructure:"max_facts"`
	// MaxWaiting bounds the facts that wait for their operation to become known, WaitForIdentity how long.
	MaxWaiting      int           `mapstructure:"max_waiting"`
	WaitForIdentity time.Duration `mapstructure:"wait_for_identity"`
	// Retention is how long finished operations stay readable.
	Retention time.Duration `mapstructure:"retention"`
	// ArrivalGrace is how long nothing may arrive for an operation before it is called anything but in progress.
	ArrivalGrace time.Duration `mapstructure:"arrival_grace"`
	// SweepInterval is how often deadlines are looked at: the delay of a verdict.
	SweepInterval time.Duration `mapstructure:"sweep_interval"`
	// DeadLetterDestinations and RetryDestinations are those that are told by more than their usual names: where messages
	// go that were given up, and by which they are tried again; * stands for any characters.
	DeadLetterDestinations []string `mapstructure:"dead_letter_destinations"`
	RetryDestinations      []string `mapstructure:"retry_destinations"`
	// Defaults apply to every operation, as far as the rule that matches it does not say otherwise.
	Defaults PolicyConfig `mapstructure:"defaults"`
	// Rules are tried in order; the first that matches an operation applies.
	Rules []RuleConfig `mapstructure:"rules"`
	// Destinations hold for the messages of a destination, whatever operation they belong to, as far as the rule of the
	// operation says nothing of the hop.
	Destinations []HopConfig `mapstructure:"destinations"`
	// Incidents group operations that are stuck, failed or were dead-lettered in the same way.
	Incidents IncidentsConfig `mapstructure:"incidents"`
	// TelemetryGaps say when it is not known what happened, because telemetry is lacking.
	TelemetryGaps TelemetryGapsConfig `mapstructure:"telemetry_gaps"`
	// ClockSkew says whether waits are corrected by what is known of the clocks of services.
	ClockSkew ClockSkewConfig `mapstructure:"clock_skew"`
	// Storage is the ID of the storage extension in which what was learned and what was expected is kept; none: a restart
	// forgets it.
	Storage *component.ID `mapstructure:"storage"`
	// Store is where all that is known is kept, so that a restart forgets nothing.
	Store StoreConfig `mapstructure:"store"`
	// Learn says how thresholds that nobody declared, and what always follows, are learned.
	Learn LearnConfig `mapstructure:"learn"`
}

// PolicyConfig is how operations are judged. What is left out falls back to the defaults.
type PolicyConfig struct {
	Stuck StuckConfig `mapstructure:"stuck"`
	// RetryWithin is how long after a failed attempt another one is expected, before the operation has failed or is dead-lettered.
	RetryWithin *time.Duration `mapstructure:"retry_within"`
	// Settle is how long after its last activity an operation whose hops are all done counts as completed.
	Settle *time.Duration `mapstructure:"settle"`
	// Severity (info, warning, error, critical), Priority (1 is the highest), Owner and Runbook go into events and alerts.
	Severity string `mapstructure:"severity"`
	Priority int    `mapstructure:"priority"`
	Owner    string `mapstructure:"owner"`
	Runbook  string `mapstructure:"runbook"`
	// Escalate raises severity and priority of incidents that are large or old.
	Escalate []EscalationConfig `mapstructure:"escalate"`
}

// StuckConfig holds the thresholds after which an operation is stuck; 0 switches one off. What is left out everywhere is
// learned from earlier operations, and until enough is known a default applies.
type StuckConfig struct {
	// Waiting is how long a message may wait for the first sign of consumption.
	Waiting *time.Duration `mapstructure:"waiting"`
	// Processing is how long one attempt may take.
	Processing *time.Duration `mapstructure:"processing"`
	// Stalled is how long after a hop the next one, which always follows or is declared, may take to start.
	Stalled *time.Duration `mapstructure:"stalled"`
	// Deadline is how long the whole operation may take.
	Deadline *time.Duration `mapstructure:"deadline"`
}

// RuleConfig is a policy for the operations that match.
type RuleConfig struct {
	// Name tells rules apart in the API; it must be unique.
	Name string `mapstructure:"name"`
	// OperationName renames the operations that match; empty leaves their names.
	OperationName string      `mapstructure:"operation_name"`
	Match         MatchConfig `mapstructure:"match"`
	// CompletesOn names the destination whose successful consumption ends the operation, whatever else is open.
	CompletesOn CompletesOnConfig `mapstructure:"completes_on"`
	// Hops hold for single hops of the operations that match.
	Hops []HopConfig `mapstructure:"hops"`
	// Expect says when operations that match are expected to start; nil: at no time.
	Expect      *expect.Config `mapstructure:"expect"`
	Stuck       StuckConfig    `mapstructure:"stuck"`
	RetryWithin *time.Duration `mapstructure:"retry_within"`
	Settle      *time.Duration `mapstructure:"settle"`
	Severity    string         `mapstructure:"severity"`
	Priority    int            `mapstructure:"priority"`
	Owner       string         `mapstructure:"owner"`
	Runbook     string         `mapstructure:"runbook"`
	// Escalate takes the place of that of the defaults.
	Escalate []EscalationConfig `mapstructure:"escalate"`
}

// MatchConfig are the criteria of a rule. One name of each list that is given must occur in the operation; * stands for
// any characters.
type MatchConfig struct {
	Operation   []string `mapstructure:"operation"`
	Destination []string `mapstructure:"destination"`
	Service     []string `mapstructure:"service"`
	SpanName    []string `mapstructure:"span_name"`
}

// CompletesOnConfig names the end of an operation.
type CompletesOnConfig struct {
	Destination string `mapstructure:"destination"`
}

// IncidentsConfig bounds and times incidents.
type IncidentsConfig struct {
	// Max bounds the incidents held, open and resolved together.
	Max int `mapstructure:"max"`
	// ResolveFailedAfter is how long no further operation may fail or be dead-lettered in the same way before the incident is over.
	ResolveFailedAfter time.Duration `mapstructure:"resolve_failed_after"`
	// Storm is the number of open incidents of one destination from which one more stands for them all; 0: none does.
	Storm int `mapstructure:"storm"`
	// InApp tells the application's own calls in stack traces from those of libraries.
	InApp InAppConfig `mapstructure:"in_app"`
}

// InAppConfig lists beginnings of functions (with package, namespace or class) or of files. The longest that fits a call decides;
// a call that none fits is judged by where libraries usually are.
type InAppConfig struct {
	// Include are calls of the application, Exclude calls of libraries.
	Include []string `mapstructure:"include"`
	Exclude []string `mapstructure:"exclude"`
}

func (c InAppConfig) rules() stack.Rules { return stack.Rules{Include: c.Include, Exclude: c.Exclude} }

func createDefaultConfig() component.Config {
	e := engine.DefaultSettings()
	p := operation.DefaultPolicy()
	return &Config{
		MaxOperations: e.MaxOperations, MaxFacts: e.MaxFacts, MaxWaiting: e.MaxWaiting, WaitForIdentity: e.WaitFor,
		Retention: e.Retention, ArrivalGrace: e.ArrivalGrace, SweepInterval: 500 * time.Millisecond,
		Defaults: PolicyConfig{
			RetryWithin: &p.RetryWithin, Settle: &p.Settle, Severity: p.Severity.String(), Priority: p.Priority,
		},
		Incidents:     IncidentsConfig{Max: 10_000, Storm: 5, ResolveFailedAfter: 5 * time.Minute},
		TelemetryGaps: defaultTelemetryGaps(),
		ClockSkew:     ClockSkewConfig{Enabled: true},
		Learn:         defaultLearn(),
		Store:         defaultStore(),
	}
}

// maxBound is far beyond what a machine holds: a greater number is a slip.
const maxBound = 100_000_000

// maxDuration keeps sums of times and durations within 64 bits.
const maxDuration = 10 * 365 * 24 * time.Hour

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	var errs []error
	for _, v := range []struct {
		key   string
		value int
	}{
		{"max_operations", c.MaxOperations}, {"max_facts", c.MaxFacts}, {"max_waiting", c.MaxWaiting}, {"incidents::max", c.Incidents.Max},
	} {
		if v.value < 1 || v.value > maxBound {
			errs = append(errs, fmt.Errorf("`%s` is %d: must be at least 1 and at most %d", v.key, v.value, maxBound))
		}
	}
	for _, v := range []struct {
		key   string
		value time.Duration
	}{
		{"wait_for_identity", c.WaitForIdentity}, {"retention", c.Retention}, {"arrival_grace", c.ArrivalGrace},
		{"incidents::resolve_failed_after", c.Incidents.ResolveFailedAfter},
	} {
		errs = append(errs, checkDuration(v.key, &v.value))
	}
	if c.Incidents.ResolveFailedAfter == 0 {
		errs = append(errs, errors.New("`incidents::resolve_failed_after` is 0s: must be positive, or incidents would be over at once"))
	}
	if n := c.Incidents.Storm; n < 0 || n == 1 || n > maxBound {
		errs = append(errs, fmt.Errorf("`incidents::storm` is %d: must be 0, or at least 2 and at most %d", n, maxBound))
	}
	if err := c.Incidents.InApp.rules().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("`incidents::in_app`: %w", err))
	}
	if c.SweepInterval < 10*time.Millisecond || c.SweepInterval > time.Minute {
		errs = append(errs, fmt.Errorf("`sweep_interval` is %v: must be between 10ms and 1m", c.SweepInterval))
	}
	errs = append(errs, checkNames("dead_letter_destinations", c.DeadLetterDestinations), checkNames("retry_destinations", c.RetryDestinations))
	errs = append(errs, c.Defaults.validate("defaults"), validateHops("destinations", c.Destinations), c.TelemetryGaps.validate(), c.Learn.validate(), c.Store.validate())
	if c.Storage != nil && c.Store.enabled() {
		errs = append(errs, fmt.Errorf("`storage` is %q, and there is a `store`: leave `storage` out, the store keeps what was learned too", c.Storage))
	}
	return errors.Join(append(errs, c.validateRules())...)
}

func (c *Config) validateRules() error {
	var errs []error
	seen := map[string]int{}
	for i := range c.Rules {
		r := &c.Rules[i]
		key := fmt.Sprintf("rules[%d]", i)
		if r.Name == "" {
			errs = append(errs, fmt.Errorf("`%s::name` is empty: give the rule a name, which the API shows", key))
		} else if other, ok := seen[r.Name]; ok {
			errs = append(errs, fmt.Errorf("`%s::name` is %q: rules[%d] has this name already", key, r.Name, other))
		}
		seen[r.Name] = i
		p := r.policy()
		errs = append(errs, r.Match.validate(key+"::match"), p.validate(key), validateHops(key+"::hops", r.Hops))
		if r.Expect != nil {
			errs = append(errs, r.Expect.Validate(key+"::expect"))
		}
	}
	return errors.Join(errs...)
}

func (p *PolicyConfig) validate(key string) error {
	errs := []error{
		checkDuration(key+"::stuck::waiting", p.Stuck.Waiting),
		checkDuration(key+"::stuck::processing", p.Stuck.Processing),
		checkDuration(key+"::stuck::stalled", p.Stuck.Stalled),
		checkDuration(key+"::stuck::deadline", p.Stuck.Deadline),
		checkDuration(key+"::retry_within", p.RetryWithin),
		checkDuration(key+"::settle", p.Settle),
	}
	if _, ok := operation.ParseSeverity(p.Severity); !ok && p.Severity != "" {
		errs = append(errs, fmt.Errorf("`%s::severity` is %q: must be one of %s", key, p.Severity, strings.Join(operation.SeverityNames(), ", ")))
	}
	if p.Priority < 0 {
		errs = append(errs, fmt.Errorf("`%s::priority` is %d: must be 1 (the highest) or more; leave it out for the default", key, p.Priority))
	}
	return errors.Join(append(errs, validateEscalations(key+"::escalate", p.Escalate))...)
}

func checkNames(key string, names []string) error {
	var errs []error
	for i, name := range names {
		if name == "" {
			errs = append(errs, fmt.Errorf("`%s[%d]` is empty: name a destination", key, i))
		}
		if strings.Trim(name, "*") == "" && name != "" {
			errs = append(errs, fmt.Errorf("`%s[%d]` is %q: that is every destination", key, i, name))
		}
	}
	return errors.Join(errs...)
}

func checkDuration(key string, d *time.Duration) error {
	switch {
	case d == nil:
	case *d < 0:
		return fmt.Errorf("`%s` is %v: must not be negative", key, *d)
	case *d > maxDuration:
		return fmt.Errorf("`%s` is %v: must be at most %v", key, *d, maxDuration)
	}
	return nil
}

// validate checks the criteria of a rule: at least one, and none that is empty.
func (m *MatchConfig) validate(key string) error {
	if len(m.Operation)+len(m.Destination)+len(m.Service)+len(m.SpanName) == 0 {
		return fmt.Errorf("`%s` is empty: give at least one of operation, destination, service, span_name, or put this under `defaults`", key)
	}
	var errs []error
	for _, list := range []struct {
		name   string
		values []string
	}{{"operation", m.Operation}, {"destination", m.Destination}, {"service", m.Service}, {"span_name", m.SpanName}} {
		if i := slices.Index(list.values, ""); i >= 0 {
			errs = append(errs, fmt.Errorf("`%s::%s[%d]` is empty: give a name, or * for any", key, list.name, i))
		}
	}
	return errors.Join(errs...)
}

func (r *RuleConfig) policy() PolicyConfig {
	return PolicyConfig{
		Stuck: r.Stuck, RetryWithin: r.RetryWithin, Settle: r.Settle,
		Severity: r.Severity, Priority: r.Priority, Owner: r.Owner, Runbook: r.Runbook, Escalate: r.Escalate,
	}
}

func (c *Config) engineSettings() engine.Settings {
	rules := c.rules()
	soonest, settle := rules.Soonest()
	if c.Learn.Enabled {
		soonest = min(soonest, c.Learn.Floor)
	}
	return engine.Settings{
		DeadLetter:    operation.Destinations(c.DeadLetterDestinations, operation.DeadLetterName),
		Retry:         operation.Destinations(c.RetryDestinations, operation.RetryName),
		MaxOperations: c.MaxOperations, MaxFacts: c.MaxFacts, MaxWaiting: c.MaxWaiting, WaitFor: c.WaitForIdentity,
		Retention: c.Retention, ArrivalGrace: c.ArrivalGrace, Policy: rules.Policy,
		Soonest: soonest, Settle: settle,
		NamedByPolicy: slices.ContainsFunc(c.Rules, func(r RuleConfig) bool { return r.OperationName != "" }),
	}
}

package operationsextension

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// EscalationConfig raises severity and priority of an incident that is large and old enough.
type EscalationConfig struct {
	// Operations is how many operations must be affected at a time.
	Operations int64 `mapstructure:"operations"`
	// After is how long the incident must have been open.
	After time.Duration `mapstructure:"after"`
	// Severity and Priority are what the incident then has at least.
	Severity string `mapstructure:"severity"`
	Priority int    `mapstructure:"priority"`
}

func validateEscalations(key string, escalations []EscalationConfig) error {
	var errs []error
	if len(escalations) > operation.MaxEscalations {
		errs = append(errs, fmt.Errorf("`%s` has %d elements: at most %d", key, len(escalations), operation.MaxEscalations))
	}
	for i := range escalations {
		errs = append(errs, escalations[i].validate(fmt.Sprintf("%s[%d]", key, i)))
	}
	return errors.Join(errs...)
}

func (e *EscalationConfig) validate(key string) error {
	errs := []error{checkDuration(key+"::after", &e.After)}
	if e.Operations < 0 {
		errs = append(errs, fmt.Errorf("`%s::operations` is %d: must not be negative", key, e.Operations))
	}
	if e.Operations == 0 && e.After == 0 {
		errs = append(errs, fmt.Errorf("`%s` would apply to every incident: give operations, after or both, or raise `severity` itself", key))
	}
	if _, ok := operation.ParseSeverity(e.Severity); !ok && e.Severity != "" {
		errs = append(errs, fmt.Errorf("`%s::severity` is %q: must be one of %s", key, e.Severity, strings.Join(operation.SeverityNames(), ", ")))
	}
	if e.Priority < 0 {
		errs = append(errs, fmt.Errorf("`%s::priority` is %d: must be 1 (the highest) or more; leave it out to keep that of the rule", key, e.Priority))
	}
	if e.Severity == "" && e.Priority == 0 {
		errs = append(errs, fmt.Errorf("`%s` raises nothing: give severity, priority or both", key))
	}
	return errors.Join(errs...)
}

func escalations(configs []EscalationConfig) []operation.Escalation {
	var all []operation.Escalation
	for i := range configs {
		c := &configs[i]
		severity, _ := operation.ParseSeverity(c.Severity)
		all = append(all, operation.Escalation{Operations: c.Operations, After: c.After, Severity: severity, Priority: c.Priority})
	}
	return all
}

package correlationprocessor

import (
	"errors"
	"fmt"

	"github.com/throughline/throughline/internal/evidence"
)

// LibraryConfig says in what one instrumentation departs from the conventions.
type LibraryConfig struct {
	// Scope is the name of its instrumentation scope; `*` stands for any characters.
	Scope string `mapstructure:"scope"`
	// System is the messaging system, where the library does not record one.
	System string `mapstructure:"system"`
	// Attributes are the names under which it records a field (destination, message_id, type, ...), the best first.
	Attributes map[string][]string `mapstructure:"attributes"`
	// IgnoreKeys are correlation keys that carry something else in its records.
	IgnoreKeys []string `mapstructure:"ignore_keys"`
	// Operations say what a span states (send, receive, process, settle, work, ignore), by the value of its operation
	// attribute or by its name.
	Operations map[string]string `mapstructure:"operations"`
	// Outcomes say how a span ended (ok, failed, retry, final, rejected, dead_letter, deferred, unfinished), by the value of
	// its state attribute or by its operation; Events do so by the name of a span event, Statuses by the description of the
	// status.
	Outcomes map[string]string `mapstructure:"outcomes"`
	Events   map[string]string `mapstructure:"events"`
	Statuses map[string]string `mapstructure:"statuses"`
}

func (c *LibraryConfig) library() evidence.Library {
	return evidence.Library{
		Scope: c.Scope, System: c.System, Attributes: c.Attributes, IgnoreKeys: c.IgnoreKeys, Operations: c.Operations, Outcomes: c.Outcomes,
		Events: c.Events, Statuses: c.Statuses,
	}
}

// libraries are those of the configuration, which come first, and the known ones.
func (c *Config) libraries() []evidence.Library {
	all := make([]evidence.Library, 0, len(c.Libraries))
	for i := range c.Libraries {
		all = append(all, c.Libraries[i].library())
	}
	return append(all, evidence.DefaultLibraries()...)
}

func (c *Config) validateLibraries() error {
	var errs []error
	seen := map[string]int{}
	for i := range c.Libraries {
		lib := c.Libraries[i].library()
		if err := lib.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("`libraries[%d]`: %w", i, err))
		}
		if other, ok := seen[lib.Scope]; ok {
			errs = append(errs, fmt.Errorf("`libraries[%d]` has the scope %q, as libraries[%d] has: put both into one", i, lib.Scope, other))
		}
		seen[lib.Scope] = i
	}
	return errors.Join(errs...)
}

package correlationprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/throughline/throughline/extension/operationsextension"
	"github.com/throughline/throughline/internal/evidence"
)

// Config is the YAML configuration of the correlation processor. An empty one works.
type Config struct {
	// Operations is the ID of the operations extension.
	Operations component.ID `mapstructure:"operations"`
	// CorrelationKeys are the attributes and log fields that carry the ID of an operation. Where one record carries several,
	// they name the same operation, and the key listed first gives its name.
	CorrelationKeys []string `mapstructure:"correlation_keys"`
	// NamespaceKey is the attribute that tells tenants apart, whose IDs may be the same; empty: there is only one.
	NamespaceKey string `mapstructure:"namespace_key"`
	// IgnoredIDs are values that name no operation, besides the usual ones (empty, null, 0, all-zero UUID, ...).
	IgnoredIDs []string `mapstructure:"ignored_ids"`
	// Libraries say in what instrumentations depart from the conventions. They come before the known ones.
	Libraries []LibraryConfig `mapstructure:"libraries"`
	// Logs says what the text of log records means.
	Logs LogsConfig `mapstructure:"logs"`
	// Expressions find IDs, in OTTL, where keys and patterns do not suffice; Ignore has conditions for what is no evidence.
	Expressions ExpressionsConfig `mapstructure:"expressions"`
	Ignore      IgnoreConfig      `mapstructure:"ignore"`
	// Stamp says whether async.operation.* attributes are added to what passes.
	Stamp bool `mapstructure:"stamp"`
	// DryRun lets the processor report what it could attach, and do nothing else: nothing is stamped, and no operation of the
	// collector learns of what passes.
	DryRun bool `mapstructure:"dry_run"`
}

// stamps reports whether anything is added to what passes.
func (c *Config) stamps() bool { return c.Stamp && !c.DryRun }

func createDefaultConfig() component.Config {
	return &Config{
		Operations:      operationsextension.DefaultID,
		CorrelationKeys: evidence.DefaultCorrelationKeys(),
		Logs:            LogsConfig{DefaultPatterns: true},
		Stamp:           true,
	}
}

// maxKeys bounds the correlation keys: more than this is a misunderstanding.
const maxKeys = 64

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	var errs []error
	if len(c.CorrelationKeys) == 0 {
		errs = append(errs, errors.New("`correlation_keys` is empty: leave it out for the defaults, or name at least one attribute"))
	}
	if len(c.CorrelationKeys) > maxKeys {
		errs = append(errs, fmt.Errorf("`correlation_keys` has %d entries: at most %d are allowed", len(c.CorrelationKeys), maxKeys))
	}
	seen := map[string]int{}
	for i, key := range c.CorrelationKeys {
		if key == "" {
			errs = append(errs, fmt.Errorf("`correlation_keys[%d]` is empty: name an attribute", i))
		} else if other, ok := seen[key]; ok {
			errs = append(errs, fmt.Errorf("`correlation_keys[%d]` is %q, as correlation_keys[%d] is: list each key once", i, key, other))
		}
		seen[key] = i
	}
	if _, ok := seen[c.NamespaceKey]; ok && c.NamespaceKey != "" {
		errs = append(errs, fmt.Errorf("`namespace_key` is %q, which is among `correlation_keys`: a key can be only one of both", c.NamespaceKey))
	}
	if err := c.validateLibraries(); err != nil {
		errs = append(errs, err)
	}
	if err := c.validateExpressions(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

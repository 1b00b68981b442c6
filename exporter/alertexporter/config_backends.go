package alertexporter

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/webhook"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// AlertmanagerConfig says where Alertmanager is and what it is told.
type AlertmanagerConfig struct {
	// HTTP is how it is reached: endpoint, tls, auth, headers, proxy_url and the rest of confighttp.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`
	// RoutingLabels puts severity, priority and owner among the labels.
	RoutingLabels bool `mapstructure:"routing_labels"`
	// Match says which alerts it is told of; nothing: of all.
	Match []MatchConfig `mapstructure:"match"`
}

// Validate implements xconfmap.Validator.
func (c *AlertmanagerConfig) Validate() error {
	return errors.Join(webAddress("alertmanager::endpoint", c.HTTP.Endpoint), validateMatch(nameAlertmanager, c.Match))
}

// PagerDutyConfig says which service of PagerDuty is told.
type PagerDutyConfig struct {
	// HTTP is how it is reached; its endpoint is that of the service in the United States unless it says otherwise.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`
	// RoutingKey is the integration key of the service (Events API v2).
	RoutingKey configopaque.String `mapstructure:"routing_key"`
	// Summary is a template of the line that wakes somebody.
	Summary string `mapstructure:"summary"`
	// Match says which alerts it is told of; nothing: of all.
	Match []MatchConfig `mapstructure:"match"`
}

// Validate implements xconfmap.Validator.
func (c *PagerDutyConfig) Validate() error {
	errs := []error{webAddress("pagerduty::endpoint", c.HTTP.Endpoint), validateTemplate("pagerduty::summary", c.Summary)}
	if c.RoutingKey == "" {
		errs = append(errs, errors.New("`pagerduty::routing_key` is empty: give the integration key of a service, like ${env:PAGERDUTY_ROUTING_KEY}"))
	}
	return errors.Join(append(errs, validateMatch(namePagerDuty, c.Match))...)
}

// SlackConfig says which channel of Slack is told.
type SlackConfig struct {
	// HTTP is how it is reached, but for the endpoint, which is a secret and stands in URL.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`
	// URL is the address of the incoming webhook.
	URL configopaque.String `mapstructure:"url"`
	// Title and Text are templates of the first line and of what stands below it.
	Title string `mapstructure:"title"`
	Text  string `mapstructure:"text"`
	// Match says which alerts it is told of; nothing: of all.
	Match []MatchConfig `mapstructure:"match"`
}

// Validate implements xconfmap.Validator.
func (c *SlackConfig) Validate() error {
	errs := []error{validateTemplate("slack::title", c.Title), validateTemplate("slack::text", c.Text), validateMatch(nameSlack, c.Match)}
	if c.HTTP.Endpoint != "" {
		errs = append(errs, errors.New("`slack::endpoint` is given: the address is a secret, give it as `slack::url`"))
	}
	address, err := url.Parse(string(c.URL))
	if err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Host == "" {
		errs = append(errs, errors.New("`slack::url` is not the address of an incoming webhook: give it like ${env:SLACK_WEBHOOK_URL}"))
	}
	return errors.Join(errs...)
}

// WebhookConfig says where CloudEvents are sent.
type WebhookConfig struct {
	// HTTP is how it is reached: endpoint, tls, auth, headers, proxy_url and the rest of confighttp.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`
	// Mode is that of the HTTP binding of CloudEvents: structured or binary.
	Mode string `mapstructure:"mode"`
	// Source is the attribute of that name; empty: the address of the console.
	Source string `mapstructure:"source"`
	// Secrets sign as Standard Webhooks says; none: nothing is signed.
	Secrets []configopaque.String `mapstructure:"secrets"`
	// Match says which alerts are sent; nothing: all.
	Match []MatchConfig `mapstructure:"match"`
}

// minSecret is the shortest secret that Standard Webhooks allows, in bytes.
const minSecret = 24

// Validate implements xconfmap.Validator.
func (c *WebhookConfig) Validate() error {
	errs := []error{webAddress("webhook::endpoint", c.HTTP.Endpoint), validateMatch(nameWebhook, c.Match)}
	if c.Mode != string(webhook.ModeStructured) && c.Mode != string(webhook.ModeBinary) {
		errs = append(errs, fmt.Errorf("`webhook::mode` is %q: must be structured or binary", c.Mode))
	}
	if _, err := url.Parse(c.Source); err != nil {
		errs = append(errs, fmt.Errorf("`webhook::source` is %q: must be a URI-reference", c.Source))
	}
	for i, secret := range c.Secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(secret), "whsec_"))
		if err != nil || len(key) < minSecret {
			errs = append(errs, fmt.Errorf("`webhook::secrets::%d` is no secret of Standard Webhooks: must be base64 of at least %d bytes, optionally behind whsec_, like that of `openssl rand -base64 32`", i, minSecret))
		}
	}
	return errors.Join(errs...)
}

// MatchConfig says which alerts are wanted: those for which each list that is given has the value of the alert among its
// elements.
type MatchConfig struct {
	Severity []string `mapstructure:"severity"`
	Priority []int    `mapstructure:"priority"`
	// Kind is of stuck, failed, dead_lettered, unknown, storm.
	Kind []string `mapstructure:"kind"`
	// Owner, Operation and Destination may have "*" in them for any number of any characters.
	Owner       []string `mapstructure:"owner"`
	Operation   []string `mapstructure:"operation"`
	Destination []string `mapstructure:"destination"`
}

func kindNames() []string {
	return []string{
		operation.StateStuck.String(), operation.StateFailed.String(), operation.StateDeadLettered.String(), operation.StateUnknown.String(),
		incident.StormKind,
	}
}

func validateMatch(backend string, match []MatchConfig) error {
	var errs []error
	for i, m := range match {
		for _, name := range m.Severity {
			if _, ok := operation.ParseSeverity(name); !ok {
				errs = append(errs, fmt.Errorf("`%s::match::%d::severity` has %q: must be info, warning, error or critical", backend, i, name))
			}
		}
		for _, priority := range m.Priority {
			if priority < 1 {
				errs = append(errs, fmt.Errorf("`%s::match::%d::priority` has %d: must be at least 1, the highest", backend, i, priority))
			}
		}
		for _, name := range m.Kind {
			if !slices.Contains(kindNames(), name) {
				errs = append(errs, fmt.Errorf("`%s::match::%d::kind` has %q: must be one of %s", backend, i, name, strings.Join(kindNames(), ", ")))
			}
		}
		if len(m.Severity)+len(m.Priority)+len(m.Kind)+len(m.Owner)+len(m.Operation)+len(m.Destination) == 0 {
			errs = append(errs, fmt.Errorf("`%s::match::%d` is empty, and so would match everything: leave out `match` for that", backend, i))
		}
	}
	return errors.Join(errs...)
}

func validateTemplate(key, text string) error {
	if _, err := alert.ParseTemplate(text); err != nil {
		return fmt.Errorf("`%s` %w", key, err)
	}
	return nil
}

// matches is what is matched, once it is validated.
func matches(configs []MatchConfig) alert.Matches {
	var all alert.Matches
	for _, c := range configs {
		m := alert.Match{
			Priorities: c.Priority, Kinds: c.Kind, Owners: alert.NewPatterns(c.Owner),
			Operations: alert.NewPatterns(c.Operation), Destinations: alert.NewPatterns(c.Destination),
		}
		for _, name := range c.Severity {
			severity, _ := operation.ParseSeverity(name)
			m.Severities = append(m.Severities, severity)
		}
		all = append(all, m)
	}
	return all
}

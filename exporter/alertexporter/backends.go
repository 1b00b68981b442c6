package alertexporter

import (
	"net/http"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alertmanager"
	"github.com/throughline/throughline/internal/alert/pagerduty"
	"github.com/throughline/throughline/internal/alert/slack"
	"github.com/throughline/throughline/internal/alert/webhook"
)

// The names of the backends in the configuration, in metrics and in errors.
const (
	nameAlertmanager = "alertmanager"
	namePagerDuty    = "pagerduty"
	nameSlack        = "slack"
	nameWebhook      = "webhook"
)

// kind is what is known of a backend before it is built.
type kind struct {
	name  string
	match []MatchConfig
	http  confighttp.ClientConfig
	// once says that it is told each thing once, batch how many alerts go in one request.
	once    bool
	batch   int
	connect func(client *http.Client) (alert.Notifier, error)
}

// kinds lists the backends that are configured.
func (c *Config) kinds() []kind {
	var kinds []kind
	if c.Alertmanager.HasValue() {
		kinds = append(kinds, c.Alertmanager.Get().kind())
	}
	if c.PagerDuty.HasValue() {
		kinds = append(kinds, c.PagerDuty.Get().kind())
	}
	if c.Slack.HasValue() {
		kinds = append(kinds, c.Slack.Get().kind())
	}
	if c.Webhook.HasValue() {
		kinds = append(kinds, c.Webhook.Get().kind(c.ConsoleURL))
	}
	return kinds
}

func (c *AlertmanagerConfig) kind() kind {
	return kind{
		name: nameAlertmanager, match: c.Match, http: c.HTTP, batch: maxBatch,
		connect: func(client *http.Client) (alert.Notifier, error) {
			return alertmanager.New(client, alertmanager.Settings{Endpoint: c.HTTP.Endpoint, RoutingLabels: c.RoutingLabels})
		},
	}
}

func (c *PagerDutyConfig) kind() kind {
	return kind{
		name: namePagerDuty, match: c.Match, http: c.HTTP, once: true, batch: 1,
		connect: func(client *http.Client) (alert.Notifier, error) {
			summary, err := alert.ParseTemplate(c.Summary)
			if err != nil {
				return nil, err
			}
			return pagerduty.New(client, pagerduty.Settings{
				Endpoint: c.HTTP.Endpoint, RoutingKey: string(c.RoutingKey), Client: "Throughline", Summary: summary,
			})
		},
	}
}

func (c *SlackConfig) kind() kind {
	return kind{
		name: nameSlack, match: c.Match, http: c.HTTP, once: true, batch: 1,
		connect: func(client *http.Client) (alert.Notifier, error) {
			title, err := alert.ParseTemplate(c.Title)
			if err != nil {
				return nil, err
			}
			text, err := alert.ParseTemplate(c.Text)
			if err != nil {
				return nil, err
			}
			return slack.New(client, slack.Settings{Endpoint: string(c.URL), Title: title, Text: text})
		},
	}
}

func (c *WebhookConfig) kind(consoleURL string) kind {
	source := c.Source
	if source == "" {
		source = consoleURL
	}
	if source == "" {
		source = "throughline"
	}
	return kind{
		name: nameWebhook, match: c.Match, http: c.HTTP, once: true, batch: 1,
		connect: func(client *http.Client) (alert.Notifier, error) {
			secrets := make([]string, len(c.Secrets))
			for i, secret := range c.Secrets {
				secrets[i] = string(secret)
			}
			return webhook.New(client, webhook.Settings{
				Endpoint: c.HTTP.Endpoint, Mode: webhook.Mode(c.Mode), Source: source, Secrets: secrets,
			})
		},
	}
}

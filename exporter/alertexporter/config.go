package alertexporter

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/pagerduty"
	"github.com/throughline/throughline/internal/alert/slack"
	"github.com/throughline/throughline/internal/alert/webhook"
)

// Config is the YAML configuration of the exporter. An empty one tells an Alertmanager on this machine.
type Config struct {
	// The backends to tell. Alertmanager is there unless another one is given or it is switched off.
	Alertmanager configoptional.Optional[AlertmanagerConfig] `mapstructure:"alertmanager"`
	PagerDuty    configoptional.Optional[PagerDutyConfig]    `mapstructure:"pagerduty"`
	Slack        configoptional.Optional[SlackConfig]        `mapstructure:"slack"`
	Webhook      configoptional.Optional[WebhookConfig]      `mapstructure:"webhook"`

	// RepeatInterval is how often firing alerts are told again. It must be well below the resolve_timeout of Alertmanager.
	RepeatInterval time.Duration `mapstructure:"repeat_interval"`
	// ResolvedRepeat is how long resolved alerts are told again.
	ResolvedRepeat time.Duration `mapstructure:"resolved_repeat"`
	// StaleAfter is how long a firing alert is told again without any news of its incident.
	StaleAfter time.Duration `mapstructure:"stale_after"`
	// MaxAlerts bounds the alerts held in memory.
	MaxAlerts int `mapstructure:"max_alerts"`

	// ConsoleURL is the base address of the console as people reach it; alerts link to it. Empty: they link to nothing.
	ConsoleURL string `mapstructure:"console_url"`
	// Labels are added to every alert.
	Labels map[string]string `mapstructure:"labels"`
	// Annotations are templates of texts that are added to every alert or take the place of those of the same name.
	Annotations map[string]string `mapstructure:"annotations"`

	// Timeout bounds one delivery.
	Timeout exporterhelper.TimeoutConfig `mapstructure:",squash"`
	// Queue and Retry are what stands between the pipeline and the backend.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	Retry configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
}

func createDefaultConfig() component.Config {
	settings := alert.DefaultSettings()
	queue := exporterhelper.NewDefaultQueueConfig()
	// One delivery at a time keeps their order, and what waits is told with the present truth in any case.
	queue.NumConsumers = 1
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	// Never give up: what waits in the queue is the order to tell what is true by then, which does not grow old.
	retry.MaxElapsedTime = 0
	return &Config{
		Alertmanager: configoptional.Some(AlertmanagerConfig{HTTP: client("http://localhost:9093"), RoutingLabels: true}),
		PagerDuty: configoptional.Default(PagerDutyConfig{
			HTTP: client(pagerduty.DefaultEndpoint), Summary: "{{.Annotations.summary}}",
		}),
		Slack:          configoptional.Default(SlackConfig{HTTP: client(""), Title: slack.DefaultTitle, Text: slack.DefaultText}),
		Webhook:        configoptional.Default(WebhookConfig{HTTP: client(""), Mode: string(webhook.ModeStructured)}),
		RepeatInterval: settings.RepeatInterval,
		ResolvedRepeat: settings.ResolvedRepeat,
		StaleAfter:     settings.StaleAfter,
		MaxAlerts:      settings.MaxAlerts,
		ConsoleURL:     "http://localhost:8321",
		Timeout:        exporterhelper.TimeoutConfig{Timeout: 10 * time.Second},
		Queue:          configoptional.Some(queue),
		Retry:          retry,
	}
}

func client(endpoint string) confighttp.ClientConfig {
	c := confighttp.NewDefaultClientConfig()
	c.Endpoint = endpoint
	return c
}

// Unmarshal implements confmap.Unmarshaler. Whoever names another backend and says nothing of Alertmanager has none.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	others := conf.IsSet(namePagerDuty) || conf.IsSet(nameSlack) || conf.IsSet(nameWebhook)
	if others && !conf.IsSet(nameAlertmanager) {
		c.Alertmanager = configoptional.None[AlertmanagerConfig]()
	}
	return conf.Unmarshal(c)
}

// labelName is what every backend can take as the name of a label.
var labelName = regexp.MustCompile("^[a-zA-Z_][a-zA-Z0-9_]*$")

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	return errors.Join(c.validateBackends(), c.validatePeriods(), c.validateLabels(), c.validateAnnotations())
}

func (c *Config) validateBackends() error {
	if len(c.kinds()) == 0 {
		return errors.New("no backend is configured: give a section `alertmanager`, `pagerduty`, `slack` or `webhook`")
	}
	if c.ConsoleURL != "" {
		return webAddress("console_url", c.ConsoleURL)
	}
	return nil
}

// webAddress checks an address. Passwords in it are not shown.
func webAddress(key, value string) error {
	address, err := url.Parse(value)
	if err != nil {
		return fmt.Errorf("`%s` is not a URL: must be like http://localhost:9093", key)
	}
	if (address.Scheme != "http" && address.Scheme != "https") || address.Host == "" {
		return fmt.Errorf("`%s` is %q: must be an http or https URL with a host, like http://localhost:9093", key, address.Redacted())
	}
	return nil
}

func (c *Config) validatePeriods() error {
	var errs []error
	if c.RepeatInterval <= 0 {
		errs = append(errs, fmt.Errorf("`repeat_interval` is %s: must be positive", c.RepeatInterval))
	}
	if c.ResolvedRepeat < 0 {
		errs = append(errs, fmt.Errorf("`resolved_repeat` is %s: must not be negative", c.ResolvedRepeat))
	}
	if c.StaleAfter < c.RepeatInterval {
		errs = append(errs, fmt.Errorf("`stale_after` is %s: must be at least `repeat_interval`, %s", c.StaleAfter, c.RepeatInterval))
	}
	if c.MaxAlerts < 1 {
		errs = append(errs, fmt.Errorf("`max_alerts` is %d: must be at least 1", c.MaxAlerts))
	}
	return errors.Join(errs...)
}

func (c *Config) validateLabels() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		switch {
		case !labelName.MatchString(name):
			errs = append(errs, fmt.Errorf("`labels::%s` is no name for a label: must match %s", name, labelName))
		case slices.Contains(alert.ReservedLabels(), name):
			errs = append(errs, fmt.Errorf("`labels::%s` has a meaning of its own: choose another name", name))
		case c.Labels[name] == "":
			errs = append(errs, fmt.Errorf("`labels::%s` is empty: give it a value or leave it out", name))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateAnnotations() error {
	_, err := c.annotations()
	return err
}

func (c *Config) annotations() (map[string]*alert.Template, error) {
	templates := make(map[string]*alert.Template, len(c.Annotations))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Annotations)) {
		if !labelName.MatchString(name) {
			errs = append(errs, fmt.Errorf("`annotations::%s` is no name for an annotation: must match %s", name, labelName))
		}
		var err error
		if templates[name], err = alert.ParseTemplate(c.Annotations[name]); err != nil {
			errs = append(errs, fmt.Errorf("`annotations::%s` %w", name, err))
		}
	}
	return templates, errors.Join(errs...)
}

// bookSettings are those of a backend that is told each thing once, or again and again.
func (c *Config) bookSettings(once bool) alert.Settings {
	return alert.Settings{
		Once: once, MaxAlerts: c.MaxAlerts, RepeatInterval: c.RepeatInterval, ResolvedRepeat: c.ResolvedRepeat, StaleAfter: c.StaleAfter,
	}
}

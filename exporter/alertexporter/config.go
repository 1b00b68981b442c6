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
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/throughline/throughline/internal/alert"
)

// Config is the YAML configuration of the exporter. An empty one tells an Alertmanager on this machine.
type Config struct {
	// Alertmanager is the backend to tell.
	Alertmanager configoptional.Optional[AlertmanagerConfig] `mapstructure:"alertmanager"`

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

	// Timeout bounds one delivery.
	Timeout exporterhelper.TimeoutConfig `mapstructure:",squash"`
	// Queue and Retry are what stands between the pipeline and the backend.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	Retry configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
}

// AlertmanagerConfig says where Alertmanager is and what it is told.
type AlertmanagerConfig struct {
	// HTTP is how it is reached: endpoint, tls, auth, headers, proxy_url and the rest of confighttp.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`
	// RoutingLabels puts severity, priority and owner among the labels.
	RoutingLabels bool `mapstructure:"routing_labels"`
}

func createDefaultConfig() component.Config {
	settings := alert.DefaultSettings()
	http := confighttp.NewDefaultClientConfig()
	http.Endpoint = "http://localhost:9093"
	queue := exporterhelper.NewDefaultQueueConfig()
	// One delivery at a time keeps their order, and what waits is told with the present truth in any case.
	queue.NumConsumers = 1
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	// Never give up: what waits in the queue is the order to tell what is true by then, which does not grow old.
	retry.MaxElapsedTime = 0
	return &Config{
		Alertmanager:   configoptional.Some(AlertmanagerConfig{HTTP: http, RoutingLabels: true}),
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

// labelName is what every backend can take as the name of a label.
var labelName = regexp.MustCompile("^[a-zA-Z_][a-zA-Z0-9_]*$")

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	return errors.Join(c.validateBackends(), c.validatePeriods(), c.validateLabels())
}

func (c *Config) validateBackends() error {
	if !c.Alertmanager.HasValue() {
		return errors.New("no backend is configured: give the section `alertmanager`")
	}
	errs := []error{webAddress("alertmanager::endpoint", c.Alertmanager.Get().HTTP.Endpoint)}
	if c.ConsoleURL != "" {
		errs = append(errs, webAddress("console_url", c.ConsoleURL))
	}
	return errors.Join(errs...)
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

func (c *Config) bookSettings() alert.Settings {
	return alert.Settings{
		MaxAlerts: c.MaxAlerts, RepeatInterval: c.RepeatInterval, ResolvedRepeat: c.ResolvedRepeat, StaleAfter: c.StaleAfter,
	}
}

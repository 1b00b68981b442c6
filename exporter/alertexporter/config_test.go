package alertexporter

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/xconfmap"

	"github.com/throughline/throughline/internal/alert/slack"
)

func load(t *testing.T, id string) *Config {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := all.Sub(id)
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig()
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg.(*Config)
}

func TestDefaultConfig(t *testing.T) {
	cfg := load(t, "alert")
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	require.NoError(t, xconfmap.Validate(cfg))
	require.Equal(t, NewFactory().CreateDefaultConfig(), cfg, "an empty section works")
	require.Equal(t, "http://localhost:9093", cfg.Alertmanager.Get().HTTP.Endpoint)
	require.True(t, cfg.Alertmanager.Get().RoutingLabels)
	require.Equal(t, time.Minute, cfg.RepeatInterval)
	require.Equal(t, 1, cfg.Queue.Get().NumConsumers)
}

func TestFullConfig(t *testing.T) {
	cfg := load(t, "alert/all")
	require.NoError(t, xconfmap.Validate(cfg))
	backend := cfg.Alertmanager.Get()
	require.Equal(t, "https://alertmanager.example:9093/prefix", backend.HTTP.Endpoint)
	require.False(t, backend.RoutingLabels)
	header, _ := backend.HTTP.Headers.Get("X-Scope-OrgID")
	require.Equal(t, "tenant", string(header))
	require.Equal(t, 30*time.Second, cfg.RepeatInterval)
	require.Equal(t, 2*time.Minute, cfg.ResolvedRepeat)
	require.Equal(t, 10*time.Minute, cfg.StaleAfter)
	require.Equal(t, 500, cfg.MaxAlerts)
	require.Equal(t, "https://console.example", cfg.ConsoleURL)
	require.Equal(t, map[string]string{"cluster": "eu-1"}, cfg.Labels)
	require.Equal(t, 3*time.Second, cfg.Timeout.Timeout)
	require.Equal(t, int64(10), cfg.Queue.Get().QueueSize)
	require.Equal(t, 1, cfg.Queue.Get().NumConsumers)
	require.Equal(t, component.MustNewID("file_storage"), *cfg.Queue.Get().StorageID)
	require.Equal(t, time.Hour, cfg.Retry.MaxElapsedTime)
}

func TestBackends(t *testing.T) {
	cfg := load(t, "alert/backends")
	require.NoError(t, xconfmap.Validate(cfg))
	require.False(t, cfg.Alertmanager.HasValue(), "whoever names others does not have it")
	require.Equal(t, "https://events.pagerduty.com", cfg.PagerDuty.Get().HTTP.Endpoint)
	require.Equal(t, "{{.Annotations.summary}}", cfg.PagerDuty.Get().Summary)
	require.Equal(t, []MatchConfig{{Severity: []string{"critical"}, Owner: []string{"team-*"}}, {Priority: []int{1}}}, cfg.PagerDuty.Get().Match)
	require.Equal(t, slack.DefaultTitle, cfg.Slack.Get().Title)
	require.Equal(t, "binary", cfg.Webhook.Get().Mode)
	require.Equal(t, "Alert {{.ID}}", cfg.Annotations["note"])
	shown := confmap.New()
	require.NoError(t, shown.Marshal(cfg))
	require.NotContains(t, fmt.Sprint(shown.ToStringMap()), "s3cret")
	require.True(t, load(t, "alert/both").Alertmanager.HasValue(), "unless they name it too")
}

func TestInvalidConfig(t *testing.T) {
	for id, message := range map[string]string{
		"alert/no_backend":      "no backend is configured: give a section `alertmanager`",
		"alert/endpoint":        "`alertmanager::endpoint` is \"localhost:9093\": must be an http or https URL",
		"alert/endpoint_empty":  "`alertmanager::endpoint` is \"\"",
		"alert/endpoint_secret": "`alertmanager::endpoint` is \"ftp://user:xxxxx@host\"",
		"alert/endpoint_no_url": "`alertmanager::endpoint` is not a URL",
		"alert/console":         "`console_url` is \"console\"",
		"alert/repeat":          "`repeat_interval` is 0s: must be positive",
		"alert/resolved":        "`resolved_repeat` is -1s: must not be negative",
		"alert/stale":           "`stale_after` is 10s: must be at least `repeat_interval`, 1m0s",
		"alert/max":             "`max_alerts` is 0: must be at least 1",
		"alert/label_name":      "`labels::service.name` is no name for a label",
		"alert/label_reserved":  "`labels::severity` has a meaning of its own",
		"alert/label_empty":     "`labels::cluster` is empty",
		"alert/queue":           "`num_consumers` must be positive",
		"alert/timeout":         "'timeout' must be non-negative",
		"alert/annotation":      "`annotations::summary` is not a template",
		"alert/annotation_name": "`annotations::a-b` is no name for an annotation",
		"alert/pagerduty":       "`pagerduty::routing_key` is empty",
		"alert/pagerduty_text":  "`pagerduty::summary` cannot be carried out",
		"alert/slack":           "`slack::url` is not the address of an incoming webhook",
		"alert/slack_endpoint":  "`slack::endpoint` is given: the address is a secret",
		"alert/webhook":         "`webhook::endpoint` is \"\"",
		"alert/webhook_mode":    "`webhook::mode` is \"batch\": must be structured or binary",
		"alert/webhook_secret":  "`webhook::secrets::1` is no secret of Standard Webhooks",
		"alert/match_severity":  "`alertmanager::match::0::severity` has \"high\": must be info, warning, error or critical",
		"alert/match_kind":      "`alertmanager::match::1::kind` has \"broken\": must be one of stuck, failed, dead_lettered, unknown",
		"alert/match_priority":  "`alertmanager::match::0::priority` has 0: must be at least 1",
		"alert/match_empty":     "`alertmanager::match::0` is empty",
	} {
		t.Run(id, func(t *testing.T) {
			err := xconfmap.Validate(load(t, id))
			require.ErrorContains(t, err, message)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

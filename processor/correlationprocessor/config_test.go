package correlationprocessor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/xconfmap"
)

func load(t *testing.T, name string) *Config {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	sub, err := conf.Sub(name)
	require.NoError(t, err)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfiguration(t *testing.T) {
	empty := load(t, "correlation")
	require.NoError(t, xconfmap.Validate(empty))
	require.Equal(t, createDefaultConfig(), component.Config(empty))

	all := load(t, "correlation/all")
	require.NoError(t, xconfmap.Validate(all))
	require.Equal(t, &Config{
		Operations: component.MustNewIDWithName("operations", "payments"), CorrelationKeys: []string{"order.id"}, NamespaceKey: "tenant",
		IgnoredIDs: []string{"test"}, Logs: LogsConfig{DefaultPatterns: true}, DryRun: true,
	}, all)

	err := xconfmap.Validate(load(t, "correlation/bad"))
	require.ErrorContains(t, err, "`correlation_keys[1]` is empty")
	require.ErrorContains(t, err, "`correlation_keys[2]` is \"a\", as correlation_keys[0] is")
	require.ErrorContains(t, err, "`namespace_key` is \"tenant\", which is among `correlation_keys`")
	require.ErrorContains(t, xconfmap.Validate(load(t, "correlation/none")), "`correlation_keys` is empty")

	many := createDefaultConfig().(*Config)
	many.CorrelationKeys = make([]string, maxKeys+1)
	require.ErrorContains(t, xconfmap.Validate(many), "at most 64")
}

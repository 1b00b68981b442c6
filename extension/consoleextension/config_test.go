package consoleextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/xconfmap"
)

func load(t *testing.T, id string) (*Config, error) {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(id)
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, xconfmap.Validate(cfg)
}

func TestDefaultsStayOnThisMachine(t *testing.T) {
	cfg, err := load(t, "console")
	require.NoError(t, err)
	require.Equal(t, NewFactory().CreateDefaultConfig(), cfg)
	require.Equal(t, "localhost:8321", cfg.HTTP.NetAddr.Endpoint)
	require.Equal(t, component.MustNewID("operations"), cfg.Operations)
}

func TestFullConfig(t *testing.T) {
	cfg, err := load(t, "console/full")
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:9321", cfg.HTTP.NetAddr.Endpoint)
	require.Equal(t, component.MustNewIDWithName("operations", "eu"), cfg.Operations)
	require.Equal(t, component.MustNewIDWithName("basicauth", "console"), cfg.HTTP.Auth.Get().AuthenticatorID)
	require.Equal(t, "server.crt", cfg.HTTP.TLS.Get().CertFile)
	require.Equal(t, 10*time.Second, cfg.HTTP.ReadHeaderTimeout)
	require.Equal(t, 30*time.Second, cfg.HTTP.WriteTimeout, "what is left out keeps its default")
}

func TestBadConfigIsRefused(t *testing.T) {
	for id, want := range map[string]string{
		"console/no_endpoint":    "`endpoint` is empty: give an address like localhost:8321",
		"console/no_operations":  "'operations' id must not be empty",
		"console/bad_transport":  "carrier_pigeon",
		"console/unknown_key":    "port",
		"console/bad_operations": "no spaces allowed",
	} {
		t.Run(id, func(t *testing.T) {
			_, err := load(t, id)
			require.ErrorContains(t, err, want)
		})
	}
}

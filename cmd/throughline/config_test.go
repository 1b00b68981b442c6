package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/otelcol/otelcoltest"

	"github.com/throughline/throughline/config"
)

// The variables config/production.yaml asks for; everything else has a default.
var requiredEnvironment = map[string]string{
	"THROUGHLINE_TLS_CERT":         "server.crt",
	"THROUGHLINE_TLS_KEY":          "server.key",
	"THROUGHLINE_OTLP_TOKEN":       "token",
	"THROUGHLINE_CONSOLE_HTPASSWD": "htpasswd",
	"THROUGHLINE_JAEGER_ENDPOINT":  "jaeger.example.com:4317",
	"THROUGHLINE_ALERTMANAGER_URL": "https://alertmanager.example.com",
}

func TestShippedConfigurationsAreValid(t *testing.T) {
	factories, err := components()
	require.NoError(t, err)

	for _, name := range config.Names() {
		t.Run(name, func(t *testing.T) {
			if name == "production" {
				for key, value := range requiredEnvironment {
					t.Setenv(key, value)
				}
			}
			_, err := otelcoltest.LoadConfigAndValidate(filepath.Join("..", "..", "config", name+".yaml"), factories)
			require.NoError(t, err)
		})
	}
}

func TestProductionNamesWhatIsMissing(t *testing.T) {
	factories, err := components()
	require.NoError(t, err)
	for variable, key := range map[string]string{
		"THROUGHLINE_OTLP_TOKEN":       "bearertokenauth/otlp",
		"THROUGHLINE_JAEGER_ENDPOINT":  "otlp_grpc/jaeger",
		"THROUGHLINE_ALERTMANAGER_URL": "alertmanager::endpoint",
	} {
		for key, value := range requiredEnvironment {
			t.Setenv(key, value)
		}
		t.Setenv(variable, "")

		_, err = otelcoltest.LoadConfigAndValidate(filepath.Join("..", "..", "config", "production.yaml"), factories)
		require.ErrorContains(t, err, key, variable)
	}
}

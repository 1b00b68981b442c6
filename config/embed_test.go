package config_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/throughline/throughline/config"
)

func TestReadReturnsEveryNamedConfiguration(t *testing.T) {
	names := config.Names()
	require.Contains(t, names, "quickstart")
	require.Contains(t, names, "production")
	for _, name := range names {
		content, err := config.Read(name)
		require.NoError(t, err)
		var parsed map[string]any
		require.NoError(t, yaml.Unmarshal(content, &parsed), name)
		require.Contains(t, parsed, "service", name)
	}
}

func TestReadRefusesWhatIsNotThere(t *testing.T) {
	for _, name := range []string{"", "quickstrat", "quickstart.yaml", "jaeger", "../config/quickstart", "embed.go"} {
		_, err := config.Read(name)
		require.ErrorContains(t, err, `no embedded configuration "`+name+`"`)
		require.ErrorContains(t, err, "production, quickstart")
	}
}

// What Jaeger itself makes of both files is in test/e2e.
func TestJaegerHasFilesOfItsOwn(t *testing.T) {
	require.NotContains(t, config.Names(), "jaeger")
	var parsed map[string]any
	require.NoError(t, yaml.Unmarshal(config.Jaeger(), &parsed))
	require.Contains(t, parsed, "service")

	parsed = nil
	require.NoError(t, json.Unmarshal(config.JaegerUI(), &parsed))
	require.Contains(t, parsed, "linkPatterns")
}

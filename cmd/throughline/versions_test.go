package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const rootModule = "github.com/throughline/throughline"

type module struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
}

type builderConfig struct {
	Dist struct {
		Module  string `yaml:"module"`
		Version string `yaml:"version"`
	} `yaml:"dist"`
	Extensions []module `yaml:"extensions"`
	Receivers  []module `yaml:"receivers"`
	Processors []module `yaml:"processors"`
	Exporters  []module `yaml:"exporters"`
	Connectors []module `yaml:"connectors"`
	Providers  []module `yaml:"providers"`
	Converters []module `yaml:"converters"`
}

func (c *builderConfig) modules() []module {
	var all []module
	for _, section := range [][]module{
		c.Extensions, c.Receivers, c.Processors, c.Exporters, c.Connectors, c.Providers, c.Converters,
	} {
		all = append(all, section...)
	}
	return all
}

func readBuilderConfig(t *testing.T, path string) builderConfig {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var parsed builderConfig
	require.NoError(t, yaml.Unmarshal(content, &parsed))
	require.NotEmpty(t, parsed.modules())
	return parsed
}

var requirement = regexp.MustCompile(`(?m)^\s+(\S+) (v\S+)( // indirect)?$`)

// directRequirements maps the modules a go.mod file requires directly to their versions.
func directRequirements(t *testing.T, path string) map[string]string {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	versions := map[string]string{}
	for _, match := range requirement.FindAllStringSubmatch(string(content), -1) {
		if match[3] == "" {
			versions[match[1]] = match[2]
		}
	}
	return versions
}

func TestManifestsAgreeWithGoMod(t *testing.T) {
	root := filepath.Join("..", "..")
	required := directRequirements(t, filepath.Join(root, "go.mod"))
	distribution := readBuilderConfig(t, filepath.Join(root, "builder-config.yaml"))
	require.Equal(t, rootModule, distribution.Dist.Module)

	for _, manifest := range []string{"builder-config.yaml", "docs/ocb/builder-config.yaml"} {
		builder := readBuilderConfig(t, filepath.Join(root, filepath.FromSlash(manifest)))
		for _, m := range builder.modules() {
			path, version, found := strings.Cut(m.GoMod, " ")
			require.True(t, found, "%s: %q names no version", manifest, m.GoMod)
			if path == rootModule {
				require.Equal(t, "v"+distribution.Dist.Version, version, "%s: %s is part of the distribution", manifest, m.Import)
				require.DirExists(t, filepath.Join(root, strings.TrimPrefix(m.Import, rootModule)))
				continue
			}
			require.Equal(t, required[path], version, "%s: %s differs from go.mod's direct requirement", manifest, path)
		}
	}
}

func TestGeneratorsMatchTheCollector(t *testing.T) {
	root := filepath.Join("..", "..")
	collector := directRequirements(t, filepath.Join(root, "go.mod"))["go.opentelemetry.io/collector/otelcol"]
	require.NotEmpty(t, collector)

	tools, err := os.ReadFile(filepath.Join(root, "internal", "tools", "go.mod"))
	require.NoError(t, err)
	for _, generator := range []string{"builder", "mdatagen"} {
		require.Contains(t, string(tools), "\tgo.opentelemetry.io/collector/cmd/"+generator+" "+collector)
	}
}

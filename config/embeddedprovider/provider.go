// Package embeddedprovider lets the collector load a configuration that is compiled into the binary.
//
// `--config embedded:quickstart` resolves to config/quickstart.yaml of the source tree. It follows the provider
// contract of go.opentelemetry.io/collector/confmap, so it mixes with files, environment variables and inline YAML.
package embeddedprovider

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/throughline/throughline/config"
)

const schemeName = "embedded"

type provider struct{}

// NewFactory returns the factory of a provider for URIs of the form `embedded:<name>`.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(newProvider)
}

func newProvider(confmap.ProviderSettings) confmap.Provider {
	return &provider{}
}

func (*provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	name, ok := strings.CutPrefix(uri, schemeName+":")
	if !ok {
		return nil, fmt.Errorf("%q uri is not supported by %q provider", uri, schemeName)
	}
	content, err := config.Read(name)
	if err != nil {
		return nil, err
	}
	return confmap.NewRetrievedFromYAML(content)
}

func (*provider) Scheme() string {
	return schemeName
}

func (*provider) Shutdown(context.Context) error {
	return nil
}

package consoleextension

import (
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
)

const defaultEndpoint = "localhost:8321"

// Config is the YAML configuration of the console. An empty one works if the operations extension has no name of its own.
type Config struct {
	// HTTP is where and how the API is served: endpoint, tls, auth, cors and the rest of confighttp.
	HTTP confighttp.ServerConfig `mapstructure:",squash"`
	// Operations is the ID of the operations extension that the console shows.
	Operations component.ID `mapstructure:"operations"`
}

func createDefaultConfig() component.Config {
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = defaultEndpoint
	return &Config{HTTP: http, Operations: component.MustNewID("operations")}
}

// Validate implements component.ConfigValidator.
func (c *Config) Validate() error {
	if c.HTTP.NetAddr.Endpoint == "" {
		return errors.New("`endpoint` is empty: give an address like " + defaultEndpoint)
	}
	return nil
}

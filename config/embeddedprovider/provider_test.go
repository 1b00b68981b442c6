package embeddedprovider

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func newTestProvider(t *testing.T) confmap.Provider {
	t.Helper()
	p := NewFactory().Create(confmaptest.NewNopProviderSettings())
	t.Cleanup(func() { require.NoError(t, p.Shutdown(t.Context())) })
	return p
}

func TestRetrieveEmbeddedConfiguration(t *testing.T) {
	p := newTestProvider(t)
	require.NoError(t, confmaptest.ValidateProviderScheme(p))

	retrieved, err := p.Retrieve(t.Context(), "embedded:quickstart", nil)
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	require.True(t, conf.IsSet("service::pipelines"))
}

func TestRetrieveNamesWhatIsAvailable(t *testing.T) {
	_, err := newTestProvider(t).Retrieve(t.Context(), "embedded:quick", nil)
	require.ErrorContains(t, err, `"quick"`)
	require.ErrorContains(t, err, "available: production, quickstart")
}

func TestRetrieveRefusesAnotherScheme(t *testing.T) {
	_, err := newTestProvider(t).Retrieve(t.Context(), "file:quickstart", nil)
	require.ErrorContains(t, err, `"embedded" provider`)
}

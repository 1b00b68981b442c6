package consoleextension

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/console"
)

func TestServesTheAPI(t *testing.T) {
	s, logs := start(t, testConfig(), newFakeHost())
	base := "http://" + s.address.String()

	response, body := get(t, clientFor(nil), base+"/api/v1/operations/order%2F42", "")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, body, `"id":"order/42"`)
	require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))

	response, body = get(t, clientFor(nil), base+"/api/v1/operations/order%252F42", "")
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.Contains(t, body, `order%2F42`)

	require.Equal(t, 1, logs.FilterMessage("The console is open").Len())
	require.Zero(t, logs.FilterLevelExact(zap.WarnLevel).Len(), "nobody else can reach it")
}

func TestStrangersAreTurnedAway(t *testing.T) {
	cfg := testConfig()
	cfg.HTTP.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: authID}})
	s, _ := start(t, cfg, newFakeHost())
	url := "http://" + s.address.String() + "/api/v1/stats"

	for _, authorization := range []string{"", "Basic d3Jvbmc="} {
		response, body := get(t, clientFor(nil), url, authorization)
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		require.NotContains(t, body, "sesame")
		var problem console.Problem
		require.NoError(t, json.Unmarshal([]byte(body), &problem))
		require.Equal(t, http.StatusUnauthorized, problem.Status)
	}
	response, _ := get(t, clientFor(nil), url, "Basic c2VzYW1l")
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestUnreadableBodiesAreRefused(t *testing.T) {
	s, _ := start(t, testConfig(), newFakeHost())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address.String()+"/api/v1/stats", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Content-Encoding", "gzip")
	response, err := clientFor(nil).Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
}

func TestTLS(t *testing.T) {
	certificate, key, pool := testCertificate(t)
	cfg := testConfig()
	cfg.HTTP.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{CertFile: certificate, KeyFile: key}})
	s, _ := start(t, cfg, newFakeHost())

	response, _ := get(t, clientFor(&tls.Config{RootCAs: pool, ServerName: "example.com"}), "https://"+s.address.String()+"/", "")
	require.Equal(t, http.StatusOK, response.StatusCode)

	response, _ = get(t, clientFor(nil), "http://"+s.address.String()+"/", "")
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "plain HTTP is not answered")
}

// testCertificate writes the certificate that net/http/httptest has for its own servers.
func testCertificate(t *testing.T) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	der, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	certificate, key = filepath.Join(t.TempDir(), "server.crt"), filepath.Join(t.TempDir(), "server.key")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(certificate, block, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	pool = x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return certificate, key, pool
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, tc := range map[string]struct {
		change func(*Config, *fakeHost)
		want   string
	}{
		"no operations extension": {
			func(_ *Config, h *fakeHost) { delete(h.extensions, operationsID) },
			"`operations` is \"operations\", but no such extension is running: declare it under `extensions` and list it under `service::extensions`",
		},
		"another extension": {
			func(c *Config, _ *fakeHost) { c.Operations = authID },
			"`operations` is \"stubauth\", which is not an operations extension",
		},
		"no authenticator": {
			func(c *Config, _ *fakeHost) {
				c.HTTP.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: component.MustNewID("absent")}})
			},
			"the console cannot be set up: failed to resolve authenticator \"absent\"",
		},
		"taken endpoint": {
			func(c *Config, _ *fakeHost) { c.HTTP.NetAddr.Endpoint = taken.Addr().String() },
			"the console cannot listen at `endpoint` \"" + taken.Addr().String() + "\"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, host := testConfig(), newFakeHost()
			tc.change(cfg, host)
			s, _ := newServer(t, cfg)
			require.ErrorContains(t, s.Start(t.Context(), host), tc.want)
			require.NoError(t, s.Shutdown(t.Context()))
		})
	}
}

func TestDependencies(t *testing.T) {
	cfg := testConfig()
	s, _ := newServer(t, cfg)
	require.Equal(t, []component.ID{operationsID}, s.Dependencies())
	cfg.HTTP.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: authID}})
	require.Equal(t, []component.ID{operationsID, authID}, s.Dependencies())
	require.Implements(t, (*extensioncapabilities.Dependent)(nil), extension.Extension(s))
}

func TestAFailedListenerIsReported(t *testing.T) {
	host := newFakeHost()
	s, logs := newServer(t, testConfig())
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	require.NoError(t, err)
	s.http, s.served = &http.Server{ReadHeaderTimeout: time.Second}, make(chan struct{})
	require.NoError(t, listener.Close())
	s.serve(listener, host)

	event := <-host.status
	require.Equal(t, componentstatus.StatusFatalError, event.Status())
	require.ErrorIs(t, event.Err(), net.ErrClosed)
	require.Equal(t, 1, logs.FilterLevelExact(zap.ErrorLevel).Len())
	require.NoError(t, s.Shutdown(t.Context()))
}

func TestFaultsAreLogged(t *testing.T) {
	host := newFakeHost()
	host.extensions[operationsID] = &fakeOperations{before: func(context.Context) error { return errors.New("out of order") }}
	s, logs := start(t, testConfig(), host)
	response, body := get(t, clientFor(nil), "http://"+s.address.String()+"/api/v1/stats", "")
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.NotContains(t, body, "out of order")
	entries := logs.FilterField(zap.String("route", "/api/v1/stats")).All()
	require.Len(t, entries, 1)
	require.Equal(t, "out of order", entries[0].ContextMap()["error"])
}

func TestOpenToEveryoneIsSaid(t *testing.T) {
	s, logs := newServer(t, testConfig())
	s.address = &net.TCPAddr{IP: net.IPv4zero, Port: 8321}
	s.announce()
	require.Equal(t, 1, logs.FilterLevelExact(zap.WarnLevel).Len())

	s.config.HTTP.Auth = configoptional.Some(confighttp.AuthConfig{})
	s.announce()
	require.Equal(t, 1, logs.FilterLevelExact(zap.WarnLevel).Len())
}

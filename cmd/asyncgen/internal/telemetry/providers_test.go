package telemetry

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/throughline/throughline/cmd/asyncgen/internal/otlptest"
)

func TestDialNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	endpoint := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = Dial(context.Background(), Connection{Endpoint: endpoint, Insecure: true, Timeout: 50 * time.Millisecond})
	require.EqualError(t, err, `no OTLP/gRPC server could be reached at "`+endpoint+
		`" within 50ms (is it running, and does it accept clear text? --insecure=false uses TLS)`)
	_, err = Dial(expired(), Connection{Endpoint: endpoint, Insecure: true, Timeout: time.Minute})
	require.ErrorIs(t, err, context.Canceled)
}

// selfSigned returns a certificate for 127.0.0.1 and the file that holds it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestDialTLS(t *testing.T) {
	certificate, file := selfSigned(t)
	server := otlptest.Start(t, grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	conn, err := Dial(context.Background(), Connection{Endpoint: server.Endpoint, CAFile: file, Timeout: 10 * time.Second})
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	_, err = Dial(context.Background(), Connection{Endpoint: server.Endpoint, Timeout: 300 * time.Millisecond})
	require.ErrorContains(t, err, "is its certificate trusted?")
	_, err = Dial(context.Background(), Connection{Endpoint: server.Endpoint, CAFile: "missing.pem", Timeout: time.Second})
	require.ErrorContains(t, err, "--ca-file: open missing.pem")
	junk := filepath.Join(t.TempDir(), "junk.pem")
	require.NoError(t, os.WriteFile(junk, []byte("junk"), 0o600))
	_, err = Dial(context.Background(), Connection{Endpoint: server.Endpoint, CAFile: junk, Timeout: time.Second})
	require.EqualError(t, err, `--ca-file "`+junk+`": no PEM certificate in it`)
}

// start connects to the server and sets up two services.
func start(t *testing.T, server *otlptest.Server) *Providers {
	t.Helper()
	conn, err := Dial(context.Background(), Connection{Endpoint: server.Endpoint, Insecure: true, Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	p, err := New(context.Background(), conn, []Service{{Name: "order-api", Instance: "order-api-1"}, {Name: "payment-worker", Instance: "payment-worker-1"}})
	require.NoError(t, err)
	return p
}

// work lets each service emit one span with a log record in it.
func work(p *Providers) {
	for _, service := range []string{"order-api", "payment-worker"} {
		ctx, span := p.Tracer(service).Start(context.Background(), "work of "+service)
		var record log.Record
		record.SetBody(log.StringValue("line of " + service))
		p.Logger(service).Emit(ctx, record)
		span.End()
	}
}

func TestEachServiceHasItsResource(t *testing.T) {
	server := otlptest.Start(t)
	p := start(t, server)
	work(p)
	require.NoError(t, p.Shutdown(context.Background()))
	require.Equal(t, Delivery{SpansSent: 2, LogsSent: 2}, p.Delivery())

	spans := map[string]string{}
	for _, traces := range server.Traces() {
		resource := traces.ResourceSpans().At(0)
		attributes := resource.Resource().Attributes().AsRaw()
		require.Equal(t, attributes["service.name"].(string)+"-1", attributes["service.instance.id"])
		require.Equal(t, ServiceVersion, attributes["service.version"])
		span := resource.ScopeSpans().At(0).Spans().At(0)
		require.Equal(t, ScopeName, resource.ScopeSpans().At(0).Scope().Name())
		require.Equal(t, "work of "+attributes["service.name"].(string), span.Name())
		spans["line of "+attributes["service.name"].(string)] = span.SpanID().String()
	}
	require.Len(t, spans, 2)
	for _, logs := range server.Logs() {
		record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		require.Equal(t, spans[record.Body().AsString()], record.SpanID().String())
	}
}

func TestExportsAreRetried(t *testing.T) {
	server := otlptest.Start(t)
	refusals := 4
	server.Refuse(func() error {
		if refusals--; refusals < 0 {
			return nil
		}
		return status.Error(codes.Unavailable, "restarting")
	})
	p := start(t, server)
	work(p)
	require.NoError(t, p.Shutdown(context.Background()))
	require.Equal(t, Delivery{SpansSent: 2, LogsSent: 2}, p.Delivery())
	require.Negative(t, refusals)
}

func TestRefusedExportsAreLost(t *testing.T) {
	server := otlptest.Start(t)
	server.Refuse(func() error { return status.Error(codes.InvalidArgument, "no") })
	p := start(t, server)
	work(p)
	require.NoError(t, p.Shutdown(context.Background()))
	d := p.Delivery()
	require.Equal(t, []int64{0, 2, 0, 2}, []int64{d.SpansSent, d.SpansLost, d.LogsSent, d.LogsLost})
	require.ErrorContains(t, d.LastError, "no")
}

func TestShutdownGivesUpInTime(t *testing.T) {
	server := otlptest.Start(t)
	release := make(chan struct{})
	server.Refuse(func() error { <-release; return nil })
	p := start(t, server)
	work(p)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Shutdown(ctx), context.DeadlineExceeded)
	close(release)
	require.Eventually(t, func() bool { return p.Delivery().SpansSent+p.Delivery().SpansLost == 2 }, 2*time.Minute, time.Millisecond)
}

func TestHeadersFromEnvironment(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20YTpi")
	var mu sync.Mutex
	got := map[string]int{}
	server := otlptest.Start(t, grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		got[strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), ",")]++
		return handle(ctx, request)
	}))
	p := start(t, server)
	work(p)
	require.NoError(t, p.Shutdown(context.Background()))
	require.Equal(t, map[string]int{"Basic YTpi": 4}, got)
}

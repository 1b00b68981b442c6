package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Connection says where and how to send.
type Connection struct {
	// Endpoint is host:port.
	Endpoint string
	// Insecure sends in clear text; otherwise TLS is used, with the system's roots or those of CAFile.
	Insecure bool
	CAFile   string
	// Timeout bounds the wait for the first connection.
	Timeout time.Duration
}

// Dial connects, so that a wrong endpoint is reported before anything is generated. The error
// names the endpoint, and wraps that of ctx if ctx ends first.
func Dial(ctx context.Context, c Connection) (*grpc.ClientConn, error) {
	transport, err := c.credentials()
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(c.Endpoint,
		grpc.WithTransportCredentials(transport),
		grpc.WithConnectParams(grpc.ConnectParams{
			// A collector that restarts in the middle of a run is to be found again quickly.
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", c.Endpoint, err)
	}
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(limited, state) {
			_ = conn.Close()
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("connecting to %q: %w", c.Endpoint, err)
			}
			return nil, fmt.Errorf("no OTLP/gRPC server could be reached at %q within %s (%s)", c.Endpoint, c.Timeout, c.hint())
		}
	}
	return conn, nil
}

func (c Connection) hint() string {
	if c.Insecure {
		return "is it running, and does it accept clear text? --insecure=false uses TLS"
	}
	return "is it running, does it speak TLS, and is its certificate trusted? --ca-file names further roots"
}

func (c Connection) credentials() (credentials.TransportCredentials, error) {
	if c.Insecure {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file %q: no PEM certificate in it", c.CAFile)
		}
	}
	return credentials.NewTLS(config), nil
}

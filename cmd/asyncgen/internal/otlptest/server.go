// Package otlptest is an OTLP/gRPC server for tests, which keeps what it receives.
//
// It speaks the real protocol through the collector's own service definitions, so that what a test sees is what a collector
// would see.
// It can refuse exports to show how a client copes.
package otlptest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
)

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	// Endpoint is host:port.
	Endpoint string

	mu     sync.Mutex
	refuse func() error
	traces []ptrace.Traces
	logs   []plog.Logs
}

// Start starts a server on a free port and stops it when the test ends.
func Start(tb testing.TB, options ...grpc.ServerOption) *Server {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	s := &Server{Endpoint: listener.Addr().String()}
	server := grpc.NewServer(options...)
	ptraceotlp.RegisterGRPCServer(server, &traceService{to: s})
	plogotlp.RegisterGRPCServer(server, &logService{to: s})
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	tb.Cleanup(func() {
		server.Stop()
		require.NoError(tb, <-done)
	})
	return s
}

// Refuse lets a function decide about every export: its error, if any, is what the client gets.
func (s *Server) Refuse(refuse func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// Traces returns the exports of spans that were accepted, in order of arrival.
func (s *Server) Traces() []ptrace.Traces {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ptrace.Traces(nil), s.traces...)
}

// Logs returns the exports of log records that were accepted, in order of arrival.
func (s *Server) Logs() []plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]plog.Logs(nil), s.logs...)
}

// accept calls keep unless the export is to be refused.
func (s *Server) accept(keep func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	keep()
	return nil
}

type traceService struct {
	ptraceotlp.UnimplementedGRPCServer
	to *Server
}

func (t *traceService) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), t.to.accept(func() { t.to.traces = append(t.to.traces, request.Traces()) })
}

type logService struct {
	plogotlp.UnimplementedGRPCServer
	to *Server
}

func (l *logService) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), l.to.accept(func() { l.to.logs = append(l.to.logs, request.Logs()) })
}

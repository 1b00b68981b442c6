package chaos

import (
	"context"
	"net"
	"sync"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what collectors compress with by default
)

// maxMessage is far above what a batch has, in bytes.
const maxMessage = 64 << 20

// server takes OTLP/gRPC for something.
type server struct {
	// Address is the host:port.
	Address string

	server  *grpc.Server
	serving sync.WaitGroup
}

func serve(traces ptraceotlp.GRPCServer, logs plogotlp.GRPCServer) (*server, error) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return nil, err
	}
	s := &server{Address: listener.Addr().String(), server: grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))}
	ptraceotlp.RegisterGRPCServer(s.server, traces)
	plogotlp.RegisterGRPCServer(s.server, logs)
	s.serving.Go(func() {
		// It ends when it is stopped; whatever else ended it shows in those who send.
		_ = s.server.Serve(listener)
	})
	return s, nil
}

// Stop ends the server and waits for it.
func (s *server) Stop() {
	s.server.Stop()
	s.serving.Wait()
}

// Sink is an OTLP/gRPC server that writes into a ledger and acknowledges all.
type Sink struct {
	*server
	*Ledger
}

// StartSink starts one on a free port. Stop ends it.
func StartSink() (*Sink, error) {
	sink := &Sink{Ledger: NewLedger()}
	var err error
	sink.server, err = serve(&sinkTraces{ledger: sink.Ledger}, &sinkLogs{ledger: sink.Ledger})
	return sink, err
}

type sinkTraces struct {
	ptraceotlp.UnimplementedGRPCServer
	ledger *Ledger
}

// Export implements ptraceotlp.GRPCServer.
func (s *sinkTraces) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.ledger.TakeTraces(request.Traces())
	return ptraceotlp.NewExportResponse(), nil
}

type sinkLogs struct {
	plogotlp.UnimplementedGRPCServer
	ledger *Ledger
}

// Export implements plogotlp.GRPCServer.
func (s *sinkLogs) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.ledger.TakeLogs(request.Logs())
	return plogotlp.NewExportResponse(), nil
}

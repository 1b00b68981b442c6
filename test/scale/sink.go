package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the collector's exporter compresses with by default
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// exportTraces is the OTLP method for spans.
const exportTraces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// raw passes messages on as bytes: neither what sends nor what receives may cost much beside the collector between them.
type raw struct{}

// Name implements encoding.CodecV2; it is the name of what the bytes are.
func (raw) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

// Unmarshal implements encoding.CodecV2.
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// sink is an OTLP server that counts spans and forgets them.
type sink struct {
	address string
	server  *grpc.Server
	serving sync.WaitGroup
	spans   atomic.Int64
	broken  atomic.Int64
}

const maxMessage = 64 << 20

func newSink(ctx context.Context) (*sink, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "localhost:0")
	if err != nil {
		return nil, err
	}
	s := &sink{address: listener.Addr().String()}
	s.server = grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.MaxRecvMsgSize(maxMessage), grpc.UnknownServiceHandler(s.take))
	s.serving.Go(func() {
		if s.server.Serve(listener) != nil {
			s.broken.Add(1)
		}
	})
	return s, nil
}

// stop ends the server and waits for it.
func (s *sink) stop() {
	s.server.Stop()
	s.serving.Wait()
}

// take answers any call of any service with an empty message, which is what OTLP calls a success.
func (s *sink) take(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if method, _ := grpc.MethodFromServerStream(stream); method == exportTraces {
		n, err := countSpans(request)
		if err != nil {
			s.broken.Add(1)
			return err
		}
		s.spans.Add(int64(n))
	}
	return stream.SendMsg(new([]byte))
}

var errBroken = errors.New("no OTLP export request")

// spanPath are the numbers of the fields that lead to a span: resource_spans, scope_spans, spans.
var spanPath = []protowire.Number{1, 2, 2}

// countSpans counts the spans of an OTLP export request without reading them.
func countSpans(request []byte) (int, error) { return count(request, spanPath) }

func count(data []byte, path []protowire.Number) (int, error) {
	n := 0
	for len(data) > 0 {
		number, kind, length := protowire.ConsumeTag(data)
		if length < 0 {
			return 0, errBroken
		}
		data = data[length:]
		if number != path[0] || kind != protowire.BytesType {
			if length = protowire.ConsumeFieldValue(number, kind, data); length < 0 {
				return 0, errBroken
			}
			data = data[length:]
			continue
		}
		inner, length := protowire.ConsumeBytes(data)
		if length < 0 {
			return 0, errBroken
		}
		data = data[length:]
		if len(path) == 1 {
			n++
			continue
		}
		found, err := count(inner, path[1:])
		if err != nil {
			return 0, err
		}
		n += found
	}
	return n, nil
}

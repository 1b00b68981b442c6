//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/throughline/throughline/test/verdict"
)

const (
	protobuf  = "application/x-protobuf"
	jsonText  = "application/json"
	mutations = 400
)

// TestBadInput sends what no service should, and sees that nothing of it is refused that is well-formed, nothing breaks,
// each thing is counted by its reason, and what is right is still judged right.
func TestBadInput(t *testing.T) {
	s := start(t, setup{})
	t.Run("malformed over HTTP", func(t *testing.T) { sendMalformedHTTP(t, s) })
	t.Run("malformed over gRPC", func(t *testing.T) { sendMalformedGRPC(t, s) })
	for _, c := range badTraces() {
		t.Run(c.name, func(t *testing.T) { s.sendBad(t, "traces", c.reason, c.request()) })
	}
	for _, c := range badLogs() {
		t.Run(c.name, func(t *testing.T) { s.sendBad(t, "logs", c.reason, c.request()) })
	}
	t.Run("mutations", func(t *testing.T) { sendMutations(t, s) })

	select {
	case <-s.collector.Exited():
		require.Fail(t, "the collector ended")
	default:
	}
	require.Zero(t, s.metrics(t).sum("otelcol_correlation_failures"), "a defect was met")
	junk, err := s.api.Operations(t.Context())
	require.NoError(t, err)
	truths := s.generate(t, "--operations", "200", "--rate", "100", "--seed", "41")
	await(t, verdictTimeout, "right verdicts on the traffic that is well-formed", func() error {
		judged, err := s.api.Operations(t.Context())
		if err != nil {
			return err
		}
		return compare(truths, without(judged, junk)).err()
	})
	require.Zero(t, s.metrics(t).sum("otelcol_correlation_failures"), "a defect was met")
}

// without leaves out the operations that bad input made.
func without(judged, junk []verdict.Operation) []verdict.Operation {
	return slices.DeleteFunc(judged, func(op verdict.Operation) bool {
		return slices.ContainsFunc(junk, func(j verdict.Operation) bool { return j.ID == op.ID && j.Namespace == op.Namespace })
	})
}

// sendBad sends a well-formed request over HTTP, as protobuf and as JSON, and over gRPC: each must be accepted whole, and
// each must be counted under the reason if there is one.
func (s *stand) sendBad(t *testing.T, signal, reason string, body marshaler) {
	t.Helper()
	before := s.ignored(t, signal, reason)
	binary, err := body.MarshalProto()
	require.NoError(t, err)
	text, err := body.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.post(t, signal, protobuf, binary))
	afterHTTP := s.ignored(t, signal, reason)
	require.Equal(t, http.StatusOK, s.post(t, signal, jsonText, text))
	afterJSON := s.ignored(t, signal, reason)
	require.NoError(t, s.call(t, signal, binary))
	if reason == "" {
		return
	}
	require.Greater(t, afterHTTP, before, "protobuf over HTTP is not counted as %s", reason)
	require.Greater(t, afterJSON, afterHTTP, "JSON over HTTP is not counted as %s", reason)
	require.Greater(t, s.ignored(t, signal, reason), afterJSON, "gRPC is not counted as %s", reason)
}

// marshaler is an export request.
type marshaler interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

var (
	_ marshaler = ptraceotlp.ExportRequest{}
	_ marshaler = plogotlp.ExportRequest{}
)

// ignored is how often the collector counted something of the signal under the reason; "" is none.
func (s *stand) ignored(t *testing.T, signal, reason string) float64 {
	t.Helper()
	if reason == "" {
		return 0
	}
	return s.metrics(t).sum("otelcol_correlation_ignored", `signal="`+signal+`"`, `reason="`+reason+`"`)
}

// post sends a body to the OTLP/HTTP end point of the signal and returns the status.
func (s *stand) post(t *testing.T, signal, contentType string, body []byte) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.collector.OTLPHTTP+"/v1/"+signal, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err, "the collector does not answer")
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

var exportMethods = map[string]string{
	"traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	"logs":   "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

// call sends bytes as they are to the OTLP/gRPC end point of the signal.
func (s *stand) call(t *testing.T, signal string, body []byte) error {
	t.Helper()
	conn, err := grpc.NewClient(s.collector.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	var answer []byte
	return conn.Invoke(t.Context(), exportMethods[signal], &body, &answer, grpc.ForceCodec(asIs{}), grpc.MaxCallSendMsgSize(64<<20))
}

// asIs is a gRPC codec that leaves messages alone.
type asIs struct{}

func (asIs) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (asIs) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

func (asIs) Name() string { return "proto" }

func sendMalformedHTTP(t *testing.T, s *stand) {
	t.Helper()
	whole, err := badTraces()[0].request().MarshalProto()
	require.NoError(t, err)
	for _, signal := range []string{"traces", "logs"} {
		for name, body := range map[string][]byte{
			"truncated":     whole[:len(whole)-3],
			"garbage":       []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
			"wrong field":   []byte("\x0a\xff\xff\xff\xff\x0f"),
			"html":          []byte("<html></html>"),
			"binary zeroes": make([]byte, 1<<16),
		} {
			require.Equal(t, http.StatusBadRequest, s.post(t, signal, protobuf, body), "%s: %s as protobuf", signal, name)
			// The receiver answers 500 where its own message would quote bytes that are no text.
			require.GreaterOrEqual(t, s.post(t, signal, jsonText, body), http.StatusBadRequest, "%s: %s as JSON", signal, name)
		}
		for _, text := range []string{
			`{"resourceSpans":`, `[]`, `"text"`, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":12}]}]}]`,
			`{"resourceLogs":{"scopeLogs":1}`, `{"resourceSpans":[}`,
		} {
			require.Equal(t, http.StatusBadRequest, s.post(t, signal, jsonText, []byte(text)), "%s: %s", signal, text)
		}
		require.Equal(t, http.StatusUnsupportedMediaType, s.post(t, signal, "text/plain", []byte("hello")))
	}
}

func sendMalformedGRPC(t *testing.T, s *stand) {
	t.Helper()
	whole, err := badTraces()[0].request().MarshalProto()
	require.NoError(t, err)
	for _, signal := range []string{"traces", "logs"} {
		for name, body := range map[string][]byte{
			"truncated": whole[:len(whole)-3], "garbage": []byte("\xff\xff\xff\xff\xff\xff"), "zeroes": make([]byte, 100),
		} {
			err := s.call(t, signal, body)
			require.Contains(t, []codes.Code{codes.Internal, codes.InvalidArgument}, status.Code(err), "%s: %s: %v", signal, name, err)
		}
	}
}

// sendMutations sends requests in which some bytes were changed at random. Whatever still decodes must be accepted.
func sendMutations(t *testing.T, s *stand) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	bodies := map[string][][]byte{}
	for _, c := range badTraces() {
		if body, err := c.request().MarshalProto(); err == nil && len(body) < 1<<16 && len(body) > 0 {
			bodies["traces"] = append(bodies["traces"], body)
		}
	}
	for _, c := range badLogs() {
		if body, err := c.request().MarshalProto(); err == nil && len(body) < 1<<16 && len(body) > 0 {
			bodies["logs"] = append(bodies["logs"], body)
		}
	}
	accepted := map[string]int{}
	for i := range mutations {
		signal := []string{"traces", "logs"}[i%2]
		body := slices.Clone(bodies[signal][random.IntN(len(bodies[signal]))])
		for range 1 + random.IntN(8) {
			body[random.IntN(len(body))] = byte(random.IntN(256))
		}
		code := s.post(t, signal, protobuf, body)
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, code, "%s %x", signal, body)
		accepted[fmt.Sprintf("%s: %d", signal, code)]++
	}
	t.Logf("answers to %d mutated requests: %v", mutations, accepted)
}

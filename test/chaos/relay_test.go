package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRelaySpreadsAndKnowsWhatWasAcknowledged(t *testing.T) {
	left, err := StartSink()
	require.NoError(t, err)
	defer left.Stop()
	right, err := StartSink()
	require.NoError(t, err)
	defer right.Stop()
	relay, err := StartRelay(left.Address, right.Address)
	require.NoError(t, err)
	defer func() { require.NoError(t, relay.Stop()) }()
	conn, err := grpc.NewClient(relay.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	client := ptraceotlp.NewGRPCClient(conn)
	send := func(n byte) error {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{n})
		span.SetSpanID(pcommon.SpanID{n})
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Duration(n) * time.Minute)))
		_, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
		return err
	}
	for n := range byte(6) {
		require.NoError(t, send(n))
	}
	require.Equal(t, 3, left.Tally().Originals)
	require.Equal(t, 3, right.Tally().Originals)
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequest())
	require.NoError(t, err)

	left.Stop()
	require.NoError(t, send(6))
	require.NoError(t, send(7))
	require.Equal(t, 5, right.Tally().Originals)
	stopped := time.Now()
	right.Stop()
	require.Error(t, send(8))
	require.Equal(t, 1, relay.Refused())

	require.Len(t, relay.Spans(), 8)
	traces := map[string]bool{}
	relay.AcknowledgedSince(stopped, traces)
	require.Empty(t, traces)
	relay.AcknowledgedSince(stopped.Add(-time.Minute), traces)
	require.Len(t, traces, 8)
	late := map[string]bool{}
	relay.Late(5*time.Minute, late)
	require.Equal(t, map[string]bool{pcommon.TraceID{5}.String(): true, pcommon.TraceID{6}.String(): true, pcommon.TraceID{7}.String(): true}, late)
}

package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestShiftMovesEveryTime(t *testing.T) {
	all := []Request{{
		Signal: SignalTraces, At: time.Unix(10, 0),
		Body: []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01000000000000000000000000000000","spanId":"0200000000000000",
			"startTimeUnixNano":"1000000000","endTimeUnixNano":"2000000000","attributes":[{"key":"eta","value":{"stringValue":"2026-11-21T03:17:27.5Z"}},{"key":"n","value":{"intValue":"7"}}],"events":[{"timeUnixNano":"1500000000","name":"e"}]}]}]}]}`),
	}, {
		Signal: SignalLogs, At: time.Unix(11, 0),
		Body: []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"3000000000","body":{"stringValue":"b"}}]}]}]}`),
	}}
	moved, err := Shift(all, time.Minute)
	require.NoError(t, err)
	require.Equal(t, time.Unix(70, 0), moved[0].At)
	require.Equal(t, time.Unix(10, 0), all[0].At, "the recording itself stays")

	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(moved[0].Body)
	require.NoError(t, err)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	require.Equal(t, int64(61), span.StartTimestamp().AsTime().Unix())
	require.Equal(t, int64(62), span.EndTimestamp().AsTime().Unix())
	require.Equal(t, 61500*time.Millisecond, time.Duration(span.Events().At(0).Timestamp()))
	require.Equal(t, map[string]any{"eta": "2026-11-21T03:18:27.5Z", "n": int64(7)}, span.Attributes().AsRaw())
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(moved[1].Body)
	require.NoError(t, err)
	record := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, int64(63), record.Timestamp().AsTime().Unix())
	require.Zero(t, record.ObservedTimestamp(), "unknown stays unknown")

	_, err = Shift([]Request{{Signal: SignalLogs, Body: []byte("{")}}, time.Minute)
	require.ErrorContains(t, err, "request 1, logs")
}

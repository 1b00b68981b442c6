//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// sentTelemetry is what services sent, before anything else had seen it.
type sentTelemetry struct {
	spans map[string]*sentSpan
	// byMessage has the messaging spans of each message in order of time.
	byMessage map[string][]*sentSpan
	// logs are those of each span; loose are those of no span, by what they say is their operation.
	logs, loose map[string][]*sentLog
}

type sentSpan struct {
	ptrace.Span
	resource pcommon.Map
}

type sentLog struct {
	plog.LogRecord
	resource pcommon.Map
}

// The attributes of original telemetry that the model rests on.
const (
	keyMessageID    = "messaging.message.id"
	keyGroup        = "messaging.consumer.group.name"
	keyConversation = "messaging.message.conversation_id"
)

func text(m pcommon.Map, key string) string {
	value, ok := m.Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}

func (s *sentSpan) text(key string) string { return text(s.Attributes(), key) }

func newSentTelemetry() *sentTelemetry {
	return &sentTelemetry{
		spans: map[string]*sentSpan{}, byMessage: map[string][]*sentSpan{}, logs: map[string][]*sentLog{}, loose: map[string][]*sentLog{},
	}
}

func (r *sentTelemetry) addTraces(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				span := &sentSpan{s, rs.Resource().Attributes()}
				r.spans[s.SpanID().String()] = span
				if id := span.text(keyMessageID); id != "" {
					r.byMessage[id] = append(r.byMessage[id], span)
				}
			}
		}
	}
}

func (r *sentTelemetry) addLogs(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				record := &sentLog{l, rl.Resource().Attributes()}
				if l.SpanID().IsEmpty() {
					id := text(l.Attributes(), keyConversation)
					r.loose[id] = append(r.loose[id], record)
					continue
				}
				r.logs[l.SpanID().String()] = append(r.logs[l.SpanID().String()], record)
			}
		}
	}
}

// sort brings the spans of each message into the order of time.
func (r *sentTelemetry) sort() {
	for _, spans := range r.byMessage {
		slices.SortStableFunc(spans, func(a, b *sentSpan) int { return int(int64(a.StartTimestamp()) - int64(b.StartTimestamp())) })
	}
}

// readSent reads what the file exporter wrote.
func readSent(t *testing.T, tracesPath, logsPath string) *sentTelemetry {
	t.Helper()
	sent := newSentTelemetry()
	eachLine(t, tracesPath, func(line []byte) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		require.NoError(t, err)
		sent.addTraces(td)
	})
	eachLine(t, logsPath, func(line []byte) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		require.NoError(t, err)
		sent.addLogs(ld)
	})
	sent.sort()
	return sent
}

// eachLine calls the function with every line that is written to its end.
func eachLine(t *testing.T, path string, see func(line []byte)) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		see(line)
	}
}

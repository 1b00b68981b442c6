package evidence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

// Who speaks has the same names in facts as ServiceOf gives.
func TestServiceOfIsThatOfFacts(t *testing.T) {
	x, err := NewExtractor(Config{CorrelationKeys: DefaultCorrelationKeys()})
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		for _, key := range []string{"service.name", "service.instance.id", "host.name", "process.pid"} {
			switch rapid.IntRange(0, 4).Draw(t, key) {
			case 0:
				rs.Resource().Attributes().PutStr(key, "some")
			case 1:
				rs.Resource().Attributes().PutInt(key, 42)
			case 2:
				rs.Resource().Attributes().PutStr(key, strings.Repeat("long", 100))
			case 3:
				rs.Resource().Attributes().PutBool(key, true)
			}
		}
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{1})
		span.SetKind(ptrace.SpanKindProducer)
		span.SetStartTimestamp(1e18)
		span.SetEndTimestamp(1e18)
		var b Batch
		x.Traces(&b, td)
		require.Len(t, b.Facts, 1)
		service, instance := ServiceOf(rs.Resource().Attributes())
		require.Equal(t, b.Facts[0].Service, service)
		require.Equal(t, b.Facts[0].Instance, instance)
	})
}

package evidence

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// severalRecords builds logs of a service that says the same over and over.
func severalRecords(n int, change ...func(plog.LogRecord)) plog.Logs {
	ld := oneRecord(change...)
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for range n - 1 {
		records.At(0).CopyTo(records.AppendEmpty())
	}
	return ld
}

const (
	plainLine = "GET /api/v1/products/4711 200 in 12.3 ms, 4 rows, cache miss, user agent Mozilla/5.0"
	jsonLine  = `{"level":30,"time":1700000000000,"pid":4711,"hostname":"web-7f9c","reqId":"a-1","req":{"method":"GET","url":"/api"},"msg":"request completed","responseTime":12.3}`
)

// allOn has every kind of pattern, none of which the plain lines match.
func allOn() LogConfig {
	return LogConfig{
		DefaultPatterns: true,
		IDPatterns:      []string{`\border[ =#](?P<id>\d+)`},
		Patterns: []LogPattern{
			{Event: "started", Message: `^charging card for order (?P<id>\d+)`},
			{Event: "retrying", Message: `attempt (?P<attempt>\d+) of (?P<max_attempts>\d+) failed: (?P<error>.*)`, MinSeverity: "warn"},
			{Event: "succeeded", Message: `(?i)\b(charged|captured) (?P<id>\d+)`},
		},
	}
}

// quietLines are records that are no evidence, by kind.
func quietLines() map[string]plog.Logs {
	info, attributes := severity(plog.SeverityNumberInfo), fields(false, map[string]any{"thread.name": "main", "code.function": "f", "http.route": "/api"})
	return map[string]plog.Logs{
		"plain":   severalRecords(100, info, attributes, body(plainLine)),
		"JSON":    severalRecords(100, body(jsonLine)),
		"map":     severalRecords(100, info, fields(true, map[string]any{"msg": "request completed", "url": "/api", "status": "200"})),
		"warning": severalRecords(100, severity(plog.SeverityNumberWarn), attributes, body(plainLine)),
	}
}

// TestLinesThatAreNoEvidenceCostNoAllocation holds with every feature on.
func TestLinesThatAreNoEvidenceCostNoAllocation(t *testing.T) {
	for name, ld := range quietLines() {
		for patterns, logs := range map[string]LogConfig{"off": {}, "on": allOn()} {
			x, b := reading(t, logs), &Batch{}
			x.Logs(b, ld)
			require.Empty(t, b.Facts)
			require.Zero(t, testing.AllocsPerRun(20, func() { x.Logs(b, ld) }), "%s, patterns %s", name, patterns)
		}
	}
}

func BenchmarkLogs(b *testing.B) {
	all := quietLines()
	all["evidence"] = severalRecords(100, traced, attribute("order.id", "o-1"), body("charging card"))
	all["evidence in JSON"] = severalRecords(100, body(`{"level":50,"order.id":"o-1","msg":"charge failed","err":{"type":"E","message":"m","stack":"E: m\n at f"}}`))
	all["evidence by pattern"] = severalRecords(100, severity(plog.SeverityNumberInfo), body("charging card for order 4711"))
	for _, patterns := range []bool{false, true} {
		var logs LogConfig
		if patterns {
			logs = allOn()
		}
		x := reading(b, logs)
		for name, ld := range all {
			b.Run(fmt.Sprintf("%s/patterns=%v", name, patterns), func(b *testing.B) {
				batch := &Batch{}
				b.ReportAllocs()
				for b.Loop() {
					batch.Reset()
					x.Logs(batch, ld)
				}
				b.ReportMetric(float64(b.Elapsed())/float64(b.N*ld.LogRecordCount()), "ns/record")
			})
		}
	}
}

// BenchmarkUnmarshalLogs is what the cost of reading compares with.
func BenchmarkUnmarshalLogs(b *testing.B) {
	for name, ld := range quietLines() {
		data, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*ld.LogRecordCount()), "ns/record")
		})
	}
}

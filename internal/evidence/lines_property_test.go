package evidence

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// anyField draws a value as loggers write them, and as they do not.
func anyField(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Int(), func(n int) any { return n }),
		rapid.SampledFrom([]any{nil, true, 1.5, "", nodeStack, pythonStack, javaStack, rubyStack, "0a0b0c0d0e0f00010203040506070809", "E: x", "99h"}),
	)
	if depth == 0 {
		return leaf
	}
	key := rapid.SampledFrom([]string{"type", "message", "stack", "frames", "class", "method", "line", "x"})
	return rapid.OneOf(leaf, rapid.Map(rapid.MapOfN(key, anyField(depth-1), 0, 4), func(m map[string]any) any { return m }),
		rapid.Map(rapid.SliceOfN(anyField(depth-1), 0, 4), func(s []any) any { return s }))
}

// TestWhateverLoggersWriteIsReadWithinBounds draws records of the fields that mean something, as attributes, as a map and as
// JSON, whole and cut off, and requires that the facts are sound and that reading them twice says the same.
func TestWhateverLoggersWriteIsReadWithinBounds(t *testing.T) {
	var keys []string
	for _, names := range words {
		keys = append(keys, names...)
	}
	keys = append(keys, "order.id", "tenant", "delay", "due", "exception.type", "messaging.message.id", "job_id", "event.name")
	all := rapid.MapOfN(rapid.SampledFrom(keys), anyField(2), 0, 8)
	x := everything(t)
	rapid.Check(t, func(r *rapid.T) {
		ld := oneRecord(severity(plog.SeverityNumber(rapid.Int32Range(-1, 30).Draw(r, "severity"))), fields(false, all.Draw(r, "attributes")))
		record := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		fields(true, all.Draw(r, "body"))(record)
		if rapid.Bool().Draw(r, "JSON") {
			text := record.Body().AsString()
			record.Body().SetStr(text[:rapid.IntRange(0, len(text)).Draw(r, "cut")])
		}
		first, second := &Batch{}, &Batch{}
		x.Logs(first, ld)
		x.Logs(second, ld)
		requireSound(t, first)
		require.Equal(t, first.Facts, second.Facts)
	})
}

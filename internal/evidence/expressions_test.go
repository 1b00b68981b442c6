package evidence

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/throughline/throughline/internal/operation"
)

// asking is an extractor with expressions for spans: what is called "ignored" is, what is called "broken" cannot be
// evaluated, and the name of any other is an ID.
func asking(t *testing.T) *Extractor {
	x, err := NewExtractor(Config{CorrelationKeys: []string{"order.id"}, Expressions: Expressions{
		SpanIDs: 1, Span: func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span, found *Found) {
			switch s.Name() {
			case "ignored":
				found.Ignored = true
			case "broken":
				found.Failed = 2
			default:
				found.ID(0, s.Name())
			}
		},
	}})
	require.NoError(t, err)
	return x
}

func named(name string) func(ptrace.Span) { return func(s ptrace.Span) { s.SetName(name) } }

func TestExpressionsForSpans(t *testing.T) {
	for name, want := range map[string][]string{"o-1": {"o-1"}, "broken": {""}, "ignored": {}, "null": {""}} {
		td, b := oneSpan(ptrace.SpanKindProducer, nil, named(name)), &Batch{}
		asking(t).Traces(b, td)
		ids := []string{}
		for i := range b.Facts {
			ids = append(ids, b.Facts[i].ID)
		}
		require.Equal(t, want, ids, name)
		require.Equal(t, name == "ignored", b.Ignored(Ref{}))
		require.Equal(t, map[string]int{"broken": 2}[name], b.Dropped[DropExpression])
		require.Equal(t, map[string]int{"null": 1}[name], b.Dropped[DropJunkID])
	}
}

func TestAnIgnoredSpanIsNoParentThatNeverCame(t *testing.T) {
	for _, childFirst := range []bool{true, false} {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		add := func(name string, id, parent pcommon.SpanID) {
			oneSpan(ptrace.SpanKindInternal, nil, named(name)).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(spans.AppendEmpty())
			s := spans.At(spans.Len() - 1)
			s.SetSpanID(id)
			s.SetParentSpanID(parent)
		}
		parent, child := pcommon.SpanID{1}, pcommon.SpanID{2}
		if childFirst {
			add("broken", child, parent)
			add("ignored", parent, pcommon.SpanID{3})
		} else {
			add("ignored", parent, pcommon.SpanID{3})
			add("broken", child, parent)
		}
		b := &Batch{}
		asking(t).Traces(b, td)
		require.Empty(t, b.Facts)
	}
}

func TestExpressionsForUnfinishedSpans(t *testing.T) {
	for name, want := range map[string]string{"o-1": "o-1", "broken": "", "ignored": "none"} {
		body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(oneSpan(ptrace.SpanKindConsumer, nil, named(name)))
		require.NoError(t, err)
		ld := oneRecord(attribute("partial.event", "heartbeat"), attribute("partial.body.type", "json/v1"), func(r plog.LogRecord) { r.Body().SetStr(string(body)) })
		b := &Batch{}
		asking(t).Logs(b, ld)
		if want == "none" {
			require.Empty(t, b.Facts)
			require.True(t, b.Ignored(Ref{}))
			continue
		}
		require.Len(t, b.Facts, 2)
		require.Equal(t, []string{want, want}, []string{b.Facts[0].ID, b.Facts[1].ID})
	}
}

// TestFactsKeepNoBodyInMemory: no text of a fact is a part of the body it was read from, unless that is all there is of it.
func TestFactsKeepNoBodyInMemory(t *testing.T) {
	rest := `,"rest":"` + strings.Repeat("x", maxBody/2) + `"}`
	long := strings.Repeat(" and so on", maxBody/10)
	for name, text := range map[string]string{
		"fields": `{"order.id":"o-1","messaging.destination.name":"q","level":50,"msg":"charge failed","err":"TypeError: bad"` + rest,
		"stack":  `{"order.id":"o-1","level":50,"msg":"charge failed","stack":"Refused: bad\n    at f"` + rest,
		"object": `{"order.id":"o-1","level":50,"msg":"charge failed","err":{"type":"E","message":"m","stack":"s"}` + rest,
		"groups": "charging o-1 of j-1 on q failed: bad" + long,
	} {
		t.Run(name, func(t *testing.T) {
			x := reading(t, LogConfig{Patterns: []LogPattern{
				{Event: "failed", Message: `^charging (?P<id>\S+) of (?P<message_id>\S+) on (?P<destination>\S+) failed: (?P<error>\w+)`},
			}})
			facts, _ := factsBy(t, x, oneRecord(traced, func(r plog.LogRecord) {
				// pdata keeps this very text.
				r.Body().SetStr(text)
			}))
			require.Len(t, facts, 1)
			require.Equal(t, "o-1", facts[0].ID)
			requireApart(t, &facts[0], text)
		})
	}
}

// requireApart requires that no text of the fact lies within the other one.
func requireApart(t *testing.T, f *operation.Fact, text string) {
	t.Helper()
	from := uintptr(unsafe.Pointer(unsafe.StringData(text)))
	v := reflect.ValueOf(*f)
	for i := range v.NumField() {
		s, ok := reflect.TypeAssert[string](v.Field(i))
		if !ok || s == "" {
			continue
		}
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		require.False(t, at >= from && at < from+uintptr(len(text)), "%s is a part of the body", v.Type().Field(i).Name)
	}
}

package evidence

import (
	"regexp/syntax"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func reading(tb testing.TB, logs LogConfig) *Extractor {
	x, err := NewExtractor(Config{CorrelationKeys: []string{"order.id", "correlationId"}, Logs: logs})
	require.NoError(tb, err)
	return x
}

func factsBy(t *testing.T, x *Extractor, ld plog.Logs) ([]operation.Fact, *Batch) {
	b := &Batch{}
	x.Logs(b, ld)
	requireSound(t, b)
	return b.Facts, b
}

func TestIDsInTexts(t *testing.T) {
	x := reading(t, LogConfig{IDPatterns: []string{`order=(\w+)`, `(cart|basket)[ #](?P<id>[\w-]+)`}})
	for _, tc := range []struct {
		name      string
		change    func(plog.LogRecord)
		id, alias string
		rank      uint8
	}{
		{"logfmt", body(`level=info order=4711 msg="order paid"`), "4711", "", 2},
		{"a named group", body("paid basket c-9"), "c-9", "", 3},
		{"both", body("cart#c-9 became order=4711"), "4711", "c-9", 2},
		{"message of a map", fields(true, map[string]any{"msg": "order=4711", "x": "order=1"}), "4711", "", 2},
		{"message of JSON", body(`{"x":"order=1","message":"order=4711"}`), "4711", "", 2},
		{"JSON without a message", body(`{"x":{"y":"order=4711"}}`), "4711", "", 2},
		{"after the keys", func(r plog.LogRecord) { body("order=4711")(r); attribute("correlationId", "c-1")(r) }, "c-1", "4711", 1},
		{"an attribute, where there is no body", attribute("message", "order=4711"), "4711", "", 2},
		{"beyond what is searched", body(strings.Repeat("x", maxSearched) + "order=4711"), "", "", 0},
		{"another text", body("order 4711"), "", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, _ := factsBy(t, x, oneRecord(tc.change))
			if tc.id == "" {
				require.Empty(t, facts)
				return
			}
			require.Len(t, facts, 1)
			require.Equal(t, []any{tc.id, tc.alias, tc.rank}, []any{facts[0].ID, facts[0].Alias, facts[0].IDRank})
		})
	}
	_, b := factsBy(t, x, oneRecord(body("order=null")))
	require.Equal(t, 1, b.Dropped[DropJunkID])
}

func TestEveryEventOfAPattern(t *testing.T) {
	for event, want := range map[string]operation.Fact{
		"started":             {Kind: operation.KindStarted, Name: "async.process.started"},
		"succeeded":           {Kind: operation.KindSucceeded, Name: "async.process.completed"},
		"failed":              {Kind: operation.KindFailed, Name: "async.process.failed", ErrorMessage: "it is so"},
		"operation_completed": {Kind: operation.KindOperationCompleted, Name: "async.operation.completed"},
		"operation_failed":    {Kind: operation.KindOperationFailed, Name: "async.operation.failed"},
		"operation_cancelled": {Kind: operation.KindOperationCancelled, Name: "async.operation.cancelled"},
		"progress":            {Kind: operation.KindProgress, Name: "async.operation.progress"},
		"note":                {Kind: operation.KindLog, Name: "it is so"},
		"retrying": {
			Kind: operation.KindFailed, Outcome: operation.OutcomeError, Disposition: operation.DispositionRetry,
			Name: "async.process.retrying", ErrorMessage: "it is so",
		},
		"dead_lettered": {
			Kind: operation.KindFailed, Outcome: operation.OutcomeError, Disposition: operation.DispositionDeadLetter,
			Name: "async.process.dead_lettered", ErrorMessage: "it is so",
		},
	} {
		t.Run(event, func(t *testing.T) {
			want.At, want.Service, want.Instance, want.Trace, want.Span = int64(t0), "worker", "w-1", operation.TraceID(traceA), operation.SpanID(spanA)
			if want.Kind != operation.KindLog {
				want.Detail = "it is so"
			}
			facts, _ := factsBy(t, reading(t, LogConfig{Patterns: []LogPattern{{Event: event, Message: "is"}}}), oneRecord(traced, body("it is so")))
			require.Equal(t, []operation.Fact{want}, facts)
			if want.Kind == operation.KindLog {
				return
			}
			// The event name says the same.
			facts, _ = factsBy(t, reading(t, LogConfig{}), oneRecord(traced, body("it is so"), func(r plog.LogRecord) { r.SetEventName(want.Name) }))
			want.ErrorMessage = ""
			require.Equal(t, []operation.Fact{want}, facts)
		})
	}
	require.Len(t, LogEvents(), 11, "scheduled has a test of its own")
}

func TestWhichPatternMatches(t *testing.T) {
	x := reading(t, LogConfig{Patterns: []LogPattern{
		{Name: "scoped", Event: "started", Message: "begin", Scopes: []string{"com.acme.*", "queue"}},
		{Name: "by service", Event: "started", Message: "begin", Services: []string{"bill*"}},
		{Name: "severe", Event: "failed", MinSeverity: "error", Message: "broken"},
		{Name: "first", Event: "succeeded", Message: "broken|done"},
		{Name: "second", Event: "started", Message: "done"},
		{Name: "any error", Event: "failed", MinSeverity: "error"},
	}})
	for _, tc := range []struct {
		name, service, scope, text string
		severity                   plog.SeverityNumber
		want                       string
	}{
		{"scope", "a", "com.acme.Queue", "begin", 9, "scoped"},
		{"another scope", "a", "queue", "begin", 9, "scoped"},
		{"no scope but the service", "billing", "queues", "begin", 9, "by service"},
		{"neither", "a", "xcom.acme.Queue", "begin", 9, ""},
		{"severity", "a", "", "broken", 17, "severe"},
		{"not severe enough", "a", "", "broken", 13, "first"},
		{"no severity", "a", "", "broken", 0, "first"},
		{"the first counts", "a", "", "done", 9, "first"},
		{"severity alone", "a", "", "whatever", 21, "any error"},
		{"none", "a", "", "whatever", 13, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ld := oneRecord(traced, body(tc.text), severity(tc.severity))
			ld.ResourceLogs().At(0).Resource().Attributes().PutStr("service.name", tc.service)
			ld.ResourceLogs().At(0).ScopeLogs().At(0).Scope().SetName(tc.scope)
			facts, _ := factsBy(t, x, ld)
			if tc.want == "" {
				require.Equal(t, operation.KindLog, facts[0].Kind)
				return
			}
			require.Equal(t, tc.want, facts[0].Name)
		})
	}
}

func TestEventNamesComeBeforePatterns(t *testing.T) {
	x := reading(t, LogConfig{Patterns: []LogPattern{{Event: "failed", Message: "."}}})
	facts, _ := factsBy(t, x, oneRecord(event("async.process.completed"), body("x"), traced))
	require.Equal(t, operation.KindSucceeded, facts[0].Kind)
}

func TestWhatPatternsTakeFromARecord(t *testing.T) {
	x := reading(t, LogConfig{Patterns: []LogPattern{
		{
			Event: "retrying", Message: `^job (?P<message_id>\S+) of (?P<type>\w+) from (?P<system>\w+):(?P<destination>\w+)/(?P<group>\w+) for (?P<id>\S+): (?P<error>.*)`,
		},
		{Event: "failed", Message: "^try", Fields: map[string]string{
			"message_id": "job", "destination": "queue", "group": "pool", "system": "sys", "type": "kind", "error": "why", "attempt": "n", "max_attempts": "of",
		}},
	}})
	facts, _ := factsBy(t, x, oneRecord(traced, attribute("messaging.destination.name", "other"), body("job j-1 of mail from river:default/w for o-1: no smtp")))
	require.Equal(t, operation.Fact{
		Kind: operation.KindFailed, Outcome: operation.OutcomeError, Disposition: operation.DispositionRetry, At: int64(t0),
		Trace: operation.TraceID(traceA), Span: operation.SpanID(spanA), ID: "o-1", IDRank: 2, Service: "worker", Instance: "w-1", Name: "async.process.retrying",
		System: "river", Destination: "default", Group: "w", MessageID: "j-1", Type: "mail", ErrorMessage: "no smtp",
		Detail: "job j-1 of mail from river:default/w for o-1: no smtp",
	}, facts[0])

	values := map[string]any{
		"msg": "try", "job": "j-1", "queue": "default", "pool": "w", "sys": "river", "kind": "mail", "why": "no smtp", "n": 3, "of": 3,
	}
	want := operation.Fact{
		Kind: operation.KindFailed, Outcome: operation.OutcomeError, Disposition: operation.DispositionDeadLetter, At: int64(t0),
		Trace: operation.TraceID(traceA), Span: operation.SpanID(spanA), Service: "worker", Instance: "w-1", Name: "async.process.failed", Detail: "try",
		System: "river", Destination: "default", Group: "w", MessageID: "j-1", Type: "mail", ErrorMessage: "no smtp",
	}
	for where, change := range map[string]func(plog.LogRecord){
		"attributes": fields(false, values), "map": fields(true, values), "JSON": body(
			`{"msg":"try","job":"j-1","queue":"default","pool":"w","sys":"river","kind":"mail","why":"no smtp","n":3,"of":3}`),
	} {
		facts, _ := factsBy(t, x, oneRecord(traced, change))
		require.Equal(t, []operation.Fact{want}, facts, where)
	}
	values["n"] = 2
	facts, _ = factsBy(t, x, oneRecord(traced, fields(true, values)))
	require.Equal(t, operation.DispositionUnknown, facts[0].Disposition, "it is not the last attempt")
	values["n"], values["of"] = 3.0, "many"
	facts, _ = factsBy(t, x, oneRecord(traced, fields(true, values)))
	require.Equal(t, operation.DispositionUnknown, facts[0].Disposition, "nobody knows how many there are")
}

func TestTheLastAttemptByEventName(t *testing.T) {
	facts, _ := logFacts(t, oneRecord(traced, event("async.process.failed"), fields(false, map[string]any{"asynq.retry_count": 3, "asynq.max_retry": 3})))
	require.Equal(t, operation.DispositionDeadLetter, facts[0].Disposition)
	facts, _ = logFacts(t, oneRecord(traced, event("async.process.failed"), fields(false, map[string]any{"asynq.retry_count": 2, "asynq.max_retry": 3})))
	require.Equal(t, operation.DispositionUnknown, facts[0].Disposition)
}

func TestDelays(t *testing.T) {
	ms := LogPattern{Event: "scheduled", Message: "^ms( in (?P<delay>.*))?", Fields: map[string]string{"delay": "delayMs", "due": "at"}}
	s := LogPattern{Event: "scheduled", Message: "^s", Fields: map[string]string{"delay": "delaySeconds"}, DelayUnit: time.Second}
	x := reading(t, LogConfig{Patterns: []LogPattern{ms, s}})
	for _, tc := range []struct {
		name   string
		text   string
		fields map[string]any
		want   time.Duration
	}{
		{"milliseconds", "ms", map[string]any{"delayMs": 1500}, 1500 * time.Millisecond},
		{"seconds", "s", map[string]any{"delaySeconds": 2.5}, 2500 * time.Millisecond},
		{"text", "s", map[string]any{"delaySeconds": "7"}, 7 * time.Second},
		{"a duration", "s", map[string]any{"delaySeconds": "2m"}, 2 * time.Minute},
		{"a group", "ms in 1h30m", nil, 90 * time.Minute},
		{"due", "ms", map[string]any{"at": time.Unix(0, int64(t0)).Add(time.Minute).UTC().Format(time.RFC3339Nano)}, time.Minute},
		{"no number", "ms in a while", nil, -1},
		{"negative", "ms in -5s", nil, -1},
		{"beyond belief", "ms", map[string]any{"delayMs": 1e300}, -1},
		{"not a number", "ms in NaN", nil, -1},
		{"none", "ms", nil, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, _ := factsBy(t, x, oneRecord(traced, body(tc.text), fields(false, tc.fields)))
			require.Equal(t, operation.KindLog, facts[0].Kind)
			if tc.want < 0 {
				require.Zero(t, facts[0].Due)
				return
			}
			require.Equal(t, int64(t0)+int64(tc.want), facts[0].Due)
		})
	}
}

func TestDefaultPatterns(t *testing.T) {
	on, off := reading(t, LogConfig{DefaultPatterns: true}), reading(t, LogConfig{})
	for text, want := range map[string]bool{
		"payment retries exhausted, moved to DLQ":              true,
		"Message sent to dead letter queue orders.dlq":         true,
		"moving message to the dead-letter topic":              true,
		"Publishing to dead letter topic orders-dlt":           true,
		"routed to poison queue":                               true,
		"published to dlq":                                     true,
		"Retries exhausted for task 5":                         true,
		"Retries have been exhausted":                          true,
		"sent to billing":                                      false,
		"the dead letter queue is empty":                       false,
		"dlq connection failed":                                false,
		"retries left: 3":                                      false,
		"failed to publish: exhausted":                         false,
		"consumer connected to deadlock detector":              false,
		"2 entries exhausted":                                  false,
		"publishing message to dead letter exchange orders.dx": true,
	} {
		kind := operation.KindLog
		if want {
			kind = operation.KindFailed
		}
		facts, _ := factsBy(t, on, oneRecord(traced, severity(plog.SeverityNumberWarn), body(text)))
		require.Equal(t, kind, facts[0].Kind, text)
		require.Equal(t, want, facts[0].Disposition == operation.DispositionDeadLetter, text)
		for _, unlike := range []struct {
			x *Extractor
			n plog.SeverityNumber
		}{{on, plog.SeverityNumberInfo}, {on, 0}, {off, plog.SeverityNumberError}} {
			facts, _ = factsBy(t, unlike.x, oneRecord(traced, severity(unlike.n), body(text)))
			require.Equal(t, operation.KindLog, facts[0].Kind, text)
		}
	}
	own := reading(t, LogConfig{DefaultPatterns: true, Patterns: []LogPattern{{Event: "note", Message: "DLQ"}}})
	facts, _ := factsBy(t, own, oneRecord(traced, severity(plog.SeverityNumberWarn), body("moved to DLQ")))
	require.Equal(t, operation.KindLog, facts[0].Kind, "what is configured comes first")
}

func TestRanksOfAllThatFindsIDs(t *testing.T) {
	cfg := Config{
		CorrelationKeys: []string{"order.id", "correlationId"},
		Logs: LogConfig{IDPatterns: []string{`a=(\w+)`}, Patterns: []LogPattern{
			{Event: "started", Message: "start"}, {Event: "failed", Message: `fail (?P<id>\w+)`},
		}},
		Expressions: Expressions{SpanIDs: 2, LogIDs: 1, Log: func(_ plog.ResourceLogs, _ plog.ScopeLogs, _ plog.LogRecord, found *Found) { found.ID(0, "e-1") }},
	}
	x, err := NewExtractor(cfg)
	require.NoError(t, err)
	facts, _ := factsBy(t, x, oneRecord(body("fail f-1 a=a-1")))
	// The word f-1 ends at the hyphen.
	require.Equal(t, []any{"a", uint8(2), "f", uint8(3)}, []any{facts[0].ID, facts[0].IDRank, facts[0].Alias, facts[0].AliasRank})
	require.Equal(t, []any{operation.KindAlias, "e-1", uint8(6)}, []any{facts[1].Kind, facts[1].Alias, facts[1].AliasRank})

	cfg.Expressions.LogIDs = maxRank
	_, err = NewExtractor(cfg)
	require.ErrorContains(t, err, "at most 255 are allowed")
}

// TestWhatIsLookedForIsInEveryMatch: the search for literals never turns away what the expression matches.
func TestWhatIsLookedForIsInEveryMatch(t *testing.T) {
	part := rapid.SampledFrom([]string{
		"a", "Ab", "k", "S", "\u017f", "\u212a", "é", "\ufffd", "[ab]", "(?i:sk)", "(?i:É)", "(ab|Cd)", "(a|)", "(?:ab){2,3}", "x*", "x+", "x?", ".", `\b`, " ", "(?i:(ab|kS)x)",
		"(ab|ac|ad)", "(?i:abc|abd)",
	})
	text := rapid.StringOf(rapid.SampledFrom([]rune("abABcCdDkKsSxX \u017f\u212aéÉ")))
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, "parts"), "")
		if rapid.Bool().Draw(t, "fold") {
			source = "(?i)" + source
		}
		e, err := newExpression(source)
		require.NoError(t, err)
		s := text.Draw(t, "text")
		if rapid.Bool().Draw(t, "broken") {
			s += "\xff"
		}
		require.Equal(t, e.FindStringSubmatchIndex(s), e.find(s), "%q in %q", source, s)
	})
}

func TestWhatIsLookedFor(t *testing.T) {
	for source, want := range map[string][]literals{
		`order=(\w+)`:                {{any: []string{"order="}}},
		`(?i)to (the )?(dlq|poison)`: {{any: []string{"to "}, fold: true}, {any: []string{"dlq", "poison"}, fold: true}},
		`\d+|x`:                      nil,
		`.*`:                         nil,
		`(?:ab)+ c`:                  {{any: []string{" c"}}, {any: []string{"ab"}}},
	} {
		parsed, err := syntax.Parse(source, syntax.Perl)
		require.NoError(t, err)
		got := required(parsed)
		for i := range got {
			got[i].rare = nil
		}
		require.ElementsMatch(t, want, got, source)
	}
}

package evidence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/operation"
)

// fields sets the attributes, or the map body, of a record.
func fields(inBody bool, fields map[string]any) func(plog.LogRecord) {
	return func(r plog.LogRecord) {
		if inBody {
			_ = r.Body().SetEmptyMap().FromRaw(fields)
			return
		}
		_ = r.Attributes().FromRaw(fields)
	}
}

func severity(n plog.SeverityNumber) func(plog.LogRecord) {
	return func(r plog.LogRecord) { r.SetSeverityNumber(n) }
}

const (
	nodeStack   = "CardError: card declined\n    at charge (/app/charge.js:10:9)\n    at process (/app/worker.js:3:1)"
	javaStack   = "java.lang.IllegalStateException: card declined\n\tat com.acme.Charge.run(Charge.java:10)\nCaused by: java.io.IOException: x"
	dotnetStack = "System.InvalidOperationException: card declined\n ---> System.IO.IOException: x\n   at Acme.Charge.Run() in Charge.cs:line 10"
	pythonStack = "Traceback (most recent call last):\n  File \"charge.py\", line 10, in charge\n    raise CardError(\"card declined\")\n" +
		"shop.errors.CardError: card declined"
	rubyStack = "charge.rb:3:in 'charge': card declined (CardError)\n\tfrom worker.rb:9:in 'run'"
	goStack   = "card declined\nmain.charge\n\t/app/charge.go:10\nruntime.goexit"
)

// TestErrorsOfLoggers has records as the loggers write them, with everything they do.
func TestErrorsOfLoggers(t *testing.T) {
	for _, tc := range []struct {
		name, kind, message, stack string
		fields                     map[string]any
	}{
		{"pino", "CardError", "card declined", nodeStack, map[string]any{
			"level": 50, "time": 1700000000000, "pid": 1, "hostname": "w", "msg": "charge failed",
			"err": map[string]any{"type": "CardError", "message": "card declined", "stack": nodeStack, "code": 402},
		}},
		{"pino, flattened by a collector", "CardError", "card declined", nodeStack, map[string]any{
			"level": 50, "msg": "charge failed", "err.type": "CardError", "err.message": "card declined", "err.stack": nodeStack,
		}},
		{"bunyan", "CardError", "card declined", nodeStack, map[string]any{
			"level": 50, "v": 0, "name": "worker", "msg": "charge failed",
			"err": map[string]any{"message": "card declined", "name": "CardError", "stack": nodeStack},
		}},
		{"winston, errors with stack", "CardError", "card declined", nodeStack, map[string]any{
			"level": "error", "message": "charge failed", "stack": nodeStack,
		}},
		{"winston, error in the metadata", "CardError", "card declined", nodeStack, map[string]any{
			"level": "error", "message": "charge failed",
			"error": map[string]any{"name": "CardError", "message": "card declined", "stack": nodeStack},
		}},
		{"slog", "", "card declined", "", map[string]any{"level": "ERROR", "msg": "charge failed", "error": "card declined"}},
		{"slog, short", "", "card declined", "", map[string]any{"level": "ERROR+2", "msg": "charge failed", "err": "card declined"}},
		{"zap", "", "card declined", goStack, map[string]any{
			"level": "error", "ts": 1.7e9, "caller": "charge.go:10", "msg": "charge failed", "error": "card declined", "errorVerbose": goStack,
		}},
		{"zap, verbose alone", "", "card declined", goStack, map[string]any{"level": "dpanic", "msg": "charge failed", "errorVerbose": goStack}},
		{"logrus", "", "card declined", "", map[string]any{"level": "error", "msg": "charge failed", "error": "card declined"}},
		{"zerolog", "", "card declined", "", map[string]any{"level": "error", "message": "charge failed", "error": "card declined"}},
		{"log4j JsonLayout", "java.lang.IllegalStateException", "card declined", "\tat com.acme.Charge.run(Charge.java:10)\n\tat com.acme.Main.main(Main.java)",
			map[string]any{
				"level": "ERROR", "loggerName": "com.acme.Charge", "message": "charge failed", "thrown": map[string]any{
					"commonElementCount": 0, "localizedMessage": "card declined", "message": "card declined", "name": "java.lang.IllegalStateException",
					"extendedStackTrace": []any{
						map[string]any{"class": "com.acme.Charge", "method": "run", "file": "Charge.java", "line": 10, "exact": false},
						map[string]any{"class": "com.acme.Main", "method": "main", "file": "Main.java"},
					},
				},
			}},
		{"log4j, stack as text", "java.lang.IllegalStateException", "card declined", javaStack, map[string]any{
			"level": "ERROR", "message": "charge failed",
			"thrown": map[string]any{"name": "java.lang.IllegalStateException", "message": "card declined", "extendedStackTrace": javaStack},
		}},
		{"logback", "java.lang.IllegalStateException", "card declined", javaStack, map[string]any{
			"level": "ERROR", "level_value": 40000, "message": "charge failed", "stack_trace": javaStack,
		}},
		{"ECS", "java.lang.IllegalStateException", "card declined", javaStack, map[string]any{
			"log.level": "ERROR", "message": "charge failed", "error.type": "java.lang.IllegalStateException", "error.message": "card declined",
			"error.stack_trace": javaStack,
		}},
		{"JBoss", "java.lang.IllegalStateException", "card declined", "\tat com.acme.Charge.run", map[string]any{
			"level": "ERROR", "message": "charge failed", "exception": map[string]any{
				"exceptionType": "java.lang.IllegalStateException", "message": "card declined",
				"frames": []any{map[string]any{"class": "com.acme.Charge", "method": "run", "line": 10}},
			},
		}},
		{"structlog", "shop.errors.CardError", "card declined", pythonStack, map[string]any{
			"level": "error", "event": "charge failed", "exception": pythonStack,
		}},
		{"structlog, dict_tracebacks", "CardError", "card declined", "\tat charge(charge.py:10)", map[string]any{
			"level": "error", "event": "charge failed", "exception": []any{map[string]any{
				"exc_type": "CardError", "exc_value": "card declined", "syntax_error": nil,
				"frames": []any{map[string]any{"filename": "charge.py", "lineno": 10, "name": "charge"}},
			}},
		}},
		{"python-json-logger", "shop.errors.CardError", "card declined", pythonStack, map[string]any{
			"levelname": "ERROR", "message": "charge failed", "exc_info": pythonStack,
		}},
		{"Serilog, compact", "System.InvalidOperationException", "card declined", dotnetStack, map[string]any{
			"@l": "Error", "@m": "charge failed", "@x": dotnetStack,
		}},
		{"Serilog", "System.InvalidOperationException", "card declined", dotnetStack, map[string]any{
			"Level": "Error", "MessageTemplate": "charge {What}", "RenderedMessage": "charge failed", "Exception": dotnetStack,
		}},
		{".NET JSON console", "System.InvalidOperationException", "card declined", dotnetStack, map[string]any{
			"EventId": 0, "LogLevel": "Critical", "Category": "Acme.Charge", "Message": "charge failed", "Exception": dotnetStack,
		}},
		{"NLog, one line", "System.InvalidOperationException", "card declined", "", map[string]any{
			"level": "Error", "message": "charge failed", "exception": "System.InvalidOperationException: card declined",
		}},
		{"semantic_logger", "CardError", "card declined", "charge.rb:3\nworker.rb:9", map[string]any{
			"level": "error", "message": "charge failed",
			"exception": map[string]any{"name": "CardError", "message": "card declined", "stack_trace": []any{"charge.rb:3", "worker.rb:9"}},
		}},
		{"Ruby, full message", "CardError", "card declined", rubyStack, map[string]any{"level": "ERROR", "message": "charge failed", "error": rubyStack}},
		{"Sidekiq", "CardError", "card declined", "charge.rb:3\nworker.rb:9", map[string]any{
			"severity": "ERROR", "msg": "charge failed", "error_class": "CardError", "error_message": "card declined",
			"error_backtrace": []any{"charge.rb:3", "worker.rb:9"},
		}},
		{"monolog", "RuntimeException", "card declined", "", map[string]any{
			"level": 400, "message": "charge failed", "exception": map[string]any{"class": "RuntimeException", "message": "card declined", "code": 0},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := operation.Fact{Kind: operation.KindException, Severity: 17, Name: "charge failed", ErrorType: tc.kind, ErrorMessage: tc.message, Detail: tc.stack}
			if l, _ := tc.fields["LogLevel"].(string); l == "Critical" || tc.fields["level"] == "dpanic" {
				want.Severity = 21
			}
			for where, change := range map[string]func(plog.LogRecord){
				"attributes": fields(false, tc.fields), "map body": fields(true, tc.fields), "JSON body": func(r plog.LogRecord) {
					fields(true, tc.fields)(r)
					r.Body().SetStr(r.Body().AsString())
				},
			} {
				facts, _ := logFacts(t, oneRecord(traced, change))
				require.Len(t, facts, 1)
				f := facts[0]
				require.Equal(t, want, operation.Fact{
					Kind: f.Kind, Severity: f.Severity, Name: f.Name, ErrorType: f.ErrorType, ErrorMessage: f.ErrorMessage, Detail: f.Detail,
				}, where)
			}
		})
	}
}

func TestWhatIsNoError(t *testing.T) {
	for _, value := range []any{"", "null", "<nil>", "None", "NoneType: None", "false", false, true, nil, 0, map[string]any{}, []any{}} {
		facts, _ := logFacts(t, oneRecord(traced, severity(plog.SeverityNumberError), body("done"), fields(false, map[string]any{
			"error": value, "exc_info": value, "stack": value,
		})))
		require.Equal(t, operation.KindLog, facts[0].Kind, "%v", value)
		require.Empty(t, facts[0].ErrorMessage+facts[0].ErrorType, "%v", value)
	}
}

func TestWhenAnErrorCounts(t *testing.T) {
	for _, tc := range []struct {
		name     string
		severity plog.SeverityNumber
		fields   map[string]any
		kind     operation.Kind
		typ, msg string
	}{
		{"an error", plog.SeverityNumberError, map[string]any{"error": "no"}, operation.KindException, "", "no"},
		{"a warning is no exception", plog.SeverityNumberWarn, map[string]any{"error": "no"}, operation.KindLog, "", "no"},
		{"an information says nothing", plog.SeverityNumberInfo, map[string]any{"error": "no"}, operation.KindLog, "", ""},
		{"no severity says nothing", plog.SeverityNumberUnspecified, map[string]any{"error": "no"}, operation.KindLog, "", ""},
		{"a type counts at any severity", plog.SeverityNumberInfo, map[string]any{"error": "TimeoutError: no"}, operation.KindLog, "TimeoutError", "no"},
		{"what reads like one is no type", plog.SeverityNumberError, map[string]any{"error": "Charge: no"}, operation.KindException, "", "Charge: no"},
		{"Go wraps with colons", plog.SeverityNumberError, map[string]any{"error": "charge: dial tcp: no"}, operation.KindException, "", "charge: dial tcp: no"},
		{"exception attributes come first", plog.SeverityNumberError, map[string]any{"exception.type": "E", "exception.message": "m", "err": "no"}, operation.KindException, "E", "m"},
		{"and what they lack is taken", plog.SeverityNumberInfo, map[string]any{"exception.type": "E", "err": "no"}, operation.KindException, "E", "no"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, _ := logFacts(t, oneRecord(traced, severity(tc.severity), body("line"), fields(false, tc.fields)))
			require.Equal(t, []any{tc.kind, tc.typ, tc.msg}, []any{facts[0].Kind, facts[0].ErrorType, facts[0].ErrorMessage})
		})
	}
}

func TestAnErrorWithoutTraceOrIDIsNoEvidence(t *testing.T) {
	facts, _ := logFacts(t, oneRecord(severity(plog.SeverityNumberError), attribute("error", "no")))
	require.Empty(t, facts)
}

func TestAttributesComeBeforeTheBody(t *testing.T) {
	facts, _ := logFacts(t, oneRecord(traced, severity(plog.SeverityNumberError), attribute("error_message", "attribute"), attribute("msg", "said"),
		body(`{"err":{"message":"body","type":"E"},"msg":"text"}`)))
	require.Equal(t, []string{"attribute", "E", "text"}, []string{facts[0].ErrorMessage, facts[0].ErrorType, facts[0].Name})

	facts, _ = logFacts(t, oneRecord(traced, attribute("msg", "said")))
	require.Equal(t, "said", facts[0].Name, "without a body, the attribute is the text")
}

func TestHeadlines(t *testing.T) {
	for _, tc := range []struct{ stack, kind, message string }{
		{nodeStack, "CardError", "card declined"},
		{"Error: a\nsecond line\n    at f", "Error", "a"},
		{"TypeError [ERR_X]: a\n    at f", "TypeError", "a"},
		{"Uncaught Error: a\n    at f", "Error", "a"},
		{"Refused: a\n    at f", "Refused", "a"},
		{"Refused: a\nand so on", "", ""},
		{"Exception in thread \"main\" java.lang.Error: a\n\tat f", "java.lang.Error", "a"},
		{"java.lang.NullPointerException\n\tat f", "java.lang.NullPointerException", ""},
		{goStack, "", ""},
		{"main.charge\n\t/app/charge.go:10", "", ""},
		{pythonStack + "\nwith a note", "shop.errors.CardError", "card declined"},
		{"Traceback (most recent call last):\n  File x\nsocket.timeout: timed out\n", "socket.timeout", "timed out"},
		{"Traceback (most recent call last):\n  File x\nKeyError", "KeyError", ""},
		{"Traceback (most recent call last):\n  File x", "", ""},
		{strings.ReplaceAll(dotnetStack, "\n", "\r\n"), "System.InvalidOperationException", "card declined"},
		{rubyStack, "CardError", "card declined"},
		{"\n\n", "", ""},
	} {
		kind, message := headline(tc.stack)
		require.Equal(t, []string{tc.kind, tc.message}, []string{kind, message}, tc.stack)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	many := make([]any, 10_000)
	for i := range many {
		many[i] = map[string]any{"class": long, "method": "m"}
	}
	for _, fields := range []func(plog.LogRecord){
		fields(false, map[string]any{"err": map[string]any{"type": "T" + long, "message": long, "stack": long}}),
		fields(true, map[string]any{"thrown": map[string]any{"extendedStackTrace": many}, "message": long}),
		fields(false, map[string]any{"stack": "E" + long + "Error: " + long + "\n" + long}),
		fields(false, map[string]any{"error": pythonStack + long}),
	} {
		_, b := logFacts(t, oneRecord(traced, severity(plog.SeverityNumberError), fields))
		requireSound(t, b)
	}
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]uint8{
		"": 0, "info": 9, "INFO": 9, "Information": 9, "warn": 13, "WARNING": 13, "WARN+1": 13, "error": 17, "err": 17, "SEVERE": 17, "Critical": 21,
		"FATAL": 21, "emerg": 21, "debug": 5, "TRACE": 1, "Verbose": 1, "notice": 10, "I": 9, "W": 13, "E": 17, "F": 21, "D": 5, "x": 0, "whatever": 0,
		"10": 1, "20": 5, "30": 9, "35": 9, "40": 13, "50": 17, "60": 21, "100": 5, "250": 9, "300": 13, "400": 17, "550": 21, "600": 21, "3": 0, "70": 0,
		"700": 0, "99999999999999999999": 0,
	} {
		require.Equal(t, want, levelNamed(text), text)
	}
}

func TestWhereSeverityComesFrom(t *testing.T) {
	text := func(s string) func(plog.LogRecord) { return func(r plog.LogRecord) { r.SetSeverityText(s) } }
	for _, tc := range []struct {
		name   string
		change []func(plog.LogRecord)
		want   uint8
	}{
		{"number", []func(plog.LogRecord){severity(18), text("info"), attribute("level", "debug")}, 18},
		{"beyond the last number", []func(plog.LogRecord){severity(99)}, 24},
		{"below the first number", []func(plog.LogRecord){severity(-1)}, 0},
		{"name", []func(plog.LogRecord){text("warn"), attribute("level", "debug")}, 13},
		{"attribute", []func(plog.LogRecord){attribute("level", "warn")}, 13},
		{"numeric attribute", []func(plog.LogRecord){fields(false, map[string]any{"level": 40})}, 13},
		{"Python", []func(plog.LogRecord){fields(false, map[string]any{"levelno": 30})}, 13},
		{"Python as text", []func(plog.LogRecord){attribute("levelno", "40")}, 17},
		{"map body", []func(plog.LogRecord){fields(true, map[string]any{"severity": "ERROR"})}, 17},
		{"map body with a fraction", []func(plog.LogRecord){fields(true, map[string]any{"level": 50.0})}, 17},
		{"JSON", []func(plog.LogRecord){body(`{"level":50}`)}, 17},
		{"JSON by name", []func(plog.LogRecord){body(`{"log.level":"warn"}`)}, 13},
		{"JSON of another kind", []func(plog.LogRecord){body(`{"level":{"a":1},"severity":true,"lvl":null}`)}, 0},
		{"none", []func(plog.LogRecord){body("ERROR: x")}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, _ := logFacts(t, oneRecord(append(tc.change, traced)...))
			require.Equal(t, tc.want, facts[0].Severity)
		})
	}
}

func TestTraceContextInFields(t *testing.T) {
	trace, span := "0a0b0c0d0e0f00010203040506070809", "0102030405060708"
	var wantTrace operation.TraceID
	var wantSpan operation.SpanID
	require.True(t, decodeID(wantTrace[:], trace))
	require.True(t, decodeID(wantSpan[:], span))
	for _, tc := range []struct {
		name   string
		change func(plog.LogRecord)
		found  bool
	}{
		{"attributes", fields(false, map[string]any{"trace_id": trace, "span_id": span}), true},
		{"camel case, in a map", fields(true, map[string]any{"traceId": trace, "spanId": span}), true},
		{"ECS, in JSON", body(`{"trace.id":"` + trace + `","span.id":"` + span + `"}`), true},
		{"upper case", fields(false, map[string]any{"trace_id": strings.ToUpper(trace), "span_id": span}), true},
		{"Python", fields(false, map[string]any{"otelTraceID": trace, "otelSpanID": span}), true},
		{"W3C", attribute("traceparent", "00-"+trace+"-"+span+"-01"), true},
		{"of zeros", fields(false, map[string]any{"trace_id": strings.Repeat("0", 32), "span_id": span}), false},
		{"too short", fields(false, map[string]any{"trace_id": trace[2:], "span_id": span}), false},
		{"not hexadecimal", fields(false, map[string]any{"trace_id": "x" + trace[1:], "span_id": span}), false},
		{"a span alone", attribute("span_id", span), false},
		{"Datadog's", fields(false, map[string]any{"dd.trace_id": trace, "dd.span_id": span}), false},
		{"a broken traceparent", attribute("traceparent", "00-"+trace+"-x"), false},
		{"another broken traceparent", attribute("traceparent", "00-x"+trace[1:]+"-"+span+"-01"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts, b := logFacts(t, oneRecord(tc.change))
			if !tc.found {
				require.Empty(t, facts)
				return
			}
			require.Equal(t, []any{wantTrace, wantSpan}, []any{facts[0].Trace, facts[0].Span})
			require.True(t, b.Detached(Ref{}), "it is stamped by its own fact")
		})
	}
	facts, b := logFacts(t, oneRecord(traced, attribute("trace_id", trace), attribute("span_id", span)))
	require.Equal(t, []any{operation.TraceID(traceA), operation.SpanID(spanA)}, []any{facts[0].Trace, facts[0].Span}, "the record's own comes first")
	require.False(t, b.Detached(Ref{}))
}

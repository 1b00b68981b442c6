package evidence

import (
	"encoding/hex"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/operation"
)

// line is what loggers put into the fields of a record: what attributes mean to any record is in [attributeValues].
type line struct {
	// text is what the record says in words; textRank tells by which of the names, plus 1.
	text     string
	textRank uint8
	// level is the OTLP severity number, 0 if unknown.
	level   uint8
	trace   operation.TraceID
	span    operation.SpanID
	failure failure
	// inBody says that the fields being read are those of the body, and come after the attributes. borrowed says that texts
	// may be parts of a larger one, which they must not keep in memory.
	inBody, borrowed bool
	used             bool
}

func (b *Batch) lineOf() *line {
	if b.line.used {
		b.line = line{}
	}
	return &b.line
}

// word is what a field means that a logger writes.
type word uint8

const (
	wordNone word = iota
	wordText
	wordLevel
	wordPythonLevel
	wordTrace
	wordSpan
	wordParent
	wordError
	wordErrorType
	wordErrorStack
	wordErrorVerbose
	wordCount
)

// words lists the names under which loggers write a field, the best first. Sources: the defaults of pino, winston, bunyan
// and lambda powertools (JavaScript), slog, zap, zerolog and logrus (Go), structlog, python-json-logger and OpenTelemetry's
// log instrumentation (Python), log4j, logback and ECS (Java), Serilog, NLog and the JSON console (.NET), semantic_logger,
// lograge and Sidekiq (Ruby), monolog (PHP).
var words = [wordCount][]string{
	wordText: {"msg", "message", "@m", "RenderedMessage", "Message", "short_message", "MESSAGE", "event", "@mt", "MessageTemplate", "log", "text"},
	wordLevel: {
		"level", "severity", "log.level", "lvl", "levelname", "level_name", "loglevel", "logLevel", "LogLevel", "Level", "@l", "severity_text",
		"severityText",
	},
	wordPythonLevel: {"levelno"},
	wordTrace:       {"trace_id", "traceId", "trace.id", "TraceId", "traceID", "traceid", "@tr", "otelTraceID"},
	wordSpan:        {"span_id", "spanId", "span.id", "SpanId", "spanID", "spanid", "@sp", "otelSpanID"},
	wordParent:      {"traceparent"},
	wordError: {
		"err", "error", "exception", "Exception", "@x", "thrown", "exc_info", "throwable", "error.message", "err.message", "error_message",
		"errorMessage", "error_msg",
	},
	wordErrorType: {
		"err.type", "error.name", "err.name", "error.kind", "error.class", "error_type", "error_class", "errorType", "error_name",
		"exception_type", "exception.class", "exc_type",
	},
	wordErrorStack: {
		"stack", "stack_trace", "stackTrace", "stacktrace", "error.stack_trace", "error.stack", "error.stacktrace", "err.stack", "error_stack",
		"error_backtrace", "traceback", "exc_text", "backtrace",
	},
	wordErrorVerbose: {"errorVerbose"},
}

// take reads a field.
func (l *line) take(w *meaning, value pcommon.Value) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		l.takeText(w, value.Str())
	case pcommon.ValueTypeInt:
		l.takeNumber(w, value.Int())
	case pcommon.ValueTypeDouble:
		l.takeNumber(w, int64(value.Double()))
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		l.takeNested(w, value)
	}
}

func (l *line) takeText(w *meaning, text string) {
	l.used = true
	switch w.word {
	case wordText:
		if l.textRank == 0 || w.wordRank < l.textRank-1 {
			l.text, l.textRank = text, w.wordRank+1
		}
	case wordLevel:
		if l.level == 0 {
			l.level = levelNamed(text)
		}
	case wordPythonLevel:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			l.takeNumber(w, n)
		}
	case wordTrace, wordSpan, wordParent:
		l.context(w.word, text)
	case wordError:
		l.failure.say(text, l.rank(w))
	case wordErrorType:
		l.failure.kind.offer(text, l.rank(w))
	case wordErrorStack, wordErrorVerbose:
		l.failure.trace(text, l.rank(w), w.word == wordErrorStack)
	}
}

func (l *line) takeNumber(w *meaning, n int64) {
	if l.level != 0 {
		return
	}
	switch w.word {
	case wordLevel:
		l.used, l.level = true, levelNumbered(n)
	case wordPythonLevel:
		l.used, l.level = true, pythonLevel(n)
	}
}

func (l *line) takeNested(w *meaning, value pcommon.Value) {
	switch w.word {
	case wordError:
		l.used = true
		l.failure.nested(value, l.rank(w))
	case wordErrorStack:
		l.used = true
		l.failure.trace(frames(value), l.rank(w), true)
	}
}

// rank is that of the name, after all names of attributes for a field of the body.
func (l *line) rank(w *meaning) uint8 {
	if l.inBody {
		return w.wordRank + bodyRank
	}
	return w.wordRank
}

const bodyRank = 100

// context reads trace context. What is no trace or span ID in hexadecimal counts for nothing.
func (l *line) context(w word, text string) {
	switch {
	case w == wordTrace && l.trace.IsZero():
		decodeID(l.trace[:], text)
	case w == wordSpan && l.span.IsZero():
		decodeID(l.span[:], text)
	case w == wordParent && l.trace.IsZero() && len(text) >= len("00-")+32+1+16 && text[2] == '-' && text[35] == '-':
		if decodeID(l.trace[:], text[3:35]) {
			decodeID(l.span[:], text[36:52])
		}
	}
}

// decodeID decodes an ID of exactly that length; otherwise it is left zero.
func decodeID(id []byte, text string) bool {
	if len(text) != 2*len(id) {
		return false
	}
	if _, err := hex.Decode(id, []byte(text)); err != nil {
		clear(id)
		return false
	}
	return true
}

// severity sets the level to what the record itself says, if it does: as a number, else by name, else in a field.
func (l *line) severity(record plog.LogRecord) {
	if n := record.SeverityNumber(); n > 0 {
		l.used, l.level = true, uint8(min(n, plog.SeverityNumberFatal4))
	} else if n := levelNamed(record.SeverityText()); n > 0 {
		l.used, l.level = true, n
	}
}

// keep cuts a text to the limit, in memory of its own where it is part of a larger one.
func (b *Batch) keep(s string, limit int) string {
	if len(s) <= limit && b.line.borrowed {
		return strings.Clone(s)
	}
	return b.cut(s, limit)
}

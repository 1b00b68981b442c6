package evidence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/operation"
)

// failure is what a logger's fields say about an error: its type, its message and its stack trace, as one text or as fields
// of an object.
type failure struct {
	kind, message, stack ranked
	// headed says that the stack trace begins with the type and message, or in Python ends with them.
	headed bool
}

// ranked is a text and how good the name is that it came under, plus 1; 0 = no text.
type ranked struct {
	text string
	rank uint8
}

// offer takes the text unless a better one is known.
func (r *ranked) offer(text string, rank uint8) {
	if text != "" && (r.rank == 0 || rank < r.rank-1) {
		r.text, r.rank = text, rank+1
	}
}

// noErrors are what loggers write where there is no error.
var noErrors = map[string]struct{}{
	"": {}, "null": {}, "nil": {}, "<nil>": {}, "none": {}, "None": {}, "undefined": {}, "false": {}, "true": {}, "0": {}, "-": {},
	"NoneType: None": {}, "no error": {}, "OK": {}, "ok": {}, "{}": {}, "success": {},
}

// say reads an error that is one text: a message, or a stack trace.
func (f *failure) say(text string, rank uint8) {
	if _, none := noErrors[text]; none {
		return
	}
	if strings.IndexByte(text, '\n') < 0 {
		f.message.offer(text, rank)
		return
	}
	f.trace(text, rank, true)
}

// trace reads a stack trace.
func (f *failure) trace(text string, rank uint8, headed bool) {
	if _, none := noErrors[text]; none {
		return
	}
	if f.stack.rank == 0 || rank < f.stack.rank-1 {
		f.headed = headed
	}
	f.stack.offer(text, rank)
}

// The names under which an error object has its type, message and stack trace: pino and winston (type or name, message,
// stack), log4j (name, message, extendedStackTrace), JBoss (exceptionType, frames), .NET (ClassName, Message,
// StackTraceString), structlog (exc_type, exc_value, frames), semantic_logger (name, message, stack_trace).
var (
	errorKinds    = []string{"type", "name", "exceptionType", "exc_type", "class", "ClassName", "Type", "kind"}
	errorMessages = []string{"message", "msg", "localizedMessage", "exc_value", "Message", "description"}
	errorStacks   = []string{
		"stack", "stack_trace", "stackTrace", "stacktrace", "extendedStackTrace", "StackTraceString", "StackTrace", "frames", "traceback",
		"backtrace",
	}
)

// nested reads an error that is an object; of several the first, which is the outermost.
func (f *failure) nested(value pcommon.Value, rank uint8) {
	if value.Type() == pcommon.ValueTypeSlice {
		if value.Slice().Len() == 0 || value.Slice().At(0).Type() != pcommon.ValueTypeMap {
			return
		}
		value = value.Slice().At(0)
	}
	f.kind.offer(firstText(value.Map(), errorKinds), rank)
	f.message.offer(firstText(value.Map(), errorMessages), rank)
	f.trace(firstText(value.Map(), errorStacks), rank, true)
}

// firstText returns the value of the first of the names that has one.
func firstText(m pcommon.Map, keys []string) string {
	for _, key := range keys {
		value, ok := m.Get(key)
		if !ok {
			continue
		}
		switch value.Type() {
		case pcommon.ValueTypeStr:
			if value.Str() != "" {
				return value.Str()
			}
		case pcommon.ValueTypeSlice:
			return frames(value)
		}
	}
	return ""
}

// maxFrames bounds the frames that are read of a stack trace that is a list.
const maxFrames = 100

// frames writes a stack trace that is a list, of lines or of objects, as text; "" for anything else.
func frames(value pcommon.Value) string {
	if value.Type() != pcommon.ValueTypeSlice {
		return ""
	}
	var w strings.Builder
	for i, frame := range value.Slice().All() {
		if i == maxFrames || w.Len() > maxDetail {
			break
		}
		if i > 0 {
			w.WriteByte('\n')
		}
		switch frame.Type() {
		case pcommon.ValueTypeStr:
			w.WriteString(shorten(frame.Str(), maxDetail))
		case pcommon.ValueTypeMap:
			writeFrame(&w, frame.Map())
		}
	}
	return w.String()
}

// writeFrame writes one frame as Java does.
func writeFrame(w *strings.Builder, frame pcommon.Map) {
	w.WriteString("\tat ")
	if class := firstText(frame, []string{"class", "className", "module"}); class != "" {
		w.WriteString(shorten(class, maxName))
		w.WriteByte('.')
	}
	w.WriteString(shorten(firstText(frame, []string{"method", "methodName", "name", "function"}), maxName))
	if file := firstText(frame, []string{"file", "fileName", "filename"}); file != "" {
		w.WriteString("(" + shorten(file, maxName))
		for _, key := range [...]string{"line", "lineNumber", "lineno"} {
			if n, ok := frame.Get(key); ok {
				w.WriteString(":" + shorten(numberOrText(n), maxName))
				break
			}
		}
		w.WriteByte(')')
	}
}

// complete finds the type and the message in what was given instead of them.
func (f *failure) complete() {
	if f.kind.rank == 0 && f.message.rank != 0 {
		f.kind.text, f.message.text = splitMessage(f.message.text)
	}
	if f.stack.rank == 0 || (f.kind.text != "" && f.message.text != "") {
		return
	}
	kind, message := "", firstLine(f.stack.text)
	if f.headed {
		kind, message = headline(f.stack.text)
	}
	if f.kind.text == "" {
		f.kind.text = kind
	}
	if f.message.text == "" && (kind != "" || !f.headed) {
		f.message.text = message
	}
}

// splitMessage splits a message that begins with the type of the error.
func splitMessage(s string) (kind, message string) {
	head, rest, ok := strings.Cut(s, ": ")
	if ok && namesError(head) {
		return head, rest
	}
	return "", s
}

// pythonTrace begins the stack traces of Python, whose type and message come last.
const pythonTrace = "Traceback (most recent call last)"

// headline returns the type and the message from the line of a stack trace that has them; without such a line both are empty.
func headline(stack string) (kind, message string) {
	if strings.Contains(shorten(stack, maxMessage), pythonTrace) {
		return lastWordsOfPython(stack)
	}
	line := firstLine(stack)
	line = strings.TrimPrefix(line, "Uncaught ")
	if rest, ok := strings.CutPrefix(line, "Exception in thread "); ok {
		if _, after, ok := strings.Cut(rest, `" `); ok {
			line = after
		}
	}
	head, message, _ := strings.Cut(line, ":")
	message = strings.TrimSpace(message)
	// Node puts the code behind the type: Error [ERR_INVALID_ARG]: ...
	if at := strings.Index(head, " ["); at > 0 && strings.HasSuffix(head, "]") {
		head = head[:at]
	}
	if namesError(head) || (isTypeName(head) && hasFrames(stack)) {
		return head, message
	}
	return rubyHeadline(line)
}

// rubyHeadline reads `charge.rb:3:in 'charge': card declined (RuntimeError)`.
func rubyHeadline(line string) (kind, message string) {
	open := strings.LastIndex(line, " (")
	if open < 0 || !strings.HasSuffix(line, ")") || !isTypeName(line[open+2:len(line)-1]) {
		return "", ""
	}
	_, message, ok := strings.Cut(line[:open], "': ")
	if !ok {
		return "", ""
	}
	return line[open+2 : len(line)-1], message
}

// maxTraceLines is how many lines from the end of a Python stack trace are looked at: messages may have several.
const maxTraceLines = 50

// lastWordsOfPython returns the type and message of the exception that a traceback ends with.
func lastWordsOfPython(stack string) (kind, message string) {
	rest := strings.TrimRight(stack, " \t\r\n")
	for range maxTraceLines {
		at := strings.LastIndexByte(rest, '\n')
		line := strings.TrimRight(rest[at+1:], "\r")
		if line != "" && !unicode.IsSpace(rune(line[0])) {
			head, message, _ := strings.Cut(line, ": ")
			if head = strings.TrimSuffix(head, ":"); isTypeName(head) || isDotted(head) {
				return head, message
			}
		}
		if at < 0 {
			break
		}
		rest = rest[:at]
	}
	return "", ""
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(s, " \t\r\n"), "\n")
	return strings.TrimRight(line, "\r")
}

// maxHead is how many bytes of a stack trace are searched for the first frame.
const maxHead = 2048

// hasFrames reports whether a text has frames as JavaScript, Java and .NET write them.
func hasFrames(stack string) bool {
	head := stack[:min(len(stack), maxHead)]
	return strings.Contains(head, "\n\tat ") || strings.Contains(head, "\n    at ") || strings.Contains(head, "\n   at ")
}

// maxTypeName is the length in bytes above which nothing is a type's name.
const maxTypeName = 200

// isTypeName reports whether a text can be the name of an error's type: java.lang.IllegalStateException, CardDeclined,
// ActiveRecord::RecordNotFound. Its last part begins with a capital letter.
func isTypeName(s string) bool {
	if s == "" || len(s) > maxTypeName {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._$:`+\\", r) {
			return false
		}
	}
	last := s[strings.LastIndexAny(s, ".$:+\\")+1:]
	r, _ := utf8.DecodeRuneInString(last)
	return unicode.IsUpper(r)
}

// isDotted reports whether a text can be the name of an exception of Python that does without capital letters:
// socket.timeout.
func isDotted(s string) bool {
	return len(s) <= maxTypeName && strings.Contains(s, ".") && strings.IndexFunc(s, func(r rune) bool {
		return r != '.' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) < 0
}

// namesError reports whether a text is the name of an error's type without any doubt.
func namesError(s string) bool {
	return (strings.HasSuffix(s, "Error") || strings.HasSuffix(s, "Exception")) && isTypeName(s)
}

// said reports whether there is an error at all.
func (f *failure) said() bool { return f.kind.rank != 0 || f.message.rank != 0 || f.stack.rank != 0 }

// explained sets what the fields of the logger say of the error on the fact, as far as nothing better is known.
func (b *Batch) explained(f *operation.Fact, e *failure) {
	for _, v := range [...]struct {
		to    *string
		from  string
		limit int
	}{{&f.ErrorType, e.kind.text, maxName}, {&f.ErrorMessage, e.message.text, maxMessage}} {
		if *v.to == "" && v.from != "" {
			// It may be a part of the stack trace.
			*v.to = strings.Clone(b.cut(v.from, v.limit))
		}
	}
}

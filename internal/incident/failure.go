package incident

import (
	"cmp"
	"strings"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
	"github.com/throughline/throughline/internal/template"
)

// Failure is what failures with the same cause have in common (fingerprint, version 2).
type Failure struct {
	// Type is the type of the exception at the root of the chain of causes, as far as the stack trace has one, else the type
	// that the evidence names. It is "" for types that do nothing but carry another error.
	Type string
	// Culprit is the innermost call of the application at the time of the root cause, "" without a stack trace.
	Culprit string
	// Message is the root cause's message, with what is told for a value replaced by template.Wildcard.
	Message string
}

// FailureOf returns what an error has in common with others of the same cause; rules tell the application's calls from those of
// libraries. It depends on nothing but the error: not on what failed before.
func FailureOf(e *operation.Error, rules stack.Rules) Failure {
	if e == nil {
		return Failure{}
	}
	f := Failure{Type: e.Type}
	message := e.Message
	if e.Stack != "" {
		trace := stack.Parse(e.Stack)
		f.Culprit, _ = trace.Culprit(rules)
		switch root := trace.Root(); {
		case root == nil:
			// Not a stack trace, but the text of a record that tells of the failure.
			message = cmp.Or(message, e.Stack)
		case len(trace.Exceptions) > 1:
			f.Type, message = root.Type, cmp.Or(root.Message, message)
		default:
			f.Type, message = cmp.Or(e.Type, root.Type), cmp.Or(message, root.Message)
		}
	}
	if _, ok := carriers[f.Type]; ok {
		f.Type = ""
	}
	// Parts of a stack trace are kept for as long as the incident, the stack trace is not.
	f.Type, f.Culprit = strings.Clone(clip(f.Type, maxName)), strings.Clone(clip(f.Culprit, maxName))
	f.Message = clip(template.Normalize(message), maxName)
	return f
}

// carriers are the types of Go's errors that carry a text or another error; whatever is not given a type of its own has one of
// them, by the way it came.
var carriers = map[string]struct{}{
	"*errors.errorString": {}, "*fmt.wrapError": {}, "*fmt.wrapErrors": {}, "*errors.joinError": {}, "*errors.fundamental": {},
	"*errors.withStack": {}, "*errors.withMessage": {}, "*withstack.withStack": {}, "*errutil.leafError": {}, "*fmt.errorString": {},
	"*errors.Error": {}, "error": {},
}

// named gives a failure the message by which others of its kind are known. Where a call of the application is known, and where
// only the message is, messages of the same place and type are compared with each other and with no others.
func (t *Tracker) named(k Key) Key {
	if !k.Kind.Bad() || k.Message == "" {
		return k
	}
	place := k
	place.Message = ""
	k.Message = t.templates.Template(place, k.Message)
	return k
}

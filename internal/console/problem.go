package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Problem is an error as the client sees it (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Parameter, Value and Allowed say which part of the query is refused, if one is.
	Parameter string   `json:"parameter,omitempty"`
	Value     string   `json:"value,omitempty"`
	Allowed   []string `json:"allowed,omitempty"`

	allow string
}

// problemTypes are the kinds of problems; clients may tell them apart by the last part.
const (
	problemTypes     = "urn:throughline:problem:"
	invalidParameter = "invalid-parameter"
	// shownValue bounds how much of a refused value is repeated.
	shownValue = 128
)

// Error makes a problem an error within this package.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// NewProblem returns a problem of the kind that goes with the HTTP status. The detail must name nothing internal.
func NewProblem(status int, detail string) *Problem {
	title := http.StatusText(status)
	kind := strings.ReplaceAll(strings.ToLower(title), " ", "-")
	return &Problem{Type: problemTypes + kind, Title: title, Status: status, Detail: detail}
}

// refuse returns the problem of a query parameter with a value that is not among those allowed.
func refuse(parameter, value, reason string, allowed ...string) *Problem {
	p := NewProblem(http.StatusBadRequest, "")
	value = clip(value, shownValue)
	p.Type, p.Title = problemTypes+invalidParameter, "Invalid parameter"
	p.Parameter, p.Value, p.Allowed = parameter, value, allowed
	p.Detail = fmt.Sprintf("query parameter %q has the value %q, but %s", parameter, value, reason)
	if len(allowed) > 0 {
		p.Detail += ": " + strings.Join(allowed, ", ")
	}
	return p
}

// Write sends the problem as the whole response.
func (p *Problem) Write(w http.ResponseWriter) {
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte("{}")
	}
	reply{status: p.Status, contentType: "application/problem+json", body: append(body, '\n')}.write(w)
}

// clip cuts a text to so many bytes, between characters, and says so.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

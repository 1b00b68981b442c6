package alert

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

// maxRendered bounds what one template gives, in bytes.
const maxRendered = 16 << 10

// Template is text with the values of an alert in it, in the language of text/template.
type Template struct {
	template *template.Template
}

// View is what a template sees. Everything in it but the times may come from telemetry.
type View struct {
	ID, Name, Status, Severity, Owner string
	Priority                          int
	// Former is the severity before it changed, "" unless the alert goes on with another one.
	Former              string
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	// URL leads to the incident, Runbook to what to do about it; either may be "".
	URL, Runbook string
}

// ParseTemplate reads a template and tries it, so that a mistake shows when the configuration is read.
func ParseTemplate(text string) (*Template, error) {
	functions := template.FuncMap{
		"upper": strings.ToUpper, "lower": strings.ToLower, "truncate": func(limit int, s string) string { return Truncate(s, limit) },
		"default": func(otherwise, s string) string {
			if s == "" {
				return otherwise
			}
			return s
		},
	}
	parsed, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not a template: %w", err)
	}
	t := &Template{template: parsed}
	if _, err := t.Render(&Alert{Labels: map[string]string{}, Annotations: map[string]string{}}, nil); err != nil {
		return nil, fmt.Errorf("cannot be carried out: %w", err)
	}
	return t, nil
}

// MustTemplate is [ParseTemplate] for texts known to be right.
func MustTemplate(text string) *Template {
	t, err := ParseTemplate(text)
	if err != nil {
		panic(err)
	}
	return t
}

var errTooLong = errors.New("the text is too long")

// bounded is a buffer that refuses to grow without end.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}

// Render returns the text for an alert. Each value that may come from telemetry goes through escape first, if there is one:
// what a backend takes for markup is then never a stranger's. Text beyond 16 KiB is cut.
func (t *Template) Render(a *Alert, escape func(string) string) (string, error) {
	if escape == nil {
		escape = func(s string) string { return s }
	}
	var b bounded
	err := t.template.Execute(&b, view(a, escape))
	if err != nil && !errors.Is(err, errTooLong) {
		return "", err
	}
	return b.String(), nil
}

func view(a *Alert, escape func(string) string) View {
	v := View{
		ID: escape(a.ID), Name: escape(a.Name), Status: a.Status.String(), Severity: a.Severity.String(), Owner: escape(a.Owner),
		Priority: a.Priority, Labels: escaped(a.Labels, escape), Annotations: escaped(a.Annotations, escape),
		StartsAt: a.StartsAt, EndsAt: a.EndsAt, URL: escape(a.GeneratorURL), Runbook: escape(a.Annotations[AnnotationRunbook]),
	}
	if n := len(a.Former); n > 0 && a.Status == StatusFiring && a.Former[n-1].Severity != a.Severity {
		v.Former = a.Former[n-1].Severity.String()
	}
	return v
}

func escaped(m map[string]string, escape func(string) string) map[string]string {
	out := maps.Clone(m)
	for name, value := range out {
		out[name] = escape(value)
	}
	return out
}

// Truncate returns s if it has at most limit bytes, else its beginning with an ellipsis, in valid UTF-8.
func Truncate(s string, limit int) string {
	const ellipsis = "…"
	if len(s) <= limit {
		return s
	}
	if limit < len(ellipsis) {
		return ""
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

package alert

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

func TestTemplates(t *testing.T) {
	a := Alert{
		ID: "i", Name: NameStuck, Routing: Routing{Severity: operation.SeverityCritical, Priority: 2, Owner: "<team>"},
		Former: []Former{{Routing: Routing{Severity: operation.SeverityWarning}}},
		Labels: map[string]string{"destination": "<orders>"}, Annotations: map[string]string{AnnotationSummary: "it hangs"},
	}
	shout := func(s string) string { return strings.ReplaceAll(s, "<", "&lt;") }
	for text, want := range map[string]string{
		"{{.Status}} {{upper .Severity}} {{.Priority}}":                 "firing CRITICAL 2",
		"{{.Labels.destination}} <b>{{.Owner}}</b>":                     "&lt;orders> <b>&lt;team></b>",
		"{{.Annotations.summary}}{{.Annotations.absent}}":               "it hangs",
		`{{default "nobody" .Annotations.absent}}`:                      "nobody",
		`{{default "nobody" .Owner}}`:                                   "&lt;team>",
		"{{truncate 5 .Annotations.summary}}{{.Former}}":                "it…warning",
		"{{range $name, $value := .Labels}}{{$name}}={{$value}}{{end}}": "destination=&lt;orders>",
	} {
		template, err := ParseTemplate(text)
		require.NoError(t, err, text)
		got, err := template.Render(&a, shout)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestTemplatesThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"{{.Labels":        "is not a template",
		"{{.Nonsense}}":    "cannot be carried out",
		"{{nonsense .ID}}": "is not a template",
	} {
		_, err := ParseTemplate(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestTemplatesAreBounded(t *testing.T) {
	template := MustTemplate("{{range $i, $e := .Labels}}{{$e}}{{end}}")
	a := Alert{Labels: map[string]string{"a": strings.Repeat("x", 10<<10), "b": strings.Repeat("y", 10<<10)}}
	got, err := template.Render(&a, nil)
	require.NoError(t, err)
	require.Len(t, got, 10<<10)
}

func TestTruncate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, limit := rapid.String().Draw(t, "s"), rapid.IntRange(0, 50).Draw(t, "limit")
		got := Truncate(s, limit)
		require.LessOrEqual(t, len(got), limit)
		require.True(t, utf8.ValidString(got))
		if len(s) <= limit {
			require.Equal(t, s, got)
		} else if limit >= 3 {
			require.True(t, strings.HasSuffix(got, "…"))
		}
	})
}

func TestWebLinks(t *testing.T) {
	for address, want := range map[string]bool{
		"https://runbooks.example.com/a?b=c": true, "http://localhost:1": true, "javascript:alert(1)": false, "//host/x": false,
		"https://": false, "": false, "https://user:secret@host/": false, "data:text/html,x": false,
		"https://host/" + strings.Repeat("x", 3000): false,
	} {
		_, ok := WebLink(address)
		require.Equal(t, want, ok, address)
	}
}

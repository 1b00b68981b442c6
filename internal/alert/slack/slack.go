// Package slack brings alerts to a channel of Slack by an incoming webhook.
//
// A message in a channel cannot be changed by a webhook, so a backend of this kind is told once of each opening, change of
// severity and end. Whatever comes from telemetry is escaped and cannot mention anybody or link anywhere.
// The format is that of https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and of Block Kit.
package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/operation"
)

// The bounds of Block Kit in characters; counted here in bytes, which are never fewer.
const (
	maxText   = 3000
	maxField  = 2000
	maxFields = 10
)

// DefaultTitle and DefaultText are what a message says unless the configuration has templates of its own.
const (
	DefaultTitle = `{{if eq .Status "resolved"}}Resolved{{else}}{{upper .Severity}}{{with .Former}} (was {{.}}){{end}}{{end}}: {{.Annotations.summary}}`
	DefaultText  = `{{with .Annotations.acknowledged}}Acknowledged {{.}}
{{end}}{{with .Annotations.error}}{{truncate 500 .}}{{end}}{{with .Annotations.likely_cause}}
Likely cause: {{truncate 300 .}}{{end}}{{with .Annotations.deployment}}
Deployed shortly before: {{truncate 200 .}}{{end}}{{with .Annotations.reopened}}
Reopened {{.}}{{end}}{{with .Annotations.resolution}}
Over: {{.}}{{end}}`
)

// Settings say where the webhook is and what is written.
type Settings struct {
	// Endpoint is the address of the incoming webhook, a secret.
	Endpoint string
	// Title is the first line, Text what stands below it; the latter may come out empty.
	Title, Text *alert.Template
}

// Notifier implements alert.Notifier.
type Notifier struct {
	client   *alert.Client
	settings Settings
}

// New returns a notifier that sends with the client.
func New(client *http.Client, settings Settings) (*Notifier, error) {
	own, err := alert.NewClient(client, settings.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	return &Notifier{client: own, settings: settings}, nil
}

type message struct {
	// Text is what notifications show and screen readers read.
	Text        string       `json:"text"`
	Attachments []attachment `json:"attachments"`
}

// attachment gives the blocks a bar in the colour of the severity, which blocks by themselves do not have.
type attachment struct {
	Color    string  `json:"color"`
	Fallback string  `json:"fallback"`
	Blocks   []block `json:"blocks"`
}

type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Fields   []text `json:"fields,omitempty"`
	Elements []text `json:"elements,omitempty"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func mrkdwn(s string) text { return text{Type: "mrkdwn", Text: s} }

// Notify implements alert.Notifier. Each alert is a message of its own.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	for i := range alerts {
		m, err := n.message(&alerts[i])
		if err != nil {
			return &alert.Error{Err: err}
		}
		data, err := json.Marshal(m)
		if err != nil {
			return &alert.Error{Err: fmt.Errorf("the message cannot be written as JSON: %w", err)}
		}
		if err := n.client.Post(ctx, alert.JSON(), data); err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) message(a *alert.Alert) (*message, error) {
	title, err := n.settings.Title.Render(a, escape)
	if err != nil {
		return nil, fmt.Errorf("the title cannot be written: %w", err)
	}
	body, err := n.settings.Text.Render(a, escape)
	if err != nil {
		return nil, fmt.Errorf("the text cannot be written: %w", err)
	}
	title, body = strings.Join(strings.Fields(title), " "), strings.TrimSpace(body)
	if title == "" {
		title = escape(a.Name)
	}
	head := "*" + cut(title, maxText-100) + "*"
	m := &message{Text: cut(title, maxText)}
	blocks := []block{section(head)}
	if body != "" {
		blocks = append(blocks, section(cut(body, maxText)))
	}
	if f := fields(a); len(f) > 0 {
		blocks = append(blocks, block{Type: "section", Fields: f})
	}
	if l := links(a); l != "" {
		blocks = append(blocks, block{Type: "context", Elements: []text{mrkdwn(l)}})
	}
	m.Attachments = []attachment{{Color: color(a), Fallback: m.Text, Blocks: blocks}}
	return m, nil
}

func section(s string) block {
	t := mrkdwn(s)
	return block{Type: "section", Text: &t}
}

// fields are the facts people look for first, in two columns.
func fields(a *alert.Alert) []text {
	var out []text
	for _, f := range []struct{ name, value string }{
		{"Operation", a.Labels[alert.LabelOperation]},
		{"Destination", a.Labels[alert.LabelDestination]},
		{"Consumer group", a.Labels[alert.LabelGroup]},
		{"Service", a.Labels[alert.LabelService]},
		{"Affected now", a.Annotations[alert.AnnotationAffected]},
		{"Since", a.Annotations["first_seen"]},
		{"Failing hop", a.Annotations[alert.AnnotationHop]},
		{"Owner", a.Owner},
	} {
		if f.value != "" && len(out) < maxFields {
			out = append(out, mrkdwn("*"+f.name+"*\n"+cut(escape(f.value), maxField-100)))
		}
	}
	return out
}

func links(a *alert.Alert) string {
	var parts []string
	if a.GeneratorURL != "" {
		parts = append(parts, "<"+escapeLink(a.GeneratorURL)+"|Incident>")
	}
	if runbook, ok := alert.WebLink(a.Annotations[alert.AnnotationRunbook]); ok {
		parts = append(parts, "<"+escapeLink(runbook)+"|Runbook>")
	}
	return strings.Join(parts, " · ")
}

func color(a *alert.Alert) string {
	switch {
	case a.Status == alert.StatusResolved:
		return "#2eb67d"
	case a.Severity >= operation.SeverityError:
		return "#e01e5a"
	case a.Severity == operation.SeverityWarning:
		return "#ecb22e"
	default:
		return "#36c5f0"
	}
}

// entities are the characters by which Slack's markup links and mentions; there is no escape for those of emphasis, which do
// no harm.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes text plain: no links, no mentions (https://docs.slack.dev/messaging/formatting-message-text#escaping).
func escape(s string) string {
	return entities.Replace(strings.ToValidUTF8(s, "\uFFFD"))
}

var notInLinks = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C", " ", "%20", "\n", "%0A")

func escapeLink(s string) string { return notInLinks.Replace(strings.ToValidUTF8(s, "%EF%BF%BD")) }

// cut bounds text without leaving half an entity at its end.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = alert.Truncate(s, limit)
	if i := strings.LastIndexByte(s, '&'); i >= 0 && !strings.Contains(s[i:], ";") {
		s = s[:i] + "…"
	}
	return s
}

// Package pagerduty brings alerts to PagerDuty as events, Events API version 2.
//
// PagerDuty knows an alert by its deduplication key, so what is told twice makes one alert, and a resolve finds it again. An
// event has bounds that PagerDuty refuses to exceed; what an alert has beyond them is cut, and the summary never is lost.
// The format is that of https://developer.pagerduty.com/docs/send-alert-event.
package pagerduty

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/operation"
)

// DefaultEndpoint is PagerDuty's service in the United States; that for Europe is https://events.eu.pagerduty.com.
const DefaultEndpoint = "https://events.pagerduty.com"

// The bounds of an event in bytes; PagerDuty counts characters where it says so, which are never more.
const (
	maxEvent    = 512_000
	maxSummary  = 1024
	maxDedupKey = 255
	maxField    = 255
	maxDetail   = 8 << 10
)

// Settings say where PagerDuty is and what it is told.
type Settings struct {
	// Endpoint is the base address; the path of the API is added.
	Endpoint string
	// RoutingKey is the integration key of the service to tell, a secret.
	RoutingKey string
	// Client names the sender on PagerDuty's pages.
	Client string
	// Summary is the line that wakes somebody.
	Summary *alert.Template
}

// Notifier implements alert.Notifier.
type Notifier struct {
	client   *alert.Client
	settings Settings
}

// New returns a notifier that sends with the client.
func New(client *http.Client, settings Settings) (*Notifier, error) {
	if settings.RoutingKey == "" {
		return nil, errors.New("pagerduty: the routing key is empty")
	}
	own, err := alert.NewClient(client, settings.Endpoint, "v2/enqueue")
	if err != nil {
		return nil, fmt.Errorf("pagerduty: %w", err)
	}
	return &Notifier{client: own, settings: settings}, nil
}

type event struct {
	RoutingKey  string   `json:"routing_key"`
	EventAction string   `json:"event_action"`
	DedupKey    string   `json:"dedup_key"`
	Client      string   `json:"client,omitempty"`
	ClientURL   string   `json:"client_url,omitempty"`
	Links       []link   `json:"links,omitempty"`
	Payload     *payload `json:"payload,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

type payload struct {
	Summary       string            `json:"summary"`
	Source        string            `json:"source"`
	Severity      string            `json:"severity"`
	Timestamp     string            `json:"timestamp,omitempty"`
	Component     string            `json:"component,omitempty"`
	Group         string            `json:"group,omitempty"`
	Class         string            `json:"class,omitempty"`
	CustomDetails map[string]string `json:"custom_details,omitempty"`
}

// Notify implements alert.Notifier. Each alert is an event of its own.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	for i := range alerts {
		data, err := n.body(&alerts[i])
		if err != nil {
			return &alert.Error{Err: err}
		}
		if err := n.client.Post(ctx, alert.JSON(), data); err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) body(a *alert.Alert) ([]byte, error) {
	e := event{
		RoutingKey: n.settings.RoutingKey, EventAction: "trigger", DedupKey: cut(a.ID, maxDedupKey),
		Client: n.settings.Client, ClientURL: a.GeneratorURL, Links: links(a),
	}
	summary, err := n.settings.Summary.Render(a, nil)
	if err != nil {
		return nil, fmt.Errorf("the summary cannot be written: %w", err)
	}
	if summary = cut(strings.Join(strings.Fields(summary), " "), maxSummary); summary == "" {
		summary = a.Name
	}
	e.Payload = &payload{
		Summary: summary, Source: cut(source(a), maxField), Severity: severity(a.Severity),
		Timestamp: a.StartsAt.UTC().Format(time.RFC3339Nano), Component: cut(a.Labels[alert.LabelDestination], maxField),
		Group: cut(a.Labels[alert.LabelOperation], maxField), Class: cut(class(a), maxField),
		CustomDetails: details(a),
	}
	switch {
	case a.Status == alert.StatusResolved:
		e.EventAction = "resolve"
	case a.Acknowledged != "":
		e.EventAction = "acknowledge"
	}
	return marshal(&e)
}

// marshal leaves out details, the longest first, until the event is within its bound.
func marshal(e *event) ([]byte, error) {
	all := e.Payload.CustomDetails
	e.Payload.CustomDetails = nil
	rest, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("the event cannot be written as JSON: %w", err)
	}
	sizes := make(map[string]int, len(all))
	for name, value := range all {
		sizes[name] = jsonSize(name) + jsonSize(value) + len(`:,`)
	}
	names := slices.SortedFunc(maps.Keys(all), func(x, y string) int {
		return cmp.Or(cmp.Compare(sizes[x], sizes[y]), cmp.Compare(x, y))
	})
	size := len(rest) + len(`,"custom_details":{}`)
	e.Payload.CustomDetails = make(map[string]string, len(all))
	for _, name := range names {
		if size += sizes[name]; size > maxEvent {
			break
		}
		e.Payload.CustomDetails[name] = all[name]
	}
	return json.Marshal(e)
}

// jsonSize is how many bytes a text takes in JSON.
func jsonSize(s string) int {
	// A string can always be written.
	data, _ := json.Marshal(s)
	return len(data)
}

// source is where it happens; PagerDuty wants one.
func source(a *alert.Alert) string {
	for _, name := range []string{alert.LabelService, alert.LabelGroup, alert.LabelDestination, alert.LabelOperation} {
		if a.Labels[name] != "" {
			return a.Labels[name]
		}
	}
	return "throughline"
}

func class(a *alert.Alert) string {
	kind, reason := a.Labels[alert.LabelKind], a.Labels[alert.LabelReason]
	if reason == "" {
		return kind
	}
	return kind + "/" + reason
}

// severity gives PagerDuty's word: critical, error, warning or info.
func severity(s operation.Severity) string {
	switch s {
	case operation.SeverityCritical:
		return "critical"
	case operation.SeverityError:
		return "error"
	case operation.SeverityWarning:
		return "warning"
	default:
		return "info"
	}
}

func links(a *alert.Alert) []link {
	var out []link
	if a.GeneratorURL != "" {
		out = append(out, link{Href: a.GeneratorURL, Text: "Incident"})
	}
	if runbook, ok := alert.WebLink(a.Annotations[alert.AnnotationRunbook]); ok {
		out = append(out, link{Href: runbook, Text: "Runbook"})
	}
	return out
}

func details(a *alert.Alert) map[string]string {
	out := make(map[string]string, len(a.Labels)+len(a.Annotations)+1)
	for name, value := range a.Annotations {
		out[name] = cut(value, maxDetail)
	}
	for name, value := range a.Labels {
		out[name] = cut(value, maxDetail)
	}
	out[alert.LabelPriority] = strconv.Itoa(a.Priority)
	return out
}

// cut bounds text and makes it valid UTF-8.
func cut(s string, limit int) string {
	return alert.Truncate(strings.ToValidUTF8(s, "\uFFFD"), limit)
}

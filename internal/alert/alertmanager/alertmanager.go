// Package alertmanager brings alerts to Prometheus Alertmanager, API version 2.
//
// Alertmanager knows an alert by its labels, lets it end when it hears no more of it, and forgets: so alerts are told again
// and again, and an alert whose severity is among its labels must be ended under its former labels when that changes. The
// format is that of its openapi.yaml, postAlerts.
package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/alert"
)

// Settings say where Alertmanager is and what it is told.
type Settings struct {
	// Endpoint is the base address, http or https; the path of the API is added.
	Endpoint string
	// RoutingLabels puts severity, priority and owner among the labels, so that Alertmanager can route by them. They are
	// annotations in any case.
	RoutingLabels bool
}

// Notifier implements alert.Notifier.
type Notifier struct {
	client   *alert.Client
	settings Settings
	silences silences
}

// New returns a notifier that sends with the client.
func New(client *http.Client, settings Settings) (*Notifier, error) {
	own, err := alert.NewClient(client, settings.Endpoint, "api/v2")
	if err != nil {
		return nil, fmt.Errorf("alertmanager: %w", err)
	}
	return &Notifier{client: own, settings: settings, silences: silences{client: own, known: make(map[string]silence)}}, nil
}

// postableAlert is one element of the body of postAlerts.
type postableAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       *time.Time        `json:"endsAt,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Notify implements alert.Notifier. A silence that is refused for good keeps nobody from being told: rather a page too many than an alert that is lost.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	var body []postableAlert
	for i := range alerts {
		body = n.appendTo(body, &alerts[i])
	}
	data, err := json.Marshal(body)
	if err != nil {
		return &alert.Error{Err: fmt.Errorf("alerts cannot be written as JSON: %w", err)}
	}
	unsilenced := n.silences.update(ctx, alerts, time.Now())
	if unsilenced != nil && retryable(unsilenced) {
		return unsilenced
	}
	if _, err = n.client.Do(ctx, http.MethodPost, "alerts", alert.JSON(), data); err != nil {
		return err
	}
	return unsilenced
}

// appendTo appends the alert as it is and, where the routing is part of the identity, its former ones as ended.
func (n *Notifier) appendTo(body []postableAlert, a *alert.Alert) []postableAlert {
	now := postableAlert{
		Labels: n.labels(a, a.Routing), Annotations: sanitized(a.Annotations), StartsAt: a.StartsAt.UTC(),
		GeneratorURL: a.GeneratorURL,
	}
	if a.Status == alert.StatusResolved {
		endsAt := a.EndsAt.UTC()
		now.EndsAt = &endsAt
	}
	if n.settings.RoutingLabels {
		for _, f := range a.Former {
			// An alert must not end before it starts; the incident may have been opened anew since.
			endsAt, startsAt := f.EndsAt.UTC(), now.StartsAt
			if endsAt.Before(startsAt) {
				startsAt = endsAt
			}
			body = append(body, postableAlert{
				Labels: n.labels(a, f.Routing), Annotations: now.Annotations, StartsAt: startsAt, EndsAt: &endsAt,
				GeneratorURL: a.GeneratorURL,
			})
		}
	}
	return append(body, now)
}

func (n *Notifier) labels(a *alert.Alert, routing alert.Routing) map[string]string {
	labels := maps.Clone(a.Labels)
	if labels == nil {
		labels = make(map[string]string, 4)
	}
	labels["alertname"] = a.Name
	if n.settings.RoutingLabels {
		labels[alert.LabelSeverity] = routing.Severity.String()
		labels[alert.LabelPriority] = strconv.Itoa(routing.Priority)
		if routing.Owner != "" {
			labels[alert.LabelOwner] = routing.Owner
		}
	}
	return sanitized(labels)
}

// Package alertmanager brings alerts to Prometheus Alertmanager, API version 2.
//
// Alertmanager knows an alert by its labels, lets it end when it hears no more of it, and forgets: so alerts are told again
// and again, and an alert whose severity is among its labels must be ended under its former labels when that changes. The
// format is that of its openapi.yaml, postAlerts.
package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/alert"
)

// maxResponse is how much of a response is read so that the connection can be used again.
const maxResponse = 64 << 10

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
	client   *http.Client
	address  string
	settings Settings
}

// New returns a notifier that sends with the client.
func New(client *http.Client, settings Settings) (*Notifier, error) {
	base, err := url.Parse(settings.Endpoint)
	if err != nil {
		// The error of Parse quotes the address, which may hold a password.
		return nil, errors.New("the address of Alertmanager is not a URL")
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, errors.New("the address of Alertmanager must be an http or https URL with a host")
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Notifier{client: &own, address: base.JoinPath("api/v2/alerts").String(), settings: settings}, nil
}

// postableAlert is one element of the body of postAlerts.
type postableAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       *time.Time        `json:"endsAt,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Notify implements alert.Notifier.
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
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.address, bytes.NewReader(data))
	if err != nil {
		return &alert.Error{Err: errors.New("the request cannot be made")}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := n.client.Do(request)
	if err != nil {
		return alert.NoAnswer(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxResponse)
	return alert.CheckResponse(response, time.Now())
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

// Package webhook brings alerts to any HTTP endpoint as CloudEvents 1.0, signed if there is a secret.
//
// An event carries what is true of one incident now; its ID is the incident with its revision, so that a receiver knows a
// repetition. The HTTP binding is that of the CloudEvents SDK, structured or binary; the signature that of
// https://www.standardwebhooks.com, over exactly the bytes that are sent.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/operation"
)

// Mode says where the attributes of an event are.
type Mode string

// The modes of the HTTP protocol binding for CloudEvents 1.0.2, section 3.
const (
	// ModeStructured: the whole event is a JSON document in the body.
	ModeStructured Mode = "structured"
	// ModeBinary: the attributes are headers, the body is the data.
	ModeBinary Mode = "binary"
)

// The types of events.
const (
	TypeFiring   = "io.throughline.incident.firing"
	TypeResolved = "io.throughline.incident.resolved"
)

// Settings say where events go and how.
type Settings struct {
	Endpoint string
	Mode     Mode
	// Source is the URI-reference that names this Throughline, the attribute source.
	Source string
	// Secrets sign, each by itself, so that a receiver can change from one to the other: base64, with or without the prefix
	// whsec_. None: nothing is signed.
	Secrets []string
}

// Notifier implements alert.Notifier.
type Notifier struct {
	client   *alert.Client
	settings Settings
	signers  []*standardwebhooks.Webhook
}

// New returns a notifier that sends with the client.
func New(client *http.Client, settings Settings) (*Notifier, error) {
	own, err := alert.NewClient(client, settings.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	n := &Notifier{client: own, settings: settings}
	for i, secret := range settings.Secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil || strings.TrimPrefix(secret, "whsec_") == "" {
			// The error may quote the secret.
			return nil, fmt.Errorf("webhook: secret %d is not base64 with the optional prefix whsec_", i+1)
		}
		n.signers = append(n.signers, signer)
	}
	return n, nil
}

// Data is the data of an event, in JSON.
type Data struct {
	IncidentID string `json:"incident_id"`
	Alert      string `json:"alert"`
	Status     string `json:"status"`
	Severity   string `json:"severity"`
	Priority   int    `json:"priority"`
	Owner      string `json:"owner,omitempty"`
	// Acknowledged is who takes care of it.
	Acknowledged string            `json:"acknowledged_by,omitempty"`
	Summary      string            `json:"summary"`
	StartsAt     time.Time         `json:"starts_at"`
	EndsAt       *time.Time        `json:"ends_at,omitempty"`
	URL          string            `json:"url,omitempty"`
	Revision     int64             `json:"revision"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
}

// Notify implements alert.Notifier. Each alert is an event of its own.
func (n *Notifier) Notify(ctx context.Context, alerts []alert.Alert) error {
	for i := range alerts {
		header, body, err := n.render(ctx, &alerts[i], time.Now())
		if err != nil {
			return &alert.Error{Err: err}
		}
		if err := n.client.Post(ctx, header, body); err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) render(ctx context.Context, a *alert.Alert, now time.Time) (http.Header, []byte, error) {
	e, err := n.event(a)
	if err != nil {
		return nil, nil, err
	}
	request := &http.Request{Header: http.Header{}}
	if n.settings.Mode == ModeBinary {
		ctx = binding.WithForceBinary(ctx)
	} else {
		ctx = binding.WithForceStructured(ctx)
	}
	if err := cehttp.WriteRequest(ctx, binding.ToMessage(e), request); err != nil {
		return nil, nil, fmt.Errorf("the event cannot be written: %w", err)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("the event cannot be written: %w", err)
	}
	encodeHeaders(request.Header)
	if err := n.sign(request.Header, e.ID(), now, body); err != nil {
		return nil, nil, err
	}
	return request.Header, body, nil
}

func (n *Notifier) event(a *alert.Alert) (*event.Event, error) {
	e := event.New(event.CloudEventsVersionV1)
	e.SetID(a.ID + "." + strconv.FormatInt(a.Revision, 10))
	e.SetSource(n.settings.Source)
	e.SetSubject(a.ID)
	e.SetType(TypeFiring)
	at := a.StartsAt
	if a.Status == alert.StatusResolved {
		e.SetType(TypeResolved)
		at = a.EndsAt
	}
	e.SetTime(at)
	// The extensions "correlation" and "severity" of the CloudEvents specification: everything about one incident has one
	// correlation ID, and severity numbers are those of OpenTelemetry.
	e.SetExtension("correlationid", a.ID)
	e.SetExtension("severitytext", a.Severity.String())
	e.SetExtension("severitynumber", severityNumber(a.Severity))
	data := Data{
		IncidentID: a.ID, Alert: a.Name, Status: a.Status.String(), Severity: a.Severity.String(), Priority: a.Priority,
		Owner: a.Owner, Acknowledged: a.Acknowledged, Summary: a.Annotations[alert.AnnotationSummary], StartsAt: a.StartsAt, URL: a.GeneratorURL,
		Revision: a.Revision, Labels: a.Labels, Annotations: a.Annotations,
	}
	if a.Status == alert.StatusResolved {
		data.EndsAt = &a.EndsAt
	}
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return nil, fmt.Errorf("the event cannot be written as JSON: %w", err)
	}
	if err := e.Validate(); err != nil {
		return nil, errors.New("the alert makes no valid CloudEvent: its ID or the source is empty")
	}
	return &e, nil
}

// severityNumber is the first number of each range of the log data model of OpenTelemetry.
func severityNumber(s operation.Severity) int32 {
	switch s {
	case operation.SeverityCritical:
		return 21
	case operation.SeverityError:
		return 17
	case operation.SeverityWarning:
		return 13
	default:
		return 9
	}
}

func (n *Notifier) sign(header http.Header, id string, now time.Time, body []byte) error {
	if len(n.signers) == 0 {
		return nil
	}
	signatures := make([]string, 0, len(n.signers))
	for _, signer := range n.signers {
		signature, err := signer.Sign(id, now, body)
		if err != nil {
			return errors.New("the event cannot be signed")
		}
		signatures = append(signatures, signature)
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// encodeHeaders writes what headers cannot hold as percent escapes, as section 3.1.3.2 of the binding demands. The SDK
// leaves that out.
func encodeHeaders(header http.Header) {
	for name, values := range header {
		if !strings.HasPrefix(strings.ToLower(name), "ce-") {
			continue
		}
		for i := range values {
			values[i] = percentEncode(values[i])
		}
	}
}

func percentEncode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c == '"' || c == '%' || c >= 0x7f {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

package console

import "github.com/throughline/throughline/internal/incident"

// hintsJSON is what may have caused an incident.
type hintsJSON struct {
	Traits       []traitJSON       `json:"traits"`
	Deployment   *deploymentJSON   `json:"deployment"`
	Silent       *silenceJSON      `json:"silent"`
	LastConsumer *lastConsumerJSON `json:"last_consumer"`
}

// traitJSON is what failing operations have in common and healthy ones have not.
type traitJSON struct {
	Attribute   string  `json:"attribute"`
	Value       string  `json:"value"`
	Side        string  `json:"side"`
	Destination string  `json:"destination"`
	Group       *string `json:"group"`
	Failing     int64   `json:"failing"`
	FailingOf   int64   `json:"failing_of"`
	Healthy     int64   `json:"healthy"`
	HealthyOf   int64   `json:"healthy_of"`
	Text        string  `json:"text"`
}

type deploymentJSON struct {
	Service  string    `json:"service"`
	Version  string    `json:"version"`
	Previous string    `json:"previous_version"`
	At       timestamp `json:"at"`
}

type silenceJSON struct {
	Service string    `json:"service"`
	Since   timestamp `json:"since"`
}

type lastConsumerJSON struct {
	Group   *string   `json:"group"`
	Service *string   `json:"service"`
	At      timestamp `json:"at"`
}

func hintsOf(h *incident.Hints) hintsJSON {
	j := hintsJSON{Traits: make([]traitJSON, len(h.Traits))}
	for i := range h.Traits {
		t := &h.Traits[i]
		j.Traits[i] = traitJSON{
			Attribute: t.Attribute.String(), Value: t.Value, Side: t.Side.String(), Destination: t.Destination, Group: optional(t.Group),
			Failing: t.Failing, FailingOf: t.FailingOf, Healthy: t.Healthy, HealthyOf: t.HealthyOf, Text: t.String(),
		}
	}
	if d := &h.Deployment; d.At != 0 {
		j.Deployment = &deploymentJSON{Service: d.Service, Version: d.Version, Previous: d.Previous, At: timestamp(d.At)}
	}
	if s := h.Silent; s.Since != 0 {
		j.Silent = &silenceJSON{Service: s.Service, Since: timestamp(s.Since)}
	}
	if c := h.LastConsumer; c.At != 0 {
		j.LastConsumer = &lastConsumerJSON{Group: optional(c.Group), Service: optional(c.Service), At: timestamp(c.At)}
	}
	return j
}

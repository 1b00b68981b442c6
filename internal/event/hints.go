package event

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// The keys of one hint in the list of them.
const (
	hintAttribute   = "attribute"
	hintValue       = "value"
	hintSide        = "side"
	hintDestination = "destination"
	hintGroup       = "consumer_group"
	hintFailing     = "failing"
	hintFailingOf   = "failing_of"
	hintHealthy     = "healthy"
	hintHealthyOf   = "healthy_of"
)

// hints writes what may have caused an incident, the strongest trait in words too.
func (w writer) hints(h *incident.Hints) {
	if len(h.Traits) > 0 {
		w.PutStr(attrIncidentHint, h.Traits[0].String())
		list := w.PutEmptySlice(attrIncidentHints)
		list.EnsureCapacity(len(h.Traits))
		for i := range h.Traits {
			hint(writer{list.AppendEmpty().SetEmptyMap()}, &h.Traits[i])
		}
	}
	if d := &h.Deployment; d.At != 0 {
		w.text(attrIncidentDeployedService, d.Service)
		w.text(attrIncidentDeployedVersion, d.Version)
		w.text(attrIncidentDeployedPrevious, d.Previous)
		w.time(attrIncidentDeployedAt, d.At)
	}
	if s := h.Silent; s.Since != 0 {
		w.text(attrIncidentSilentService, s.Service)
		w.time(attrIncidentSilentSince, s.Since)
	}
	if c := h.LastConsumer; c.At != 0 {
		w.text(attrIncidentConsumerGroup, c.Group)
		w.text(attrIncidentConsumerService, c.Service)
		w.time(attrIncidentConsumerAt, c.At)
	}
}

func hint(w writer, h *cause.Hint) {
	w.EnsureCapacity(9)
	w.PutStr(hintAttribute, h.Attribute.String())
	w.PutStr(hintValue, h.Value)
	w.PutStr(hintSide, h.Side.String())
	w.text(hintDestination, h.Destination)
	w.text(hintGroup, h.Group)
	w.PutInt(hintFailing, h.Failing)
	w.PutInt(hintFailingOf, h.FailingOf)
	w.PutInt(hintHealthy, h.Healthy)
	w.PutInt(hintHealthyOf, h.HealthyOf)
}

// hints reads what may have caused an incident. Of what has a time, that is what says that it is there.
func (r *reader) hints() incident.Hints {
	h := incident.Hints{Traits: r.traits()}
	if at := r.time(attrIncidentDeployedAt); at != 0 {
		h.Deployment = cause.Deployment{
			Service: r.text(attrIncidentDeployedService), Version: r.text(attrIncidentDeployedVersion),
			Previous: r.text(attrIncidentDeployedPrevious), At: at,
		}
	}
	if since := r.time(attrIncidentSilentSince); since != 0 {
		h.Silent = incident.Silence{Service: r.text(attrIncidentSilentService), Since: since}
	}
	if at := r.time(attrIncidentConsumerAt); at != 0 {
		h.LastConsumer = operation.Sighting{Group: r.text(attrIncidentConsumerGroup), Service: r.text(attrIncidentConsumerService), At: at}
	}
	return h
}

func (r *reader) traits() []cause.Hint {
	v, ok := r.value(attrIncidentHints, pcommon.ValueTypeSlice)
	if !ok {
		return nil
	}
	var hints []cause.Hint
	for i := range min(v.Slice().Len(), cause.MaxHints) {
		one := v.Slice().At(i)
		if one.Type() != pcommon.ValueTypeMap {
			r.fail(attrIncidentHints, "holds a %s: must hold maps", one.Type())
			return nil
		}
		in := reader{attributes: one.Map()}
		h := cause.Hint{
			Trait: cause.Trait{Attribute: named(&in, hintAttribute, cause.ParseAttribute), Value: in.text(hintValue)},
			Side:  named(&in, hintSide, cause.ParseSide), Destination: in.text(hintDestination), Group: in.text(hintGroup),
			Failing: in.count(hintFailing), FailingOf: in.count(hintFailingOf), Healthy: in.count(hintHealthy), HealthyOf: in.count(hintHealthyOf),
		}
		if in.err != nil {
			r.fail(attrIncidentHints, "holds a hint whose %v", in.err)
			return nil
		}
		hints = append(hints, h)
	}
	return hints
}

package operationsextension

import "github.com/throughline/throughline/internal/incident/cause"

// resource is what operations are compared by when a cause is looked for.
func (o *operations) resource(service, instance string) cause.Resource {
	known := o.originals.ResourceOf(service, instance)
	if known == nil {
		return cause.Resource{}
	}
	var r cause.Resource
	for _, a := range known.Attributes {
		switch a.Key {
		case "service.version":
			r.Version = a.Value
		case "cloud.region":
			r.Region = a.Value
		case "cloud.availability_zone":
			r.Zone = a.Value
		}
	}
	return r
}

// silentSince tells since when the telemetry of a service is lacking at a time, 0 if it is not.
func (g *gaps) silentSince(service string, now int64) int64 {
	if g.monitor == nil {
		return 0
	}
	if v, ok := g.monitor.Find(service, now, now); ok && v.Until == 0 && v.Service == service {
		return v.From
	}
	return 0
}

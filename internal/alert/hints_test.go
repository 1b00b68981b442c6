package alert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

func TestHintsAreAnnotations(t *testing.T) {
	e := event()
	e.Incident.Hints = incident.Hints{
		Traits: []cause.Hint{
			{Trait: cause.Trait{Attribute: cause.AttributeInstance, Value: "worker-3"}, Failing: 41, FailingOf: 43, Healthy: 2, HealthyOf: 95},
			{Trait: cause.Trait{Attribute: cause.AttributeGroup, Value: "audit"}, Failing: 30, FailingOf: 43, Healthy: 9, HealthyOf: 95},
		},
		Deployment:   cause.Deployment{Service: "warehouse", Version: "2.0", Previous: "1.9", At: start.UnixNano()},
		Silent:       incident.Silence{Service: "warehouse", Since: start.Add(time.Minute).UnixNano()},
		LastConsumer: operation.Sighting{Group: "packers", Service: "warehouse", At: start.UnixNano()},
	}
	a := Framing{}.Of(&e).Annotations
	require.Equal(t, "instance worker-3 (41 of 43 failing, 2 of 95 healthy); consumer group audit (30 of 43 failing, 9 of 95 healthy)", a[AnnotationCause])
	require.Equal(t, "warehouse 2.0 since 2026-03-01T12:00:00Z (before: 1.9)", a[AnnotationDeployment])
	require.Equal(t, "warehouse since 2026-03-01T12:01:00Z", a[AnnotationSilent])
	require.Equal(t, "warehouse (consumer group packers) at 2026-03-01T12:00:00Z", a[AnnotationConsumer])

	e.Incident.Hints.LastConsumer.Group = "warehouse"
	require.Equal(t, "warehouse at 2026-03-01T12:00:00Z", Framing{}.Of(&e).Annotations[AnnotationConsumer], "a group without a name is called as its service")
}

func TestAHintWakesNobody(t *testing.T) {
	e := event()
	e.Kind, e.Cause = incident.EventUpdated, incident.CauseHint
	require.False(t, Framing{}.Of(&e).News)
}

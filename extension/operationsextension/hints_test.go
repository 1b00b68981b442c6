package operationsextension

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// TestAnIncidentNamesTheVersion: from facts and resource attributes to the event.
func TestAnIncidentNamesTheVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nil)
		s := o.Subscribe()
		defer s.Close()
		for instance, version := range map[string]string{"w-1": "1.0", "w-2": "2.0"} {
			m := pcommon.NewMap()
			m.PutStr("service.version", version)
			m.PutStr("cloud.availability_zone", "eu-1a")
			o.Originals().Saw(processed(1).Service, instance, m, time.Now().UnixNano())
		}
		for span := byte(1); span <= 60; span++ {
			process := processed(span)
			process.Instance = "w-1"
			if span > 40 {
				process = declined(span, 100)[0]
				process.Instance = "w-2"
			}
			o.Apply(time.Now(), []operation.Fact{sent(fmt.Sprint("o-", span), span), process}, nil)
		}
		var told *incident.Incident
		for told == nil || len(told.Hints.Traits) == 0 {
			for _, e := range next(t, s).Incidents {
				told = &e.Incident
			}
		}
		h := told.Hints.Traits[0]
		require.Equal(t, cause.Trait{Attribute: cause.AttributeVersion, Value: "2.0"}, h.Trait)
		require.Equal(t, "version 2.0 (20 of 20 failing, 0 of 40 healthy)", h.String())
	})
}

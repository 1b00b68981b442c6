package operationsextension

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
)

// TestManyIncidentsOfADestinationAreAStorm: with the number of the configuration, from facts to events.
func TestManyIncidentsOfADestinationAreAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, func(c *Config) { c.Incidents.Storm = 3 })
		s := o.Subscribe()
		defer s.Close()
		for span := byte(1); span <= 3; span++ {
			process := processed(span)
			process.Outcome, process.ErrorType = operation.OutcomeError, fmt.Sprint("E", span)
			o.Apply(time.Now(), []operation.Fact{sent(fmt.Sprint("o-", span), span), process}, nil)
		}
		var told []incident.Event
		for len(told) == 0 {
			told = next(t, s).Incidents
		}
		require.Len(t, told, 4)
		parent := told[0].Incident
		require.True(t, parent.Storm)
		require.EqualValues(t, 3, parent.Children)
		require.EqualValues(t, 3, parent.Active)
		for _, e := range told[1:] {
			require.Equal(t, parent.ID, e.Incident.ParentID)
		}
	})
}

package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestWhatAViewShowsIsMentioned: who looks for a service or a destination misses no operation.
func TestWhatAViewShowsIsMentioned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := DefaultSettings()
		settings.ArrivalGrace = 0
		e, err := New(settings)
		require.NoError(t, err)
		now := time.Unix(0, at(20))
		// What is learned from the first tangle is known in the others.
		for range 3 {
			e.Apply(now, drawTangle(t), nil)
			now = now.Add(time.Hour / 4)
			e.Sweep(now)
		}
		for s := range e.Summaries() {
			snapshot, ok := e.Snapshot(s)
			require.True(t, ok)
			services, destinations := shown(snapshot.View)
			for _, service := range services {
				require.True(t, e.Mentions(&s, service, ""), service)
				for _, destination := range destinations {
					require.True(t, e.Mentions(&s, service, destination), destination)
				}
			}
			require.True(t, e.Mentions(&s, "", ""))
			require.False(t, e.Mentions(&s, "nobody", ""))
			require.False(t, e.Mentions(&s, "", "nowhere"))
		}
	})
}

// shown are the services and destinations of a view.
func shown(v *operation.View) (services, destinations []string) {
	for i := range v.Hops {
		h := &v.Hops[i]
		destinations = append(destinations, h.Destination)
		for k := range h.Sends {
			services = append(services, h.Sends[k].Service)
		}
		for k := range h.Consumers {
			services = append(services, h.Consumers[k].Service)
			for _, a := range h.Consumers[k].Attempts {
				services = append(services, a.Service)
			}
		}
	}
	for i := range v.Works {
		services = append(services, v.Works[i].Service)
	}
	for i := range v.Notes {
		services = append(services, v.Notes[i].Service)
	}
	return services, destinations
}

package cause

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// TestPropertyFisher compares the tail with the sum of the probabilities as they are defined.
func TestPropertyFisher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.Int64Range(1, 40).Draw(t, "failing"), rapid.Int64Range(1, 40).Draw(t, "healthy")
		a, b := rapid.Int64Range(0, n).Draw(t, "failing with"), rapid.Int64Range(0, m).Draw(t, "healthy with")
		want := 0.0
		for k := a; k <= min(n, a+b); k++ {
			if a+b-k <= m {
				want += math.Exp(choose(n, k) + choose(m, a+b-k) - choose(n+m, a+b))
			}
		}
		require.InDelta(t, want, math.Exp(fisher(a, n, b, m)), 1e-6)
	})
}

func TestFisherOfKnownTables(t *testing.T) {
	require.InDelta(t, 0.242857, math.Exp(fisher(3, 4, 1, 4)), 1e-6, "the lady tasting tea")
	require.Less(t, fisher(200_000, 200_000, 0, 4096), -1000.0)
	require.Zero(t, fisher(0, 5, 3, 5))
}

// TestPropertyTallyBoundsCounts: whatever gave way, what is told is never too much for the failing side, nor too little for the
// healthy one.
func TestPropertyTallyBoundsCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var counted tally
		truth := map[string]float64{}
		for range rapid.IntRange(0, 400).Draw(t, "operations") {
			value := fmt.Sprint("v", rapid.IntRange(0, 3*maxValues).Draw(t, "value"))
			counted.add(value, 1)
			truth[value]++
		}
		require.LessOrEqual(t, len(counted.counts), maxValues)
		for value, n := range truth {
			require.GreaterOrEqual(t, counted.mostOf(value), n)
		}
		for i := range counted.counts {
			require.LessOrEqual(t, counted.counts[i].weight, truth[counted.counts[i].value])
		}
	})
}

// TestPropertyEverythingIsBounded feeds what an attacker may send.
func TestPropertyEverythingIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := DefaultSettings()
		settings.MaxPlaces, settings.MaxServices = 5, 3
		text := rapid.SampledFrom([]string{"", "a", "b", "\xff", strings.Repeat("x", 2*maxValue)})
		table, err := NewTable(settings, func(service, instance string) Resource { return Resource{Version: service + instance} })
		require.NoError(t, err)
		var sample Sample
		for range rapid.IntRange(1, 20).Draw(t, "operations") {
			hops := make([]operation.Hop, rapid.IntRange(0, maxHops+4).Draw(t, "hops"))
			for i := range hops {
				h := &hops[i]
				h.Destination = fmt.Sprint(text.Draw(t, "destination"), rapid.IntRange(0, 4).Draw(t, "number"))
				h.Consumers = make([]operation.Consumer, rapid.SampledFrom([]int{0, 1, 2, maxGroups + 1}).Draw(t, "groups"))
				for k := range h.Consumers {
					h.Consumers[k].Group = text.Draw(t, "group")
					h.Consumers[k].Attempts = []operation.Attempt{{
						Origin:    operation.Origin{Service: text.Draw(t, "service"), Instance: text.Draw(t, "instance")},
						StartedAt: rapid.Int64().Draw(t, "at"), Inferred: rapid.Bool().Draw(t, "inferred"),
					}}
				}
			}
			s := &Subject{View: &operation.View{Hops: hops}, Name: text.Draw(t, "name"), Hop: -1, Consumer: -1}
			now := rapid.Int64Range(0, int64(time.Hour)).Draw(t, "now")
			if rapid.Bool().Draw(t, "failing") {
				s.Hop = rapid.IntRange(-1, len(hops)).Draw(t, "hop")
				table.Fail(&sample, s, now)
			} else {
				table.Learn(s, now)
			}
			require.LessOrEqual(t, len(table.Hints(&sample)), MaxHints)
		}
		stats := table.Stats()
		require.LessOrEqual(t, stats.Places, settings.MaxPlaces)
		require.LessOrEqual(t, stats.Services, settings.MaxServices)
		require.Equal(t, stats.Places, table.heard.Len())
		require.LessOrEqual(t, len(sample.places), maxPlaces)
		require.LessOrEqual(t, len(sample.services), maxFailingServices)
		for _, e := range table.versions.services {
			require.LessOrEqual(t, len(e.Value.(*history).seen), maxVersions)
		}
		for place, e := range table.places {
			require.LessOrEqual(t, len(place.Destination), maxValue)
			at := e.Value.(*station)
			for a := range at.of {
				known := 0.0
				for _, c := range at.of[a].counts {
					require.NotEmpty(t, c.value)
					known = max(known, c.weight)
				}
				require.LessOrEqual(t, known, at.of[a].known+rounding)
				require.LessOrEqual(t, at.of[a].known, at.operations+rounding)
			}
		}
	})
}

func TestHealthyOperationsAreForgottenSlowly(t *testing.T) {
	table, err := NewTable(DefaultSettings(), nil)
	require.NoError(t, err)
	one := func(instance string) *Subject {
		return &Subject{Hop: -1, Consumer: -1, Name: "fulfil", View: &operation.View{Hops: []operation.Hop{{
			Destination: "orders", Sends: []operation.Send{{Origin: operation.Origin{Service: "shop", Instance: instance}}},
		}}}}
	}
	for range 64 {
		table.Learn(one("old"), 0)
	}
	table.Learn(one("new"), int64(30*time.Minute))
	at := table.heard.Front().Value.(*station)
	require.InDelta(t, 32, at.of[AttributeInstance].mostOf("old"), 0.001)
	require.InDelta(t, 33, at.operations, 0.001)
	table.Learn(one("new"), int64(12*time.Hour))
	require.Zero(t, at.of[AttributeInstance].mostOf("old"), "gone for good")
	for range 10_000 {
		table.Learn(one("new"), int64(12*time.Hour))
	}
	require.LessOrEqual(t, at.operations, DefaultSettings().MaxWeight)
}

func TestSeveralMessagesAreOneOperation(t *testing.T) {
	table, err := NewTable(DefaultSettings(), nil)
	require.NoError(t, err)
	var hops []operation.Hop
	for i := range 4 {
		hops = append(hops, operation.Hop{Destination: "orders", Partition: operation.ParsePartition(strconv.Itoa(i % 2))})
	}
	table.Learn(&Subject{View: &operation.View{Hops: hops}, Name: "fulfil", Hop: -1, Consumer: -1}, 0)
	at := table.heard.Front().Value.(*station)
	require.InDelta(t, 1, at.operations, rounding)
	require.InDelta(t, 0.5, at.of[AttributePartition].mostOf("1"), rounding)

	var sample Sample
	table.Fail(&sample, &Subject{View: &operation.View{Hops: hops}, Name: "fulfil", Hop: 2, Consumer: -1}, 1)
	require.Len(t, sample.places, 1)
	require.InDelta(t, 1, sample.places[0].of[AttributePartition].mostOf("0"), rounding, "the message that failed, not those beside it")
}

func TestDeployment(t *testing.T) {
	minute := int64(time.Minute)
	v := newVersions(2)
	v.saw("worker", "1", 10*minute)
	_, ok := v.deployment("worker", 0, 20*minute)
	require.False(t, ok, "the first version that is seen is no change")
	v.saw("worker", "1", 58*minute)
	v.saw("worker", "2", 60*minute)
	v.saw("worker", "2", 59*minute)
	v.saw("worker", "1", 61*minute)
	d, ok := v.deployment("worker", 40*minute, 70*minute)
	require.True(t, ok)
	require.Equal(t, Deployment{Service: "worker", Version: "2", Previous: "1", At: 59 * minute}, d)
	_, ok = v.deployment("worker", 60*minute, 70*minute)
	require.False(t, ok, "too long ago")
	_, ok = v.deployment("worker", 0, 58*minute)
	require.False(t, ok, "after the failure")

	v.saw("worker", "2", 119*minute)
	v.saw("worker", "1", 120*minute)
	d, ok = v.deployment("worker", 110*minute, 130*minute)
	require.True(t, ok)
	require.Equal(t, "1", d.Version, "rolled back")
	require.Equal(t, "2", d.Previous)

	v.saw("worker", "1", 500*minute)
	_, ok = v.deployment("worker", 400*minute, 600*minute)
	require.False(t, ok, "it had nothing to do")

	v.saw("b", "1", 1)
	v.saw("c", "1", 1)
	require.Len(t, v.services, 2)
	require.Equal(t, int64(1), v.evicted)
	for i := range 20 {
		v.saw("c", strconv.Itoa(i), int64(i))
	}
	d, ok = v.deployment("c", 19, 19)
	require.True(t, ok)
	require.Equal(t, "18", d.Previous)
}

func TestSettings(t *testing.T) {
	require.NoError(t, DefaultSettings().Validate())
	for name, change := range map[string]func(*Settings){
		"MaxPlaces is 0": func(s *Settings) { s.MaxPlaces = 0 }, "MaxServices is -1": func(s *Settings) { s.MaxServices = -1 },
		"HalfLife is 0s": func(s *Settings) { s.HalfLife = 0 }, "DeployedWithin is -1s": func(s *Settings) { s.DeployedWithin = -time.Second },
		"MaxWeight is 0": func(s *Settings) { s.MaxWeight = 0 }, "MinFailing is 0": func(s *Settings) { s.MinFailing = 0 },
		"MinHealthy is NaN": func(s *Settings) { s.MinHealthy = math.NaN() }, "MinLift is 0.5": func(s *Settings) { s.MinLift = 0.5 },
		"MinShare is 2": func(s *Settings) { s.MinShare = 2 }, "Significance is 0": func(s *Settings) { s.Significance = 0 },
	} {
		s := DefaultSettings()
		change(&s)
		require.ErrorContains(t, s.Validate(), name)
		_, err := NewTable(s, nil)
		require.Error(t, err)
	}
}

func TestNames(t *testing.T) {
	for a := range attributeCount {
		got, ok := ParseAttribute(Attribute(a).String())
		require.True(t, ok)
		require.Equal(t, Attribute(a), got)
	}
	for _, s := range []Side{SideMessage, SideConsumer} {
		got, ok := ParseSide(s.String())
		require.True(t, ok)
		require.Equal(t, s, got)
	}
	_, ok := ParseAttribute("colour")
	require.False(t, ok)
	_, ok = ParseSide("colour")
	require.False(t, ok)
}

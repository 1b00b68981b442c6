package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Hint is a value that failing operations have far more often than healthy ones of the same name at the same place.
type Hint struct {
	Trait
	// Side, Destination and Group are where they have it.
	Side               Side
	Destination, Group string
	// Failing of FailingOf operations that fail have it, Healthy of HealthyOf healthy ones of late. They count those that were
	// looked at and of which the attribute is known.
	Failing, FailingOf, Healthy, HealthyOf int64
}

// String says it in words.
func (h *Hint) String() string {
	return fmt.Sprintf("%s %s (%d of %d failing, %d of %d healthy)", attributeWords[h.Attribute], h.Value, h.Failing, h.FailingOf, h.Healthy, h.HealthyOf)
}

var attributeWords = [attributeCount]string{"version", "partition", "instance", "zone", "region", "consumer group", "service"}

// MaxHints is how many hints are given at most.
const MaxHints = 3

const (
	// maxPlaces bounds the places at which the operations of one incident are counted.
	maxPlaces = 8
	// fewOperations are all looked at; of more, one in every oneIn.
	fewOperations = 1024
	oneIn         = 16
	// maxFailingServices bounds the services whose deployments are looked for.
	maxFailingServices = 16
)

// Sample counts the operations of one incident. The zero value is an empty one.
type Sample struct {
	seen     int
	places   []failing
	services []string
	// since is when the first of them failed, in nanoseconds since 1970.
	since int64
}

type failing struct {
	place Place
	tallies
}

// Fail counts an operation that has failed, or is stuck, since the given time.
func (t *Table) Fail(in *Sample, s *Subject, since int64) {
	if in.since == 0 || since < in.since {
		in.since = since
	}
	in.seen++
	if in.seen > fewOperations && in.seen%oneIn != 0 {
		return
	}
	for _, stop := range t.walker.walk(s) {
		if at := in.place(stop.place); at != nil {
			at.add(stop.traits, stop.weight)
			in.note(stop.traits)
		}
	}
}

func (in *Sample) place(place Place) *failing {
	for i := range in.places {
		if in.places[i].place == place {
			return &in.places[i]
		}
	}
	if len(in.places) >= maxPlaces {
		return nil
	}
	in.places = append(in.places, failing{place: place.clone()})
	return &in.places[len(in.places)-1]
}

// note keeps the services that took part.
func (in *Sample) note(traits []Trait) {
	for _, trait := range traits {
		if trait.Attribute != AttributeService || trait.Value == "" || len(in.services) >= maxFailingServices {
			continue
		}
		if name := clip(trait.Value); !slices.Contains(in.services, name) {
			in.services = append(in.services, strings.Clone(name))
		}
	}
}

// suspect is a value that may be a hint.
type suspect struct {
	Hint
	// chance is the logarithm of the probability that it is by chance.
	chance float64
}

// Hints returns what the operations of a sample have in common that healthy ones have not, the strongest first, in at most
// [MaxHints]. It is empty where the evidence is thin.
func (t *Table) Hints(in *Sample) []Hint {
	var suspects []suspect
	looked := 0
	for i := range in.places {
		e := t.places[in.places[i].place]
		if e == nil {
			continue
		}
		for a := range attributeCount {
			found, n := t.suspects(&in.places[i], e.Value.(*station), Attribute(a))
			suspects = append(suspects, found...)
			looked += n
		}
	}
	bound := math.Log(t.settings.Significance / float64(max(1, looked)))
	suspects = slices.DeleteFunc(suspects, func(s suspect) bool { return s.chance > bound })
	slices.SortStableFunc(suspects, func(a, b suspect) int {
		return cmp.Or(cmp.Compare(a.chance, b.chance), cmp.Compare(a.Attribute, b.Attribute), cmp.Compare(a.Value, b.Value))
	})
	var hints []Hint
	for i := range suspects[:min(len(suspects), MaxHints)] {
		// What is far weaker than the strongest is its shadow, most often: the zone of an instance.
		if suspects[i].chance <= suspects[0].chance/2 {
			hints = append(hints, suspects[i].Hint)
		}
	}
	return hints
}

// suspects returns the values of one attribute at one place that are frequent enough, and how many were looked at.
func (t *Table) suspects(failing *failing, healthy *station, a Attribute) (found []suspect, looked int) {
	f, h := &failing.of[a], &healthy.of[a]
	if f.known < t.settings.MinFailing || f.known*2 < failing.operations || h.known < t.settings.MinHealthy || h.known*2 < healthy.operations {
		return nil, 0
	}
	for i := range f.counts {
		c := &f.counts[i]
		s := suspect{Hint: Hint{
			Trait: Trait{a, c.value}, Side: failing.place.Side, Destination: failing.place.Destination, Group: failing.place.Group,
			Failing: int64(c.weight + rounding), FailingOf: int64(math.Ceil(f.known - rounding)),
			Healthy: int64(math.Ceil(h.mostOf(c.value) - rounding)), HealthyOf: int64(h.known + rounding),
		}}
		s.Healthy, s.Failing = min(s.Healthy, s.HealthyOf), min(s.Failing, s.FailingOf)
		share := float64(s.Failing) / float64(s.FailingOf)
		usual := (float64(s.Healthy) + 0.5) / (float64(s.HealthyOf) + 1)
		if float64(s.Failing) >= t.settings.MinFailing && share >= t.settings.MinShare && share >= t.settings.MinLift*usual {
			s.chance = fisher(s.Failing, s.FailingOf, s.Healthy, s.HealthyOf)
			found = append(found, s)
		}
	}
	return found, max(len(f.counts), len(h.counts))
}

// rounding is what the sum of the shares of operations may be off by.
const rounding = 1e-6

// slackNanos is how long after the first failure a version may first be seen that is to blame for it: times of several clocks.
const slackNanos = int64(time.Minute)

// Deployment returns the latest change of version, shortly before the first failure, of a service that takes part in the
// operations of the sample; false if there was none.
func (t *Table) Deployment(in *Sample) (Deployment, bool) {
	var latest Deployment
	for _, service := range in.services {
		d, ok := t.versions.deployment(service, in.since-int64(t.settings.DeployedWithin), in.since+slackNanos)
		if ok && d.At > latest.At {
			latest = d
		}
	}
	return latest, latest.At != 0
}

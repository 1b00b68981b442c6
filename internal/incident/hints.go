package incident

import (
	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// Hints are what may have caused an incident. They are no more than hints: what came before or goes along with something need
// not be its cause.
type Hints struct {
	// Traits are what the operations of this opening have in common and healthy ones have not, the strongest first.
	Traits []cause.Hint
	// Deployment is the latest change of version, shortly before the first failure of this opening, of a service that takes part;
	// its At is 0 without one.
	Deployment cause.Deployment
	// Silent is a service that takes part and whose telemetry is lacking.
	Silent Silence
	// LastConsumer is who consumed last from the destination in which the operations wait; its At is 0 if that is not known.
	LastConsumer operation.Sighting
}

// Silence is lacking telemetry of a service. Since is in nanoseconds since 1970, 0 without one.
type Silence struct {
	Service string
	Since   int64
}

// first returns the strongest trait.
func (h *Hints) first() cause.Trait {
	if len(h.Traits) == 0 {
		return cause.Trait{}
	}
	return h.Traits[0].Trait
}

// maxLearned is how many healthy operations of one batch are looked at.
const maxLearned = 512

// learn takes in operations that completed, of many only some.
func (t *Tracker) learn(changes []operation.Change, now int64) {
	completed := 0
	for i := range changes {
		if healthy(&changes[i]) {
			completed++
		}
	}
	step := (completed + maxLearned - 1) / maxLearned
	n := 0
	for i := range changes {
		if !healthy(&changes[i]) {
			continue
		}
		if n++; n%step == 0 {
			t.causes.Learn(&cause.Subject{View: changes[i].View, Name: NameOf(&changes[i]), Hop: -1, Consumer: -1}, now)
		}
	}
}

// healthy reports whether an operation has just completed.
func healthy(c *operation.Change) bool {
	return !c.Gone && c.Verdict.State == operation.StateCompleted && c.Before.State != operation.StateCompleted
}

// investigate takes in an operation that joined.
func (t *Tracker) investigate(r *record, c *operation.Change, since int64) {
	s := cause.Subject{View: c.View, Name: NameOf(c), Hop: -1, Consumer: -1}
	s.Hop, s.Consumer = blame(c)
	t.causes.Fail(&r.suspects, &s, since)
	r.undiscussed = true
	if c.Seen.At > r.Hints.LastConsumer.At {
		r.Hints.LastConsumer = operation.Sighting{Group: clip(c.Seen.Group, maxName), Service: clip(c.Seen.Service, maxName), At: c.Seen.At}
	}
}

// conclude brings the hints of an incident up to date, after operations joined.
func (t *Tracker) conclude(r *record, now int64) {
	if !r.undiscussed {
		return
	}
	r.undiscussed = false
	// Of an incident that a restart went through, only the operations since then are compared; what the others told is worth more than nothing.
	if traits := t.causes.Hints(&r.suspects); len(traits) > 0 || !r.carried {
		r.Hints.Traits = traits
	}
	if deployment, ok := t.causes.Deployment(&r.suspects); ok || !r.carried {
		r.Hints.Deployment = deployment
	}
	r.Hints.Silent = t.silence(r, now)
}

// silence returns the first of the services that should have gone on whose telemetry is lacking.
func (t *Tracker) silence(r *record, now int64) Silence {
	if t.settings.SilentSince == nil {
		return Silence{}
	}
	for _, service := range [...]string{r.Hop.Service, r.Hints.LastConsumer.Service, r.Hop.Producer} {
		if service == "" {
			continue
		}
		if since := t.settings.SilentSince(service, now); since != 0 {
			return Silence{Service: service, Since: since}
		}
	}
	return Silence{}
}

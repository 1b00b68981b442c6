package coverage

import (
	"cmp"
	"slices"
)

// Report is what a ledger said at one moment.
type Report struct {
	// Services are in order of their names.
	Services []Service
	// Destinations are in order of their names, then of their systems.
	Destinations []Destination
}

// Service is the coverage of one service. The name is empty for records without a service name.
type Service struct {
	Name string
	// Kinds are indexed by Group.
	Kinds [GroupCount]Tally
	// Missing is what to do something about, what hurts most first.
	Missing []Finding
	// Operations is the number of operations it took part in that are over or stuck.
	Operations uint64
}

// All adds up all records of the service.
func (s *Service) All() Tally { return sumOf(s.Kinds[:]) }

// Messaging adds up its messaging records. Their share is the coverage of the service.
func (s *Service) Messaging() Tally { return sumOf(s.Kinds[:GroupSettle+1]) }

// Destination tells what was seen of the messages of one queue or topic, in operations that are over or stuck.
type Destination struct {
	System, Name string
	Messages     uint64
	// ProducedOnly are those that nobody was seen to consume, ConsumedOnly those that nobody was seen to send.
	ProducedOnly, ConsumedOnly uint64
}

func (b *book) report() Report {
	r := Report{Services: make([]Service, 0, len(b.services)), Destinations: make([]Destination, 0, len(b.flows))}
	for name, a := range b.services {
		r.Services = append(r.Services, Service{Name: name, Kinds: a.tallies, Missing: a.findings(), Operations: a.operations})
	}
	for p, w := range b.flows {
		r.Destinations = append(r.Destinations, Destination{p.system, p.destination, w.messages, w.producedOnly, w.consumedOnly})
	}
	slices.SortFunc(r.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Destinations, func(a, b Destination) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.System, b.System))
	})
	return r
}

package cause

import (
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// Subject is an operation as it is compared with others.
type Subject struct {
	View *operation.View
	// Name is what the operation is called.
	Name string
	// Hop and Consumer are where it fails; -1 if it does not, or as a whole.
	Hop, Consumer int
}

const (
	// maxHops bounds the hops of one operation that are looked at; of more, they are taken at equal distances.
	maxHops = 16
	// maxGroups bounds the consumer groups of one hop.
	maxGroups = 8
)

// stop is what an operation shows at one place, and which share of the operation it is: of several messages at one place each
// is a part.
type stop struct {
	place  Place
	traits []Trait
	weight float64
}

// walker reads what operations show on their way. It is for one goroutine.
type walker struct {
	resources Resources
	// version is told of each version that was seen of a service, and when.
	version func(service, version string, at int64)
	stops   []stop
	// turn varies which hops of a long operation are looked at.
	turn int
}

// walk returns what the operation shows at each place, that of a failing one up to where it fails. The result is valid until the
// next call.
func (w *walker) walk(s *Subject) []stop {
	w.stops = w.stops[:0]
	hops := s.View.Hops
	end := len(hops)
	failing := s.Hop >= 0 && s.Hop < len(hops)
	if failing {
		w.hop(s, s.Hop)
		end = s.Hop
	}
	step := max(1, (end+maxHops-1)/maxHops)
	w.turn++
	for i := w.turn % step; i < end; i += step {
		// Other messages of the destination in which one fails are no step on the way to it.
		if !failing || hops[i].Destination != hops[s.Hop].Destination {
			w.hop(s, i)
		}
	}
	w.weigh()
	return w.stops
}

// weigh gives each stop its share of the operation.
func (w *walker) weigh() {
	for i := range w.stops {
		n := 0
		for k := range w.stops {
			if w.stops[k].place == w.stops[i].place {
				n++
			}
		}
		w.stops[i].weight = 1 / float64(n)
	}
}

func (w *walker) hop(s *Subject, index int) {
	h := &s.View.Hops[index]
	message := w.stop(s, SideMessage, h.Destination, "")
	message.traits = append(message.traits, Trait{AttributePartition, h.Partition.String()})
	if len(h.Sends) > 0 {
		w.origin(message, &h.Sends[0].Origin, h.Sends[0].StartedAt)
	}
	if index != s.Hop {
		for k := range h.Consumers[:min(len(h.Consumers), maxGroups)] {
			message.traits = append(message.traits, Trait{AttributeGroup, h.Consumers[k].Group})
		}
	}
	for k := range h.Consumers[:min(len(h.Consumers), maxGroups)] {
		// Where one consumer group fails, others say nothing about it; and where nobody consumes, nobody did.
		if index == s.Hop && k != s.Consumer {
			continue
		}
		c := &h.Consumers[k]
		if a := telling(c, index == s.Hop); a != nil {
			w.origin(w.stop(s, SideConsumer, h.Destination, c.Group), &a.Origin, max(a.ReceivedAt, a.StartedAt))
		}
	}
}

// stop begins the next stop. It must not be used once the one after it has begun.
func (w *walker) stop(s *Subject, side Side, destination, group string) *stop {
	if len(w.stops) < cap(w.stops) {
		w.stops = w.stops[:len(w.stops)+1]
	} else {
		w.stops = append(w.stops, stop{})
	}
	at := &w.stops[len(w.stops)-1]
	at.place = Place{
		Namespace: clip(s.View.Namespace), Operation: clip(s.Name), Side: side, Destination: clip(destination), Group: clip(group),
	}
	at.traits = at.traits[:0]
	return at
}

func (w *walker) origin(at *stop, o *operation.Origin, when int64) {
	var r Resource
	if w.resources != nil {
		r = w.resources(o.Service, o.Instance)
	}
	at.traits = append(at.traits,
		Trait{AttributeVersion, r.Version}, Trait{AttributeInstance, o.Instance}, Trait{AttributeZone, r.Zone},
		Trait{AttributeRegion, r.Region}, Trait{AttributeService, o.Service},
	)
	if r.Version != "" && when > 0 {
		w.version(o.Service, r.Version, when)
	}
}

// telling returns the attempt that decides how the consumer group's dealings with a message went: of a failing one the last that
// failed or has not ended, else the last that did not fail; nil if no attempt left a record.
func telling(c *operation.Consumer, failing bool) *operation.Attempt {
	var last *operation.Attempt
	for i := len(c.Attempts) - 1; i >= 0; i-- {
		a := &c.Attempts[i]
		if a.Inferred {
			continue
		}
		failed := a.Error != nil || a.Outcome == operation.OutcomeError || a.Open()
		if failed == failing {
			return a
		}
		if last == nil {
			last = a
		}
	}
	return last
}

// clone returns the place in memory of its own.
func (p Place) clone() Place {
	p.Namespace, p.Operation = strings.Clone(p.Namespace), strings.Clone(p.Operation)
	p.Destination, p.Group = strings.Clone(p.Destination), strings.Clone(p.Group)
	return p
}

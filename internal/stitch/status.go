package stitch

import (
	"cmp"
	"strconv"

	"github.com/throughline/throughline/internal/operation"
)

// describe says in one line why the operation failed or is stuck, and what kind of error decided it ("" if none did).
func (b *builder) describe() (text, errorType string) {
	switch b.verdict.State {
	case operation.StateFailed:
		e, where := b.failure()
		return line("failed: " + e + where), b.failureType()
	case operation.StateDeadLettered:
		e, where := b.failure()
		if hop, _ := b.decidingHop(); b.parked != "" && b.parked != hop.Destination {
			where += ", sent to " + clip(Destination(b.parked), maxPlace)
		}
		return line("dead-lettered: " + e + where), b.failureType()
	case operation.StateStuck:
		return line("stuck: " + b.obstacle()), ""
	}
	return "", ""
}

// failure returns the deciding error and where it happened.
func (b *builder) failure() (what, where string) {
	hop, group := b.decidingHop()
	switch {
	case hop == nil:
		return cmp.Or(b.declaration(), "declared failed by the application"), ""
	case group == nil && hop.State == operation.HopDeadLettered:
		return "sent", " to " + place(hop)
	case group == nil:
		return explain(b.decidingError()), " while sending to " + place(hop)
	}
	attempts := group.Tries()
	where = " in " + place(hop) + " after " + strconv.Itoa(attempts) + " attempt"
	if attempts != 1 {
		where += "s"
	}
	return explain(b.decidingError()), where
}

// decidingHop returns the hop and the consumer group that decide the verdict, nil without one.
func (b *builder) decidingHop() (*operation.Hop, *operation.Consumer) {
	if b.place.Hop < 0 {
		return nil, nil
	}
	h := &b.view.Hops[b.place.Hop]
	if b.place.Consumer < 0 {
		return h, nil
	}
	return h, &h.Consumers[b.place.Consumer]
}

// decidingError returns the error that ended the deciding hop, nil if nobody told it.
func (b *builder) decidingError() *operation.Error {
	hop, group := b.decidingHop()
	switch {
	case hop == nil:
		if n := b.declared(); n != nil {
			return n.Error
		}
	case group == nil:
		if n := len(hop.Sends); n > 0 {
			return hop.Sends[n-1].Error
		}
	case b.verdict.State == operation.StateDeadLettered:
		return lastError(group)
	case len(group.Attempts) > 0:
		return group.Attempts[len(group.Attempts)-1].Error
	}
	return nil
}

// lastError is the last that is known: a consumer that parks a message itself does so in an attempt that ends well.
func lastError(c *operation.Consumer) *operation.Error {
	var last *operation.Error
	for i := range c.Attempts {
		if e := c.Attempts[i].Error; e != nil {
			last = e
		}
	}
	return last
}

// declared returns the record by which the application declared the operation failed.
func (b *builder) declared() *operation.Note {
	if b.view.Declared != operation.OutcomeError {
		return nil
	}
	var found *operation.Note
	b.eachNote(func(n *operation.Note) {
		if n.At == b.view.DeclaredAt && (found == nil || (found.Error == nil && n.Error != nil)) {
			found = n
		}
	})
	return found
}

func (b *builder) declaration() string {
	n := b.declared()
	switch {
	case n == nil:
		return ""
	case n.Error != nil:
		return explain(n.Error)
	}
	return clip(cmp.Or(n.Body, n.Name), maxCause)
}

func (b *builder) eachNote(see func(*operation.Note)) {
	v := b.view
	for i := range v.Notes {
		see(&v.Notes[i])
	}
	for i := range v.Works {
		for k := range v.Works[i].Notes {
			see(&v.Works[i].Notes[k])
		}
	}
	for i := range v.Hops {
		for k := range v.Hops[i].Consumers {
			for n := range v.Hops[i].Consumers[k].Attempts {
				a := &v.Hops[i].Consumers[k].Attempts[n]
				for m := range a.Notes {
					see(&a.Notes[m])
				}
			}
		}
	}
}

// maxPlace bounds the names of places in a description and maxCause its cause, in bytes, so that a long one does not
// push out the rest.
const (
	maxPlace = 64
	maxCause = maxLine - 3*maxPlace
)

func place(h *operation.Hop) string { return clip(Destination(h.Destination), maxPlace) }

// explain writes an error as type and message.
func explain(e *operation.Error) string {
	if e == nil || (e.Type == "" && e.Message == "") {
		return "unknown error"
	}
	if e.Type == "" || e.Message == "" || e.Type == e.Message {
		return clip(cmp.Or(e.Type, e.Message), maxCause)
	}
	return clip(clip(e.Type, maxPlace)+": "+clip(e.Message, maxCause), maxCause)
}

// failureType is the error.type of a failure; _OTHER is what the semantic conventions say where none is known.
func (b *builder) failureType() string { return errorType(b.decidingError()) }

func errorType(e *operation.Error) string {
	if e == nil || e.Type == "" {
		return "_OTHER"
	}
	return e.Type
}

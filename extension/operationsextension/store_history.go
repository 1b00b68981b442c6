package operationsextension

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
	"github.com/throughline/throughline/internal/store"
)

// maxErrorTexts bounds the error messages by which an operation is found.
const maxErrorTexts = 8

// records returns what the history is to have of the changes, and the keys of what is there by other names.
func (d *durable) records(out *Output) (records []store.Record, forget []store.Key) {
	for i := range out.Changes {
		c := &out.Changes[i]
		switch {
		case c.Again || c.View.Missed > 0:
		case c.Gone:
			if !c.Left {
				// It became part of another one.
				forget = append(forget, store.KeyOf(c.View.Namespace, c.View.ID))
			}
		case d.keeps(c):
			for _, alias := range c.View.Aliases {
				forget = append(forget, store.KeyOf(c.View.Namespace, alias))
			}
			records = append(records, d.recordOf(c))
		}
	}
	return records, forget
}

// keeps reports whether the change goes into the history: all but what is in progress or went well, and of that a sample.
func (d *durable) keeps(c *operation.Change) bool {
	switch {
	case c.Verdict.State == operation.StateInProgress:
		// Unless the history says otherwise, there is nothing to correct.
		return c.Before.State != operation.StateInProgress
	case !stitch.Simple(c):
		return true
	}
	return sampled(store.KeyOf(c.View.Namespace, c.View.ID), d.config.CompletedPercentage)
}

// sampled reports whether an operation is among so many of a hundred. All collectors agree.
func sampled(key store.Key, percentage float64) bool {
	return float64(binary.BigEndian.Uint64(key[:])) < percentage/maxPercentage*math.MaxUint64
}

func (d *durable) recordOf(c *operation.Change) store.Record {
	v := c.View
	r := store.Record{
		Namespace: v.Namespace, ID: v.ID, Aliases: v.Aliases, Name: v.Name, State: c.Verdict.State, Reason: c.Verdict.Reason, Flags: c.Verdict.Flags,
		StartedAt: v.StartedAt, EndedAt: c.Verdict.EndedAt, UpdatedAt: c.At, Revision: c.Revision, FinalRevision: c.FinalRevision,
	}
	if c.Policy.OperationName != "" {
		r.Name = c.Policy.OperationName
	}
	services, destinations, texts := newNames(maxRecordNames), newNames(maxRecordNames), newNames(maxErrorTexts)
	for i := range v.Hops {
		h := &v.Hops[i]
		destinations.add(h.Destination)
		for j := range h.Sends {
			services.add(h.Sends[j].Service)
			texts.addError(h.Sends[j].Error)
		}
		for j := range h.Consumers {
			services.add(h.Consumers[j].Service)
			for k := range h.Consumers[j].Attempts {
				texts.addError(h.Consumers[j].Attempts[k].Error)
			}
		}
	}
	for i := range v.Works {
		services.add(v.Works[i].Service)
	}
	r.Services, r.Destinations, r.Text = services.list, destinations.list, texts.list
	r.Facts = store.AppendFacts(nil, d.o.engine.Facts(v.Namespace, v.ID))
	return r
}

// maxRecordNames bounds the services and destinations by which an operation is found.
const maxRecordNames = 32

// names are texts in the order in which they came, each once, and not too many.
type names struct {
	list []string
	max  int
}

func newNames(limit int) *names { return &names{max: limit} }

func (n *names) add(name string) {
	if name != "" && len(n.list) < n.max && !slices.Contains(n.list, name) {
		n.list = append(n.list, name)
	}
}

func (n *names) addError(e *operation.Error) {
	if e != nil {
		n.add(e.Type)
		n.add(e.Message)
	}
}

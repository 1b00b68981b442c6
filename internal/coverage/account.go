package coverage

import (
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// account is what is known of one service.
type account struct {
	// seq is the place in the order in which services were first seen.
	seq     int
	tallies [GroupCount]Tally
	missing [CodeCount]uint64
	// failed counts failed spans; operations, sent and consumed those of operations that are over.
	failed, operations, sent, consumed uint64
}

func (a *account) add(b *account) {
	for g := range a.tallies {
		a.tallies[g].add(&b.tallies[g])
	}
	for c := range a.missing {
		a.missing[c] += b.missing[c]
	}
	a.failed += b.failed
	a.operations += b.operations
	a.sent += b.sent
	a.consumed += b.consumed
}

func (a *account) records() uint64 { return sumOf(a.tallies[:]).Records }

func (a *account) messaging() uint64 { return sumOf(a.tallies[:GroupSettle+1]).Records }

func (a *account) messagingAttached() uint64 {
	t := sumOf(a.tallies[:GroupSettle+1])
	return t.AllAttached()
}

func (a *account) messages() uint64 { return a.tallies[GroupSend].Records + a.consumptions() }

func (a *account) consumptions() uint64 {
	return a.tallies[GroupReceive].Records + a.tallies[GroupProcess].Records
}

func (a *account) logs() uint64 { return a.tallies[GroupLog].Records }

func sumOf(tallies []Tally) Tally {
	var sum Tally
	for i := range tallies {
		sum.add(&tallies[i])
	}
	return sum
}

// findings lists what is missing, what hurts most first.
func (a *account) findings() []Finding {
	var found []Finding
	for c := range CodeCount {
		if n := a.missing[c]; n > 0 {
			found = append(found, Finding{Code: c, Count: n, Of: definitions[c].of(a)})
		}
	}
	return found
}

// place is one queue or topic.
type place struct{ system, destination string }

// flow is what became of the messages of one place.
type flow struct{ messages, producedOnly, consumedOnly uint64 }

// book holds the accounts. It is not safe for concurrent use.
type book struct {
	services map[string]*account
	flows    map[place]*flow
}

func newBook() book {
	return book{services: make(map[string]*account), flows: make(map[place]*flow)}
}

// account returns that of a service, or the one for all services beyond the bound.
func (b *book) account(service string) *account {
	// Metric backends refuse a whole collection for one label that is no UTF-8; names that become equal are one service.
	service = strings.ToValidUTF8(service, "\uFFFD")
	a := b.services[service]
	if a == nil && len(b.services) >= MaxServices {
		service = Overflow
		a = b.services[service]
	}
	if a == nil {
		a = &account{seq: len(b.services)}
		b.services[service] = a
	}
	return a
}

func (b *book) flow(p place) *flow {
	w := b.flows[p]
	if w == nil && len(b.flows) >= MaxDestinations {
		p = place{destination: Overflow}
		w = b.flows[p]
	}
	if w == nil {
		w = &flow{}
		b.flows[p] = w
	}
	return w
}

// first returns a copy with the first n services that were seen; further ones are counted together.
func (b *book) first(n int) book {
	c := newBook()
	for name, a := range b.services {
		if a.seq >= n {
			name = Overflow
		}
		if to := c.services[name]; to != nil {
			to.add(a)
			continue
		}
		one := *a
		c.services[name] = &one
	}
	for p, w := range b.flows {
		one := *w
		c.flows[p] = &one
	}
	return c
}

// maxParticipants bounds the services of one operation that are told apart.
const maxParticipants = 32

// settle counts an operation that is over, or stuck.
func (b *book) settle(v *operation.View) {
	var participants []string
	join := func(service string) {
		if len(participants) < maxParticipants && !slices.Contains(participants, service) {
			participants = append(participants, service)
		}
	}
	messages := false
	for i := range v.Hops {
		messages = true
		b.settleHop(&v.Hops[i], join)
	}
	for i := range v.Works {
		join(v.Works[i].Service)
	}
	for i := range v.Notes {
		join(v.Notes[i].Service)
	}
	_, implicit := operation.ParseImplicitID(v.ID)
	for _, service := range participants {
		a := b.account(service)
		a.operations++
		if implicit {
			a.missing[CodeOperationWithoutID]++
		}
		if messages && len(participants) == 1 {
			a.missing[CodeOneService]++
		}
	}
}

func (b *book) settleHop(h *operation.Hop, join func(service string)) {
	consumed := false
	for i := range h.Consumers {
		c := &h.Consumers[i]
		if !slices.ContainsFunc(c.Attempts, func(a operation.Attempt) bool { return !a.Inferred }) {
			continue
		}
		consumed = true
		join(c.Service)
		a := b.account(c.Service)
		a.consumed++
		if len(h.Sends) == 0 {
			a.missing[CodeSendUnseen]++
		}
	}
	for i := range h.Sends {
		join(h.Sends[i].Service)
	}
	w := b.flow(place{h.System, h.Destination})
	w.messages++
	if len(h.Sends) == 0 {
		w.consumedOnly++
		return
	}
	a := b.account(h.Sends[0].Service)
	a.sent++
	// Nobody need consume from a dead-letter queue.
	if !consumed && h.State != operation.HopDeadLettered {
		w.producedOnly++
		a.missing[CodeNeverConsumed]++
	}
}

package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/test/verdict"
)

// passage is one message's true way through one queue, for one consumer group: what the collector calls a hop, but that
// the truth has a retry topic as a queue of its own.
type passage struct {
	hop        *Hop
	sent       []*Sent
	deliveries []*Delivery
}

// passages takes the true hops of an operation apart by message.
func passages(o *Operation) []*passage {
	var all []*passage
	for i := range o.Hops {
		hop := &o.Hops[i]
		byMessage := map[string]*passage{}
		of := func(message string) *passage {
			p := byMessage[message]
			if p == nil {
				p = &passage{hop: hop}
				byMessage[message] = p
				all = append(all, p)
			}
			return p
		}
		for k := range hop.Sent {
			p := of(hop.Sent[k].MessageID)
			p.sent = append(p.sent, &hop.Sent[k])
		}
		for k := range hop.Deliveries {
			p := of(hop.Deliveries[k].MessageID)
			p.deliveries = append(p.deliveries, &hop.Deliveries[k])
		}
	}
	return all
}

// tried is an attempt as the collector shows it, with what it stands in.
type tried struct {
	hop      *verdict.Hop
	consumer *verdict.Consumer
	attempt  *verdict.Attempt
	// first says that no attempt of the same consumer group was before it.
	first bool
}

// nearby is how far apart true and judged times of one event may lie for them to be taken for one.
const nearby = 2 * time.Second

// pairing assigns true deliveries to attempts, within one operation.
type pairing struct {
	shift    time.Duration
	attempts []*tried
	of       map[*Delivery]*tried
	taken    map[*tried]bool
}

// pair finds the attempt for each delivery: by its span if it has one, else by service, queue and time, the best first.
func pair(judged *verdict.Operation, all []*passage, shift time.Duration) *pairing {
	p := &pairing{shift: shift, of: map[*Delivery]*tried{}, taken: map[*tried]bool{}}
	for i := range judged.Hops {
		hop := &judged.Hops[i]
		for k := range hop.Consumers {
			c := &hop.Consumers[k]
			for n := range c.AttemptDetails {
				p.attempts = append(p.attempts, &tried{hop, c, &c.AttemptDetails[n], n == 0})
			}
		}
	}
	for _, same := range []func(*passage, *Delivery, *tried) bool{
		func(_ *passage, d *Delivery, a *tried) bool {
			return a.attempt.SpanID != "" && (a.attempt.SpanID == d.SpanID || a.attempt.SpanID == d.BatchSpanID)
		},
		func(w *passage, d *Delivery, a *tried) bool {
			return a.attempt.Service == d.Service && p.apart(d, a) <= nearby && a.names(w.hop.Queue)
		},
		func(_ *passage, d *Delivery, a *tried) bool {
			return a.attempt.Service == d.Service && p.apart(d, a) <= nearby
		},
	} {
		p.round(all, same)
	}
	return p
}

// candidate is a delivery and an attempt that may be one.
type candidate struct {
	delivery *Delivery
	attempt  *tried
	apart    time.Duration
}

func (p *pairing) round(all []*passage, same func(*passage, *Delivery, *tried) bool) {
	var found []candidate
	for _, w := range all {
		for _, d := range w.deliveries {
			if p.of[d] != nil {
				continue
			}
			for _, a := range p.attempts {
				if !p.taken[a] && same(w, d, a) {
					found = append(found, candidate{d, a, p.apart(d, a)})
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return int(a.apart - b.apart) })
	for _, c := range found {
		if p.of[c.delivery] == nil && !p.taken[c.attempt] {
			p.of[c.delivery] = c.attempt
			p.taken[c.attempt] = true
		}
	}
}

// apart is how far the beginning of an attempt is from the truth, by the better of its two.
func (p *pairing) apart(d *Delivery, a *tried) time.Duration {
	at := moment(d.ReceivedAt).Add(p.shift)
	return min(a.attempt.ReceivedAt.Sub(at).Abs(), a.begun().Sub(at).Abs())
}

// begun is when the handler began, which is what the truth calls received: some clients tell it from when they fetched
// the message.
func (a *tried) begun() time.Time {
	if a.attempt.StartedAt.After(a.attempt.ReceivedAt) {
		return a.attempt.StartedAt
	}
	return a.attempt.ReceivedAt
}

// names reports whether anything that an operator is shown of the attempt names the queue. The truth writes a queue alone,
// as queue:type, or as topic@group.
func (a *tried) names(queue string) bool {
	topic, _, _ := strings.Cut(queue, "@")
	for _, part := range strings.SplitN(topic, ":", 2) {
		for _, shown := range []string{a.hop.Destination, a.attempt.Destination, a.attempt.Name} {
			if holds(shown, part) {
				return true
			}
		}
	}
	return false
}

// holds reports whether a text contains a name as a whole word: "go.payments" is in "shop:order.created:go.payments".
func holds(text, name string) bool {
	for from := 0; name != ""; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return false
		}
		at += from
		if !letter(text, at-1) && !letter(text, at+len(name)) {
			return true
		}
		from = at + 1
	}
	return false
}

func letter(text string, at int) bool {
	return at >= 0 && at < len(text) && !strings.ContainsRune(" :/<>@", rune(text[at]))
}

// moment is a time of the truth.
func moment(seconds float64) time.Time { return time.UnixMicro(int64(seconds * 1e6)) }

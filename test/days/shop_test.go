package days

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
)

// quiet is how long before the end nothing new begins.
const quiet = 10 * minute

// shop is what takes place, and what of it is recorded.
type shop struct {
	network
	random *rand.Rand
	// monday is the first day, end the time after the last.
	monday, end int64
	// idle are times in which services consume nothing, by service.
	idle map[string][]window
	// drained counts what was consumed after such a time.
	drained map[window]int64
	// operations is the truth.
	operations map[string]*truth
	spans      uint64
}

// truth is what became of one operation.
type truth struct {
	name         string
	began, ended int64
	// waits are those of its messages that waited for more than a few seconds, by destination.
	waits map[string]window
	// hidden says that part of it was not recorded, retried that an attempt failed.
	hidden, retried bool
}

// message is one that was sent.
type message struct {
	truth           *truth
	trace, sent     uint64
	destination, id string
	at              int64
}

func newShop(monday time.Time, days int) *shop {
	from := monday.UnixNano()
	return &shop{
		network: network{phase: map[string]int64{}, lost: map[string][]window{}},
		random:  rand.New(rand.NewPCG(4, 9)), monday: from, end: from + int64(days)*day,
		idle: map[string][]window{}, drained: map[window]int64{}, operations: map[string]*truth{},
	}
}

// on returns the time of a day (1 is the first) at an hour and minute.
func (s *shop) on(number, h, m int) int64 {
	return s.monday + int64(number-1)*day + int64(h)*hour + int64(m)*minute
}

// weekend reports whether it is Saturday or Sunday.
func (s *shop) weekend(at int64) bool { return (at-s.monday)/day%7 >= 5 }

// around returns a time that is mostly near the given one, seldom much longer.
func (s *shop) around(nanos int64) int64 {
	return int64(float64(nanos) * math.Exp(s.random.NormFloat64()/3))
}

// office is the habit of customers: most come in the afternoon, few at night, hardly any on weekends.
func (s *shop) office(at int64) float64 {
	h := float64((at-s.monday)%day) / float64(hour)
	rate := 0.04 + 0.96*math.Exp(-(h-14)*(h-14)/18)
	if s.weekend(at) {
		rate *= 0.06
	}
	return rate
}

// always is the habit of machines.
func always(int64) float64 { return 1 }

// customers calls do at the times at which somebody comes: perHour at the busiest time.
func (s *shop) customers(perHour float64, habit func(int64) float64, do func(n int, at int64)) {
	n := 0
	for at := s.monday; ; {
		at += int64(s.random.ExpFloat64() / perHour * float64(hour))
		if at >= s.end-quiet {
			return
		}
		if s.random.Float64() < habit(at) {
			n++
			do(n, at)
		}
	}
}

// begin sends the first message of an operation.
func (s *shop) begin(name, id, service, destination string, at, due int64) message {
	t := &truth{name: name, began: at, waits: map[string]window{}}
	s.operations[id] = t
	m := message{truth: t, trace: s.random.Uint64(), destination: destination, id: id + "/" + destination, at: at}
	return s.sent(m, service, record{operation: name, conversation: id, due: due})
}

// next sends a message in the course of an attempt.
func (s *shop) next(in message, attempt uint64, service, destination string, at int64) message {
	m := message{truth: in.truth, trace: in.trace, destination: destination, id: in.id + "/" + destination, at: at}
	return s.sent(m, service, record{parent: attempt})
}

func (s *shop) sent(m message, service string, r record) message {
	m.sent = s.span()
	r.service, r.kind, r.trace, r.id, r.destination, r.message = service, ptrace.SpanKindProducer, m.trace, m.sent, m.destination, m.id
	r.start, r.end = m.at, m.at+5*int64(time.Millisecond)
	s.record(&r)
	return m
}

func (s *shop) span() uint64 {
	s.spans++
	return s.spans
}

// consumed is when a service begins to consume a message that came: soon, or when it is at work again.
func (s *shop) consumed(m message, service string, from int64) int64 {
	at := from + min(s.around(200*int64(time.Millisecond)), 3*second)
	for _, w := range s.idle[service] {
		if w.holds(at) {
			s.drained[w]++
			at = w.until + s.drained[w]*second/2
		}
	}
	if at-from > 5*second {
		m.truth.waits[m.destination] = window{from, at}
	}
	return at
}

// process consumes a message from a time on, and returns the span and its end. What takes long is begun with a log line.
func (s *shop) process(m message, service, group string, at, took int64, failed bool) (span uint64, end int64) {
	r := record{
		service: service, kind: ptrace.SpanKindConsumer, trace: m.trace, id: s.span(), parent: m.sent, start: at, end: at + took,
		destination: m.destination, message: m.id, group: group, failed: failed,
	}
	if took > 10*second {
		line := r
		line.line, line.end = true, at
		s.record(&line)
	}
	for _, w := range s.lost[service] {
		m.truth.hidden = m.truth.hidden || w.holds(r.end)
	}
	s.record(&r)
	m.truth.ended = max(m.truth.ended, r.end)
	m.truth.retried = m.truth.retried || failed
	return r.id, r.end
}

// handle consumes a message as soon as its service gets to it.
func (s *shop) handle(m message, service string, took int64) (span uint64, end int64) {
	return s.process(m, service, service+"-group", s.consumed(m, service, m.at), took, false)
}

// probe lets a service be asked for its health as long as it runs.
func (s *shop) probe(service string, down ...window) {
	for at := s.monday + s.random.Int64N(30*second); at < s.end; at += 30 * second {
		if !within(down, at) {
			s.record(&record{
				service: service, kind: ptrace.SpanKindServer, trace: s.random.Uint64(), id: s.span(), start: at, end: at + int64(time.Millisecond),
			})
		}
	}
}

func within(all []window, at int64) bool {
	for _, w := range all {
		if w.holds(at) {
			return true
		}
	}
	return false
}

// orders pass three queues. Payments take longer from day to day, and one in thirty is tried again.
func (s *shop) orders() {
	s.customers(250*traffic, s.office, func(n int, at int64) {
		m := s.begin("order-fulfilment", fmt.Sprintf("order-%d", n), "checkout", "orders", at, 0)
		span, end := s.handle(m, "order-service", s.around(second))
		m = s.next(m, span, "order-service", "payments", end)
		at = s.consumed(m, "payment-service", m.at)
		if s.random.IntN(30) == 0 {
			_, end = s.process(m, "payment-service", "payment-service-group", at, s.around(3*second), true)
			at = end + 5*second + s.random.Int64N(10*second)
		}
		drift := 1 + 0.3*float64(at-s.monday)/float64(s.end-s.monday)
		span, end = s.process(m, "payment-service", "payment-service-group", at, int64(drift*float64(s.around(30*second))), false)
		m = s.next(m, span, "payment-service", "shipments", end)
		s.handle(m, "shipping-service", s.around(2*second))
	})
}

// refunds pass two queues. Nothing but refunds is heard of ledger-service.
func (s *shop) refunds() {
	s.customers(80*traffic, s.office, func(n int, at int64) {
		m := s.begin("refund", fmt.Sprintf("refund-%d", n), "desk", "refunds", at, 0)
		span, end := s.handle(m, "refund-service", s.around(2*second))
		s.handle(s.next(m, span, "refund-service", "ledger", end), "ledger-service", s.around(second))
	})
}

// reminders are due hours after they were sent.
func (s *shop) reminders() {
	s.customers(8, always, func(n int, at int64) {
		due := at + 2*hour + s.random.Int64N(6*hour)
		if due > s.end-quiet {
			return
		}
		m := s.begin("reminder", fmt.Sprintf("reminder-%d", n), "desk", "reminders", at, due/second*second)
		s.process(m, "mailer", "mailer-group", s.consumed(m, "mailer", due), s.around(second), false)
	})
}

// prices are consumed by two groups, one of which goes by another name from a time on; while it is deployed, by both.
func (s *shop) prices(renamed window) {
	s.customers(25*traffic, always, func(n int, at int64) {
		m := s.begin("price-change", fmt.Sprintf("price-%d", n), "pricing", "price-changes", at, 0)
		s.process(m, "cache-service", "cache", s.consumed(m, "cache-service", at), s.around(second), false)
		at = s.consumed(m, "search-service", at)
		if at < renamed.until {
			s.process(m, "search-service", "search", at, s.around(second), false)
		}
		if at >= renamed.from {
			s.process(m, "search-service", "search-v2", at, s.around(second), false)
		}
	})
}

// nightly are one report at 02:30, but for one night, and from 03:00 on a batch of invoices. Nothing else is heard of these services.
func (s *shop) nightly(missed int) {
	for night := 1; s.on(night, 0, 0) < s.end; night++ {
		if night != missed {
			at := s.on(night, 2, 30) + s.random.Int64N(5*second)
			m := s.begin("nightly-report", fmt.Sprintf("report-%d", night), "report-scheduler", "reports", at, 0)
			span, end := s.handle(m, "report-service", 3*minute+s.around(10*second))
			s.handle(s.next(m, span, "report-service", "archive", end), "report-service", s.around(10*second))
		}
		at := s.on(night, 3, 0)
		for n := range 300 {
			at += s.around(4 * second)
			m := s.begin("invoice", fmt.Sprintf("invoice-%d-%d", night, n), "billing", "invoices", at, 0)
			s.handle(m, "billing-worker", s.around(3*second))
		}
	}
}

package operation

import (
	"cmp"
	"slices"
)

// Habits is what is known from elsewhere about how services report, so that missing records are read rightly.
type Habits interface {
	// Processes reports whether the service is known to emit process spans. Where it is, a message that was received and
	// not processed is still being processed; where it is not, a receive span is all there will ever be.
	Processes(service string) bool
	// Sender returns the only service that is known to send to the destination, "" if there is none or several.
	Sender(destination string) string
	// TaskTable reports whether rows of the table are taken as messages.
	TaskTable(table string) bool
	// Once reports whether operations usually have exactly one message of the type in the destination.
	Once(destination, messageType string) bool
	// DeadLetter reports whether the destination is one for messages that were given up.
	DeadLetter(destination string) bool
	// Retry reports whether the destination is one by which messages are tried again.
	Retry(destination string) bool
	// Behind returns by how many nanoseconds the clock of one service is known to be behind that of another one; negative if
	// it is ahead, 0 if nothing is known.
	Behind(ahead, behind string) int64
}

// NoHabits knows nothing but usual names: a receive span alone then counts as the whole consumption.
type NoHabits struct{}

// Sender implements [Habits].
func (NoHabits) Sender(string) string { return "" }

// TaskTable implements [Habits].
func (NoHabits) TaskTable(string) bool { return false }

// Once implements [Habits].
func (NoHabits) Once(string, string) bool { return false }

// DeadLetter implements [Habits].
func (NoHabits) DeadLetter(destination string) bool { return DeadLetterName(destination) }

// Retry implements [Habits].
func (NoHabits) Retry(destination string) bool { return RetryName(destination) }

// Behind implements [Habits].
func (NoHabits) Behind(string, string) int64 { return 0 }

// Processes implements [Habits].
func (NoHabits) Processes(string) bool { return false }

// maxScanned bounds the hops that are looked through for each record that does not say which it belongs to: the latest. An
// operation of thousands is a runaway, and must not cost the square of that.
const maxScanned = 256

// recent is the index from which on hops are looked through.
func (r *Reducer) recent() int { return max(0, len(r.hops)-maxScanned) }

// place is where the record of a span went.
type place struct {
	what placeKind
	// hop, consumer and attempt are indices as far as they apply; work is the index in view.Works.
	hop, consumer, attempt, work, send int
}

type placeKind uint8

const (
	placeNone placeKind = iota
	placeSend
	placeAttempt
	placeWork
)

type hopBuild struct {
	Hop
	// deadLetter says that the destination is one for messages that were given up, joined that the hop became part of
	// another one, table that the message is a row of a table.
	deadLetter, joined, table bool
	// several says that its span sent several messages. learned is the destination from which one that was consumed told the
	// message's ID, "" if the sender did.
	several bool
	learned string
	// first is the earliest time any record of this hop states.
	first int64
}

// index prepares the look-ups and picks, of several records of one span, the one that ended.
func (r *Reducer) index() {
	r.kinds = 0
	for i := range r.facts {
		f := &r.facts[i]
		r.kinds |= 1 << f.Kind
		if f.Batch && f.IsSpan() {
			r.records.add(f.Record()).batch = true
		}
		if f.Kind == KindReceive || f.processes() {
			if known := r.records.add(f.Record()); known.consumes < 0 || r.facts[known.consumes].End < f.End {
				known.consumes = i
			}
		}
	}
}

// finish fills in what follows from all the rest.
func (r *Reducer) finish() {
	v := &r.view
	id := identify(r.facts, r.aliases[:0])
	r.aliases = id.Aliases
	v.ID, v.Aliases, v.Namespace, v.Implicit = id.ID, id.Aliases, id.Namespace, id.Implicit
	var seen map[TraceID]struct{}
	for i := range r.facts {
		f := &r.facts[i]
		if v.StartedAt == 0 || f.At < v.StartedAt {
			v.StartedAt = f.At
		}
		v.LastAt = max(v.LastAt, f.At, f.End)
		seen = v.passes(f.Trace, seen)
		v.Name = cmp.Or(v.Name, f.OperationName)
		r.declare(f)
	}
	r.causes()
	r.hops = slices.DeleteFunc(r.hops, func(h hopBuild) bool { return h.joined })
	for i := range r.hops {
		h := &r.hops[i]
		// A producer may only know what kind of job it enqueued.
		h.Destination = cmp.Or(h.Destination, h.Type)
		h.settle(r.habits)
	}
	sortStable(r.hops, func(a, b *hopBuild) int { return cmp.Compare(a.first, b.first) })
	for i := range r.hops {
		v.Hops = append(v.Hops, r.hops[i].Hop)
	}
	if v.Name == "" {
		v.Name = r.nameless()
	}
	r.repeats()
}

// fewTraces is the number of traces up to which they are looked through.
const fewTraces = 16

// passes adds a trace to those of the view. Seen are those of many, nil for few.
func (v *View) passes(trace TraceID, seen map[TraceID]struct{}) map[TraceID]struct{} {
	if n := len(v.Traces); trace.IsZero() || (n > 0 && v.Traces[n-1] == trace) {
		return seen
	}
	if seen == nil && len(v.Traces) < fewTraces {
		if !slices.Contains(v.Traces, trace) {
			v.Traces = append(v.Traces, trace)
		}
		return seen
	}
	if seen == nil {
		seen = make(map[TraceID]struct{}, 2*fewTraces)
		for _, known := range v.Traces {
			seen[known] = struct{}{}
		}
	}
	if _, known := seen[trace]; !known {
		seen[trace] = struct{}{}
		v.Traces = append(v.Traces, trace)
	}
	return seen
}

// maxCauses bounds how often messages are put behind those in whose processing they were sent, one after the other.
const maxCauses = 16

// causes puts each message behind the one in whose processing it was sent, also where clocks that disagree say otherwise.
func (r *Reducer) causes() {
	for changed, pass := true, 0; changed && pass < maxCauses; pass++ {
		changed = false
		for i := range r.hops {
			h := &r.hops[i]
			if len(h.Sends) == 0 {
				continue
			}
			p, ok := r.placeOf(Record{h.Sends[0].Trace, h.Sends[0].Parent})
			if ok && p.what == placeAttempt && p.hop != i && r.hops[p.hop].first >= h.first {
				h.first, changed = r.hops[p.hop].first+1, true
			}
		}
	}
}

// maxCompared bounds the hops that are compared with each other: an operation with more does not have each once.
const maxCompared = 64

// repeats finds messages that went a second way through a destination where operations have one: whoever sent them did so
// twice, with new message IDs.
func (r *Reducer) repeats() {
	hops := r.view.Hops[:min(len(r.view.Hops), maxCompared)]
	for i := range hops {
		if hops[i].State != HopDone {
			continue
		}
		for k := range i {
			if hops[k].State == HopDone && hops[k].Destination == hops[i].Destination && hops[k].Type == hops[i].Type &&
				(hops[i].MessageID == "" || hops[k].MessageID != hops[i].MessageID) && r.habits.Once(hops[i].Destination, hops[i].Type) {
				hops[i].repeated = true
				break
			}
		}
	}
}

// maxProgress is all of the work, in thousandths.
const maxProgress = 1000

func (r *Reducer) declare(f *Fact) {
	switch f.Kind {
	case KindOperationCompleted:
		r.view.Declared, r.view.DeclaredAt = OutcomeOK, f.At
	case KindOperationFailed:
		r.view.Declared, r.view.DeclaredAt = OutcomeError, f.At
	case KindOperationCancelled:
		r.view.CancelledAt = f.At
	case KindProgress:
		if f.Progress > 0 {
			r.view.Progress = float64(f.Progress-1) / maxProgress
		}
	}
}

// nameless names an operation that nobody named: by its first destination, else by its first span, else by the service it
// was first seen in. A log line is no name: there are as many as there are operations.
func (r *Reducer) nameless() string {
	for i := range r.hops {
		if r.hops[i].Destination != "" {
			return r.hops[i].Destination
		}
	}
	for i := range r.facts {
		if f := &r.facts[i]; f.IsSpan() && f.Name != "" {
			return f.Name
		}
	}
	for i := range r.facts {
		if r.facts[i].Service != "" {
			return r.facts[i].Service
		}
	}
	return "unnamed"
}

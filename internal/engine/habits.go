package engine

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/throughline/throughline/internal/operation"
)

// maxHabits bounds the number of services whose habits are kept.
const maxHabits = 10_000

// habits remembers which services emit process spans, and who sends to which destination. It implements [operation.Habits].
type habits struct {
	mu        sync.RWMutex
	processes map[string]struct{} // guarded by mu
	// senders are the only service that sends to each destination, "" for several.
	senders map[string]string // guarded by mu
	// tables are those whose rows are taken as messages.
	tables map[string]struct{} // guarded by mu
	// counts tell how many messages completed operations have in each destination.
	counts map[flow]*multiplicity // guarded by mu
	// recent are facts that were learned from lately: to learn the same once more changes nothing. Guarded by Engine.mu.
	recent [recentHabits]habit
	// deadLetter and retry are set once.
	deadLetter, retry func(destination string) bool
	clocks            Clocks
	symbols           *operation.Symbols
	// destinations holds the one last asked for of each slot.
	destinations [destinationSlots]atomic.Pointer[destinationKind]
}

// destinationKind is what a destination is by its name, which takes long to find out.
type destinationKind struct {
	name              string
	deadLetter, retry bool
}

const (
	destinationSlots = 256
	// maxDestination is the length of names in bytes up to which it is kept.
	maxDestination = 256
)

// kindOf returns what a destination is by its name.
func (h *habits) kindOf(destination string) destinationKind {
	n := len(destination)
	if n == 0 || n > maxDestination {
		return destinationKind{deadLetter: h.deadLetter(destination), retry: h.retry(destination)}
	}
	slot := &h.destinations[(n*37+int(destination[0])+int(destination[n-1])<<3+int(destination[n/2])<<5)%destinationSlots]
	if known := slot.Load(); known != nil && known.name == destination {
		return *known
	}
	kind := destinationKind{name: strings.Clone(destination), deadLetter: h.deadLetter(destination), retry: h.retry(destination)}
	slot.Store(&kind)
	return kind
}

func (h *habits) init(s Settings, symbols *operation.Symbols) {
	h.symbols = symbols
	h.tables = make(map[string]struct{})
	h.processes, h.senders, h.counts = make(map[string]struct{}), make(map[string]string), make(map[flow]*multiplicity)
	h.deadLetter, h.retry, h.clocks = operation.DeadLetterName, operation.RetryName, s.Clocks
	if s.DeadLetter != nil {
		h.deadLetter = s.DeadLetter
	}
	if s.Retry != nil {
		h.retry = s.Retry
	}
}

// DeadLetter implements [operation.Habits].
func (h *habits) DeadLetter(destination string) bool { return h.kindOf(destination).deadLetter }

// Retry implements [operation.Habits].
func (h *habits) Retry(destination string) bool { return h.kindOf(destination).retry }

// Behind implements [operation.Habits].
func (h *habits) Behind(ahead, behind string) int64 {
	if h.clocks == nil || ahead == behind {
		return 0
	}
	offset, _ := h.clocks.Offset(ahead, behind)
	return offset
}

// learnClocks takes note of the recorded waits of an operation that is over. Scheduled messages and those that were tried
// again tell nothing of clocks.
func (h *habits) learnClocks(v *operation.View) {
	if h.clocks == nil {
		return
	}
	for i := range min(len(v.Hops), maxLearned) {
		hop := &v.Hops[i]
		if hop.DueAt != 0 || len(hop.Sends) != 1 {
			continue
		}
		for k := range hop.Consumers {
			c := &hop.Consumers[k]
			if from, to, wait, ok := hop.RecordedWait(c); ok && from != to && !c.Attempts[0].Inferred {
				h.clocks.Observe(from, to, wait, hop.SentAt())
			}
		}
	}
}

// Processes implements [operation.Habits].
func (h *habits) Processes(service string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.processes[service]
	return ok
}

// Sender implements [operation.Habits].
func (h *habits) Sender(destination string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.senders[destination]
}

// habit is what there is to learn from a fact.
type habit struct {
	kind                 operation.Kind
	service, destination string
}

// recentHabits is a power of two.
const recentHabits = 64

// learn learns from a fact, mostly what is known. Called with Engine.mu held.
func (h *habits) learn(f *operation.Fact) {
	if f.Kind != operation.KindProcess && f.Kind != operation.KindSend && f.Kind != operation.KindPoll {
		return
	}
	known := &h.recent[(len(f.Service)*7+len(f.Destination)*3+last(f.Service)+int(f.Kind))&(recentHabits-1)]
	if known.kind == f.Kind && known.service == f.Service && known.destination == f.Destination {
		return
	}
	*known = habit{f.Kind, h.kept(f.Service), h.kept(f.Destination)}
	switch f.Kind {
	case operation.KindProcess:
		h.learnProcess(f.Service)
	case operation.KindSend:
		h.learnSender(f.Destination, f.Service)
	case operation.KindPoll:
		h.learnTable(f.Destination)
	}
}

// kept returns a name that can be kept: the one at hand may be a part of something large. It is another one if there are too many.
func (h *habits) kept(name string) string { return h.symbols.Name(h.symbols.Number(name)) }

// last returns the last byte of a name, which tells most names apart that are alike.
func last(name string) int {
	if name == "" {
		return 0
	}
	return int(name[len(name)-1])
}

// TaskTable implements [operation.Habits].
func (h *habits) TaskTable(table string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.tables[table]
	return ok
}

func (h *habits) learnTable(table string) {
	if h.TaskTable(table) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.tables) < maxHabits {
		h.tables[strings.Clone(table)] = struct{}{}
	}
}

func (h *habits) learnProcess(service string) {
	if h.Processes(service) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.processes) < maxHabits {
		h.processes[strings.Clone(service)] = struct{}{}
	}
}

func (h *habits) learnSender(destination, service string) {
	h.mu.RLock()
	known, ok := h.senders[destination]
	h.mu.RUnlock()
	if ok && (known == service || known == "") {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case ok:
		h.senders[destination] = ""
	case len(h.senders) < maxHabits:
		h.senders[strings.Clone(destination)] = strings.Clone(service)
	}
}

// flow is a type of message in a destination.
type flow struct{ destination, messageType string }

// multiplicity counts the completed operations that had exactly one message of a flow, and those that had more.
type multiplicity struct {
	one, more uint32
	// bit stands for the flow in entries: one of few, of which flows that are met one after the other, as those of one kind of
	// operation are, have different ones.
	bit taught
	// doubtful had more before it was known what is usual.
	doubtful []*entry
}

// taught tells in which flows an operation was counted, by the bits of the lower half, and in which of these as having several
// messages, by those of the upper half.
type taught uint16

// taughtFlows is how many flows of an operation can be told apart. Where two of them have the same bit, what it is counted as when
// it is learned from for the first time is right, and is not put right later.
const taughtFlows = 8

// with is what is taught with one flow more, or with another count in it.
func (t taught) with(bit taught, several bool) taught {
	t = (t | bit) &^ (bit << taughtFlows)
	if several {
		t |= bit << taughtFlows
	}
	return t
}

// once reports whether one message is usual.
func (m *multiplicity) once() bool {
	return m.one+m.more >= enoughOperations && m.more*habitShare <= m.one+m.more
}

const (
	// enoughOperations is how many operations make a habit, and habitShare the share of them, as one in so many, that may depart from it.
	enoughOperations = 10
	habitShare       = 10
	// maxCount is where counts are halved, so that habits can change.
	maxCount = 1 << 20
)

// Once implements [operation.Habits].
func (h *habits) Once(destination, messageType string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	m := h.counts[flow{destination, messageType}]
	return m != nil && m.once()
}

// maxLearned bounds the hops that are learned from in one operation.
const maxLearned = 64

// maxDoubtful bounds the operations that are judged again once it is known what is usual.
const maxDoubtful = 100

// learnOperation learns from an operation that is over. It counts once in each flow, and what it counts as is put right when more
// of it is known: what came first may have been but a part of it. It returns the operations on which the verdict may be
// another one now.
func (h *habits) learnOperation(n *entry, v *operation.View) []*entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	var again []*entry
	fresh, counted := !n.learned, taught(0)
	if n.learned {
		counted = taught(n.lasted)
	}
	now := counted
	defer func() { n.learned, n.lasted = true, uint16(now) }()
	for i := range min(len(v.Hops), maxLearned) {
		f := flow{v.Hops[i].Destination, v.Hops[i].Type}
		count, earliest := 0, false
		for k := range v.Hops {
			if v.Hops[k].State == operation.HopDone && v.Hops[k].Destination == f.destination && v.Hops[k].Type == f.messageType {
				earliest = earliest || (count == 0 && k == i)
				count++
			}
		}
		if !earliest {
			continue
		}
		m := h.counts[f]
		if m == nil {
			if len(h.counts) >= maxHabits {
				continue
			}
			m = &multiplicity{bit: 1 << (len(h.counts) % taughtFlows)}
			h.counts[f] = m
		}
		first, before := fresh || counted&m.bit == 0, counted&(m.bit<<taughtFlows) != 0
		if !first && !before && count < 2 {
			continue
		}
		if first {
			m.count(count)
		} else {
			m.recount(before, count > 1)
		}
		now = now.with(m.bit, count > 1)
		again = append(again, m.settle(n, count)...)
		if first && count > 1 {
			// Its own count may be the one that made the habit.
			again = append(again, n)
		}
	}
	return again
}

// count takes note of an operation with so many messages.
func (m *multiplicity) count(messages int) {
	if messages == 1 {
		m.one++
	} else {
		m.more++
	}
	if m.one >= maxCount {
		m.one, m.more = m.one/2, m.more/2
	}
}

// recount puts right what an operation was counted as.
func (m *multiplicity) recount(before, now bool) {
	switch {
	case before && !now && m.more > 0:
		m.more--
		m.one++
	case now && !before && m.one > 0:
		m.one--
		m.more++
	}
}

// settle returns the operations that were in doubt when they are no more. One with several messages is in doubt until it
// is known that one is usual.
func (m *multiplicity) settle(n *entry, messages int) []*entry {
	if m.once() {
		again := m.doubtful
		m.doubtful = nil
		return again
	}
	if messages > 1 && len(m.doubtful) < maxDoubtful && !slices.Contains(m.doubtful, n) {
		m.doubtful = append(m.doubtful, n)
	}
	return nil
}

package originals

import (
	"slices"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	// maxTraceSpans bounds the spans that are kept of one trace, and maxSpanBytes what one takes.
	maxTraceSpans = 1_000
	maxSpanBytes  = 16 << 10
	// overhead is what keeping a span takes beside its bytes, mostly.
	overhead = 96
	// patience is how long the spans of a trace are kept in which no operation is recognised, in nanoseconds.
	patience = int64(60e9)
)

type traceID = pcommon.TraceID

// spans are those that are kept, by trace.
type spans struct {
	mu     sync.Mutex
	max    int // guarded by mu, as is all that follows
	traces map[traceID]*trace
	// loose are the traces in which no operation is recognised, or none that is not final; owned the others. Both begin with the
	// one that was quiet for longest.
	loose, owned queue
	count, bytes int
	dropped      [DropCount]uint64
}

// trace is what is kept of one trace.
type trace struct {
	id    traceID
	spans []span
	bytes int
	// full counts the spans that were not kept of it.
	full  int
	owned bool
	// at is when it was last heard of.
	at         int64
	prev, next *trace
}

// span is one span as it is kept: who made it, and what is left of it in OTLP.
type span struct {
	resource *Resource
	data     []byte
}

// Keep keeps what can be shown of a span, in a trace of the given ID, that arrived at a time in nanoseconds since 1970. Nothing is
// retained of it.
func (s *Store) Keep(of ptrace.Span, resource *Resource, now int64) {
	data, err := encode(of)
	k := &s.spans
	k.mu.Lock()
	defer k.mu.Unlock()
	switch t := k.trace(of.TraceID(), now); {
	case err != nil || len(data) > maxSpanBytes:
		t.full++
		k.dropped[DropTooLarge]++
	case len(t.spans) >= maxTraceSpans:
		t.full++
		k.dropped[DropTraceFull]++
	default:
		t.spans = append(t.spans, span{resource, data})
		k.add(t, 1, len(data)+overhead)
	}
	k.prune(now)
}

// Claim says that a trace belongs to an operation that is not final, so that its spans are kept for that.
func (s *Store) Claim(id pcommon.TraceID, now int64) {
	k := &s.spans
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.traces[id]; t != nil && !t.owned {
		k.move(t, true, now)
		return
	}
	t := k.trace(id, now)
	if !t.owned {
		k.move(t, true, now)
	}
	k.prune(now)
}

// Release says that the operation is final. What is kept of the trace goes soon: a correction may come.
func (s *Store) Release(id pcommon.TraceID, now int64) {
	k := &s.spans
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.traces[id]; t != nil && t.owned {
		k.move(t, false, now)
	}
}

// trace returns what is kept of a trace, which is the latest now.
func (k *spans) trace(id traceID, now int64) *trace {
	t := k.traces[id]
	if t == nil {
		t = &trace{id: id}
		k.traces[id] = t
		t.at = now
		k.loose.push(t)
		k.add(t, 0, overhead)
		return t
	}
	k.move(t, t.owned, now)
	return t
}

func (k *spans) queue(t *trace) *queue {
	if t.owned {
		return &k.owned
	}
	return &k.loose
}

func (k *spans) move(t *trace, owned bool, now int64) {
	k.queue(t).remove(t)
	t.owned, t.at = owned, max(t.at, now)
	k.queue(t).push(t)
}

// add counts what is added to a trace that is in a queue.
func (k *spans) add(t *trace, count, bytes int) {
	t.bytes += bytes
	k.queue(t).bytes += bytes
	k.count += count
	k.bytes += bytes
}

// prune lets go of what nobody claimed in time, and of what there is no room for.
func (k *spans) prune(now int64) {
	for t := k.loose.first; t != nil && now-t.at > patience; t = k.loose.first {
		k.drop(t, DropUnclaimed)
	}
	k.shrink()
}

// looseShare is the share of the room, as one in so many, that traces have in which no operation is recognised yet. What they take
// beyond that goes first.
const looseShare = 4

func (k *spans) shrink() {
	for k.bytes > k.max {
		if k.owned.first == nil || k.loose.bytes > k.max/looseShare {
			k.drop(k.loose.first, DropUnclaimed)
		} else {
			k.drop(k.owned.first, DropEvicted)
		}
	}
}

func (k *spans) drop(t *trace, reason Drop) {
	k.queue(t).remove(t)
	delete(k.traces, t.id)
	k.dropped[reason] += uint64(len(t.spans))
	k.count -= len(t.spans)
	k.bytes -= t.bytes
}

func (k *spans) resize(most int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.max = most
	k.shrink()
}

func (k *spans) stats(s *Stats) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.Traces, s.Spans, s.Bytes = len(k.traces), k.count, k.bytes
	s.Dropped = k.dropped
}

// Span is an inner span as it can be shown, and who made it. Its attributes, events and texts are bounded.
type Span struct {
	*Resource
	ptrace.Span
}

// Spans returns what is kept of a trace, in order of arrival, and how many of its spans were not kept.
func (s *Store) Spans(id pcommon.TraceID) (found []Span, missing int) {
	k := &s.spans
	k.mu.Lock()
	t := k.traces[id]
	if t == nil {
		k.mu.Unlock()
		return nil, 0
	}
	// What stands there already is never changed.
	kept, missing := slices.Clip(t.spans), t.full
	k.mu.Unlock()
	found = make([]Span, 0, len(kept))
	for _, one := range kept {
		if of, ok := decode(one.data); ok {
			found = append(found, Span{one.resource, of})
		}
	}
	return found, missing
}

// queue is a list of traces in order of when they were heard of.
type queue struct {
	first, last *trace
	// bytes is what all of them take.
	bytes int
}

func (q *queue) push(t *trace) {
	q.bytes += t.bytes
	t.prev, t.next = q.last, nil
	if q.last == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
}

func (q *queue) remove(t *trace) {
	q.bytes -= t.bytes
	if t.prev == nil {
		q.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		q.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

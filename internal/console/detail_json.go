package console

import "github.com/throughline/throughline/internal/operation"

// originJSON says which original record a statement stands on.
type originJSON struct {
	Service  string  `json:"service"`
	Instance *string `json:"instance"`
	Name     string  `json:"name"`
	TraceID  *string `json:"trace_id"`
	SpanID   *string `json:"span_id"`
	JoinedBy *string `json:"joined_by"`
}

type sendJSON struct {
	originJSON
	// At is when the message was handed over, by what is known of the send.
	At        timestamp  `json:"at"`
	StartedAt timestamp  `json:"started_at"`
	EndedAt   timestamp  `json:"ended_at"`
	Error     *errorJSON `json:"error"`
}

type attemptJSON struct {
	originJSON
	ReceivedAt timestamp `json:"received_at"`
	StartedAt  timestamp `json:"started_at"`
	EndedAt    timestamp `json:"ended_at"`
	// ProgressAt and AliveAt are when it last told of its progress and that it is alive, AliveUntil when the next such sign is due.
	ProgressAt timestamp `json:"progress_at"`
	AliveAt    timestamp `json:"alive_at"`
	AliveUntil timestamp `json:"alive_until"`
	// Progress is how much of its work was done by its own account.
	Progress *float64 `json:"progress"`
	Outcome  string   `json:"outcome"`
	// Disposition says what became of the message, if a record says so.
	Disposition *string `json:"disposition"`
	// Inferred says that no record of the attempt exists, but what it did later does.
	Inferred bool `json:"inferred"`
	// Destination is the name the consumer knows the destination by, if it is another one.
	Destination *string    `json:"destination"`
	Error       *errorJSON `json:"error"`
	Notes       []noteJSON `json:"notes"`
}

type workJSON struct {
	originJSON
	StartedAt timestamp  `json:"started_at"`
	EndedAt   timestamp  `json:"ended_at"`
	Outcome   string     `json:"outcome"`
	Error     *errorJSON `json:"error"`
	Notes     []noteJSON `json:"notes"`
}

type noteJSON struct {
	originJSON
	At timestamp `json:"at"`
	// Severity is an OTLP severity number, 0 if unknown.
	Severity uint8      `json:"severity_number"`
	Body     string     `json:"body"`
	Error    *errorJSON `json:"error"`
}

var outcomeNames = [...]string{"unset", "ok", "error"}

func (b *builder) origin(o *operation.Origin) originJSON {
	b.charge(o.Service, o.Instance, o.Name)
	return originJSON{
		Service: o.Service, Instance: optional(o.Instance), Name: o.Name,
		TraceID: traceID(o.Trace), SpanID: spanID(o.Span), JoinedBy: optional(o.JoinedBy.String()),
	}
}

func (b *builder) send(s *operation.Send) sendJSON {
	return sendJSON{
		originJSON: b.origin(&s.Origin), At: timestamp(s.SentAt()),
		StartedAt: timestamp(s.StartedAt), EndedAt: timestamp(s.EndedAt), Error: b.error(s.Error),
	}
}

func (b *builder) attempt(a *operation.Attempt) attemptJSON {
	b.charge(a.Destination)
	return attemptJSON{
		originJSON: b.origin(&a.Origin),
		ReceivedAt: timestamp(a.ReceivedAt), StartedAt: timestamp(a.StartedAt), EndedAt: timestamp(a.EndedAt),
		ProgressAt: timestamp(a.ProgressAt), AliveAt: timestamp(a.AliveAt), AliveUntil: timestamp(a.AliveUntil), Progress: share(a.Done()),
		Outcome: outcomeNames[a.Outcome], Disposition: optional(a.Disposition.String()), Inferred: a.Inferred, Destination: optional(a.Destination),
		Error: b.error(a.Error), Notes: cut(b, a.Notes, b.note),
	}
}

func (b *builder) work(w *operation.Work) workJSON {
	return workJSON{
		originJSON: b.origin(&w.Origin), StartedAt: timestamp(w.StartedAt), EndedAt: timestamp(w.EndedAt),
		Outcome: outcomeNames[w.Outcome], Error: b.error(w.Error), Notes: cut(b, w.Notes, b.note),
	}
}

func (b *builder) note(n *operation.Note) noteJSON {
	j := noteJSON{
		originJSON: b.origin(&n.Origin), At: timestamp(n.At), Severity: n.Severity,
		Body: clip(n.Body, maxText), Error: b.error(n.Error),
	}
	b.charge(j.Body)
	return j
}

package console

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
)

// operationJSON is an operation in a response. The order of the fields up to hops is the documented one.
type operationJSON struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	State        string        `json:"state"`
	Reason       *string       `json:"reason"`
	Flags        []string      `json:"flags"`
	Severity     string        `json:"severity"`
	Priority     int           `json:"priority"`
	Owner        *string       `json:"owner"`
	StartedAt    timestamp     `json:"started_at"`
	EndedAt      timestamp     `json:"ended_at"`
	UpdatedAt    timestamp     `json:"updated_at"`
	Duration     *float64      `json:"duration_seconds"`
	Progress     *float64      `json:"progress"`
	TraceID      *string       `json:"trace_id"`
	SourceTraces []string      `json:"source_trace_ids"`
	IncidentID   *string       `json:"incident_id"`
	Hops         []hopJSON     `json:"hops"`
	Namespace    string        `json:"namespace"`
	Aliases      []string      `json:"aliases"`
	Rule         *string       `json:"rule"`
	Runbook      *string       `json:"runbook"`
	Threshold    *passedJSON   `json:"threshold"`
	DecidedBy    *decisionJSON `json:"decided_by"`
	Missed       *missedJSON   `json:"missed"`
	Self         string        `json:"self"`
	Runaway      bool          `json:"runaway"`
	Truncated    bool          `json:"truncated"`
	CancelledAt  timestamp     `json:"cancelled_at"`
	Archived     bool          `json:"archived"`
}

// detailJSON is what is shown of one operation alone.
type detailJSON struct {
	operationJSON
	// Conditions are what the operation is judged by as it is now.
	Conditions []conditionJSON `json:"conditions"`

	Works []workJSON `json:"works"`
	Notes []noteJSON `json:"notes"`
	Facts int        `json:"facts"`
}

// thresholdJSON is the threshold that made the verdict, where it comes from, and what it rests on if it was learned.
type thresholdJSON struct {
	Name    string     `json:"name"`
	Seconds *float64   `json:"seconds"`
	Source  string     `json:"source"`
	Learned *usualJSON `json:"learned,omitempty"`
}

// passedJSON is the threshold that made a verdict: it passed then.
type passedJSON struct {
	thresholdJSON
	PassedAt timestamp `json:"passed_at"`
}

type usualJSON struct {
	Usual    *float64 `json:"usual_seconds"`
	Quantile float64  `json:"quantile"`
	Samples  int      `json:"samples"`
}

// decisionJSON is the hop, and the consumer group of it, that made the verdict; of a message that was given up, also the
// dead-letter destination it is known to be in.
type decisionJSON struct {
	Hop         *int    `json:"hop"`
	Destination *string `json:"destination"`
	Group       *string `json:"group"`
	Awaited     *string `json:"awaited"`
	DeadLetter  *string `json:"dead_letter_destination"`
	// Silent is the service whose telemetry is lacking, of an unknown verdict.
	Silent *string   `json:"silent_service"`
	Since  timestamp `json:"since"`
}

// missedJSON is the row of starts that did not come.
type missedJSON struct {
	Count      int       `json:"count"`
	FirstDueAt timestamp `json:"first_due_at"`
	DueAt      timestamp `json:"due_at"`
}

func missed(v *operation.View) *missedJSON {
	if v.Missed == 0 {
		return nil
	}
	return &missedJSON{v.Missed, timestamp(v.StartedAt), timestamp(v.LastAt)}
}

// newOperationJSON shows an operation at the time now in about as many bytes as the budget says.
func newOperationJSON(r *Record, now int64, budgetBytes int) operationJSON {
	b := builder{record: r, now: now, left: budgetBytes}
	return b.operation()
}

// newDetailJSON is newOperationJSON with everything that is known.
func newDetailJSON(r *Record, now int64, budgetBytes int) detailJSON {
	b := builder{record: r, now: now, left: budgetBytes, detailed: true}
	d := detailJSON{Facts: r.View.Facts, operationJSON: b.operation()}
	d.Conditions = b.conditions()
	d.Works = cut(&b, r.View.Works, b.work)
	d.Notes = cut(&b, r.View.Notes, b.note)
	d.Truncated = b.truncated
	return d
}

func (b *builder) operation() operationJSON {
	r, v := b.record, &b.record.Verdict
	p := b.policy()
	o := operationJSON{
		ID: r.View.ID, Namespace: r.View.Namespace, Name: r.Name, Self: self(r.View), Runaway: r.Runaway,
		State: v.State.String(), Reason: optional(v.Reason.String()), Flags: v.Flags.Names(),
		Severity: p.Severity.String(), Priority: p.Priority,
		Owner: optional(p.Owner), Rule: optional(p.Rule), Runbook: optional(p.Runbook),
		StartedAt: timestamp(r.View.StartedAt), EndedAt: timestamp(v.EndedAt), UpdatedAt: timestamp(r.UpdatedAt),
		Duration: b.duration(), TraceID: traceID(r.TraceID), IncidentID: optional(r.IncidentID),
		Archived: r.Archived, Threshold: threshold(v), DecidedBy: decision(r), Missed: missed(r.View), CancelledAt: timestamp(r.View.CancelledAt), Progress: share(r.View.Progress),
	}
	slices.Sort(o.Flags)
	o.Hops = cut(b, r.View.Hops, b.hop)
	o.Aliases = cut(b, r.View.Aliases, b.text)
	o.SourceTraces = cut(b, r.View.Traces, b.trace)
	o.Truncated = b.truncated
	return o
}

func (b *builder) policy() *operation.Policy {
	if b.record.Policy != nil {
		return b.record.Policy
	}
	p := operation.DefaultPolicy()
	return &p
}

// end is when the operation ended, or now; what became of one that left memory before it ended was last known when it was updated.
func (b *builder) end() int64 {
	if at := b.record.Verdict.EndedAt; at != 0 {
		return at
	}
	if b.record.Archived {
		return b.record.UpdatedAt
	}
	return b.now
}

func (b *builder) duration() *float64 {
	if b.record.View.StartedAt == 0 {
		return nil
	}
	return seconds(max(0, b.end()-b.record.View.StartedAt))
}

// self is the path of the operation's own resource. Dots are escaped, because clients would resolve an ID of nothing else.
func self(v *operation.View) string {
	path := root + "/operations/" + strings.ReplaceAll(url.PathEscape(v.ID), ".", "%2E")
	if v.Namespace != "" {
		path += "?namespace=" + url.QueryEscape(v.Namespace)
	}
	return path
}

func threshold(v *operation.Verdict) *passedJSON {
	if v.Threshold <= 0 {
		return nil
	}
	t := passedJSON{thresholdJSON: thresholdOf(v.Reason, operation.Threshold{Limit: time.Duration(v.Threshold), Source: v.Source, Usual: v.Usual})}
	if v.Since != 0 {
		t.PassedAt = timestamp(v.Since + v.Threshold)
	}
	return &t
}

// share is a progress, nil where none is known.
func share(progress float64) *float64 {
	if progress < 0 {
		return nil
	}
	return &progress
}

// thresholdOf names a threshold by what it is configured as.
func thresholdOf(reason operation.StuckReason, limit operation.Threshold) thresholdJSON {
	t := thresholdJSON{Name: reason.String(), Seconds: seconds(int64(limit.Limit)), Source: limit.Source.String()}
	if limit.Source == operation.SourceLearned {
		t.Learned = &usualJSON{seconds(limit.Usual.Value), limit.Usual.Quantile, limit.Usual.Samples}
	}
	switch reason {
	case operation.StuckNone:
		t.Name = "retry_within"
	case operation.StuckOverdue:
		t.Name = "deadline"
	}
	return t
}

func decision(r *Record) *decisionJSON {
	v := &r.Verdict
	if v.Since == 0 {
		return nil
	}
	d := decisionJSON{Since: timestamp(v.Since), Silent: optional(clip(v.Silent, maxText))}
	at := deadletter.Deciding(r.View, v)
	if at.Hop < 0 {
		return &d
	}
	h := &r.View.Hops[at.Hop]
	d.Hop, d.Destination = &at.Hop, optional(h.Destination)
	d.Group, d.Awaited = optional(clip(v.Group, maxText)), optional(clip(v.Awaited, maxText))
	if at.Consumer >= 0 {
		d.Group = optional(h.Consumers[at.Consumer].Group)
	}
	if v.State == operation.StateDeadLettered {
		d.DeadLetter = optional(deadletter.Destination(r.View, at))
	}
	return &d
}

func traceID(id operation.TraceID) *string {
	if id.IsZero() {
		return nil
	}
	text := hex.EncodeToString(id[:])
	return &text
}

func spanID(id operation.SpanID) *string {
	if id.IsZero() {
		return nil
	}
	text := hex.EncodeToString(id[:])
	return &text
}

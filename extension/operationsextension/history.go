package operationsextension

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
	"github.com/throughline/throughline/internal/store"
)

const (
	// historyTimeout bounds how long the store may take to answer a reader.
	historyTimeout = 2 * time.Second
	// healthAtMost bounds the operations of the history that are counted for one name and state.
	healthAtMost = 1000
)

// errNoHistory is what a reader is told who asks for what may be in the store.
func errNoHistory(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return console.ErrNotFound
	}
	return errors.Join(err, console.NewProblem(http.StatusServiceUnavailable, "it is not in memory, and the store cannot be read at present"))
}

// archived returns the operation that has left memory.
func (s source) archived(ctx context.Context, namespace, id string) (console.Record, error) {
	a := s.o.archive.Load()
	if a == nil {
		return console.Record{}, console.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	r, err := a.store.Record(ctx, namespace, id)
	if err != nil {
		return console.Record{}, errNoHistory(err)
	}
	return s.fromStore(&r), nil
}

// fromStore shows an operation as the store has it. What the record does not say of the verdict follows from the facts, as far as they lead to the same one.
func (s source) fromStore(r *store.Record) console.Record {
	view := s.viewOf(r)
	policy := s.o.rules.rules.Policy(view)
	verdict := operation.Verdict{State: r.State, Reason: r.Reason, Hop: -1, Consumer: -1}
	if again := operation.Judge(view, policy, &operation.Circumstances{}, r.UpdatedAt); again.State == r.State && again.Reason == r.Reason {
		verdict = again
	}
	verdict.Flags, verdict.EndedAt, verdict.Next = r.Flags, r.EndedAt, 0
	inIncident, _ := s.o.incidents.Of(view)
	return console.Record{
		View: view, Name: r.Name, Verdict: verdict, Policy: policy, TraceID: tracedAs(view, r.State, r.Revision, r.FinalRevision),
		UpdatedAt: r.UpdatedAt, IncidentID: inIncident, Archived: true,
	}
}

// viewOf computes the view from the facts; without any that can be read, it is what the record says.
func (s source) viewOf(r *store.Record) *operation.View {
	facts, err := store.DecodeFacts(r.Facts)
	view := &operation.View{Name: r.Name, StartedAt: r.StartedAt, LastAt: r.EndedAt, Progress: -1}
	if err == nil && len(facts) > 0 {
		view = s.o.engine.ViewOf(facts)
	}
	// The record was written by one who knew more than these facts.
	view.ID, view.Namespace, view.Aliases = r.ID, r.Namespace, slices.Clone(r.Aliases)
	return view
}

// tracedAs returns the ID of the derived trace that shows an operation: for a stuck one that of the snapshot.
func tracedAs(v *operation.View, state operation.State, revision, finalRevision uint32) operation.TraceID {
	if state == operation.StateStuck {
		return stitch.SnapshotTraceID(v.ID, v.Namespace, revision)
	}
	return stitch.TraceID(v.ID, v.Namespace, max(1, finalRevision))
}

// shelf is the part of a list that only the store has.
type shelf struct {
	ctx      context.Context //nolint:containedctx // It lives as long as one page.
	source   source
	history  store.History
	query    console.Query
	patience *console.Patience
}

// shelf returns that part, nil without a store.
func (s source) shelf(ctx context.Context, q *console.Query, patience *console.Patience) console.Archive {
	a := s.o.archive.Load()
	if a == nil {
		return nil
	}
	return &shelf{ctx: ctx, source: s, history: a.store, query: *q, patience: patience}
}

// Next implements [console.Archive].
func (h *shelf) Next(cursor string, since int64, limit int) (some []console.Archived, next string, more bool, err error) {
	ctx, cancel := context.WithTimeout(h.ctx, historyTimeout)
	defer cancel()
	q := h.ask(since)
	q.Cursor, q.Limit = cursor, limit
	for {
		page, err := h.history.List(ctx, q)
		if err != nil {
			return nil, "", false, err
		}
		for i := range page.Records {
			q.Cursor = page.Cursors[i]
			if r, wanted := h.wanted(&page.Records[i]); wanted {
				some = append(some, console.Archived{Record: r, Cursor: q.Cursor})
			}
			if len(some) == limit {
				return some, q.Cursor, true, nil
			}
		}
		if page.Cursor == "" {
			return some, q.Cursor, false, nil
		}
		q.Cursor = page.Cursor
		if len(some) > 0 || h.patience.Ended(h.query.Limit-limit) {
			return some, q.Cursor, true, nil
		}
	}
}

// ask is the query for the store, as far as the store can be asked.
func (h *shelf) ask(since int64) store.Query {
	q := store.Query{
		Name: h.query.Name, Service: h.query.Service, Destination: h.query.Destination, Text: h.query.Text,
		Since: max(since, h.query.Since), Facts: true,
	}
	if len(h.query.States) == 1 {
		q.State = h.query.States[0].String()
	}
	if len(h.query.Reasons) == 1 {
		q.Reason = h.query.Reasons[0].String()
	}
	return q
}

// wanted returns the record, unless memory has the operation, which then counts, or a filter that the store does not know leaves it out.
func (h *shelf) wanted(r *store.Record) (console.Record, bool) {
	if h.source.held(r) {
		return console.Record{}, false
	}
	shown, rest := h.source.fromStore(r), h.query
	rest.Text, rest.Service, rest.Destination = "", "", ""
	return shown, rest.MatchesRecord(&shown)
}

// held reports whether memory has the operation.
func (s source) held(r *store.Record) bool { return s.o.engine.Has(r.Namespace, r.ID) }

// addHistory counts the operations with a name that failed and have left memory since.
func (s source) addHistory(ctx context.Context, q console.HealthQuery, h *console.Health) error {
	a := s.o.archive.Load()
	if a == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	for _, state := range []operation.State{operation.StateFailed, operation.StateDeadLettered} {
		page, err := a.store.List(ctx, store.Query{State: state.String(), Name: q.Name, Since: q.FailedSince, Limit: healthAtMost})
		if err != nil {
			return err
		}
		for i := range page.Records {
			r := &page.Records[i]
			if (q.Namespace == "" || q.Namespace == r.Namespace) && !s.held(r) {
				h.AddFailed(console.Summary{Namespace: r.Namespace, ID: r.ID, Name: r.Name, State: r.State, UpdatedAt: r.UpdatedAt})
			}
		}
	}
	if h.Seen {
		return nil
	}
	page, err := a.store.List(ctx, store.Query{Name: q.Name, Limit: 1})
	h.Seen = len(page.Records) > 0 && (q.Namespace == "" || q.Namespace == page.Records[0].Namespace)
	return err
}

// storedIncident returns an incident that has left memory.
func (s source) storedIncident(ctx context.Context, id string) (incident.Incident, error) {
	a := s.o.archive.Load()
	if a == nil {
		return incident.Incident{}, console.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	stored, err := a.store.Incident(ctx, id)
	if err != nil {
		return incident.Incident{}, errNoHistory(err)
	}
	return incident.Decode(stored.Data)
}

// storedIncidents returns what has left memory of a list that begins at a time, at least as many as are asked for if there are.
func (s source) storedIncidents(ctx context.Context, before int64, limit int) ([]incident.Incident, error) {
	a := s.o.archive.Load()
	if a == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	var found []incident.Incident
	for {
		stored, err := a.store.Incidents(ctx, before, limit)
		if err != nil {
			return nil, err
		}
		for k := range stored {
			before = stored[k].UpdatedAt
			if _, inMemory := s.o.incidents.Get(stored[k].ID); inMemory {
				continue
			}
			i, err := incident.Decode(stored[k].Data)
			if err != nil {
				return nil, err
			}
			found = append(found, i)
		}
		if len(stored) < limit || len(found) >= limit {
			return found, nil
		}
	}
}

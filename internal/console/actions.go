package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/throughline/throughline/internal/audit"
)

// AuditSource has the journal of what people did.
type AuditSource interface {
	// Actions returns the first entries that match, the latest first.
	Actions(ctx context.Context, q audit.Query) (audit.Page, error)
	// AddNote writes a note about a subject, which need not exist.
	AddNote(ctx context.Context, about audit.Subject, by, note string) (audit.Entry, error)
}

// Pending is the error of an action that is written and not done yet: another collector will do it.
type Pending struct{ Entry audit.Entry }

// Error says so.
func (p *Pending) Error() string { return "the action " + p.Entry.ID + " is pending" }

// entryJSON is an action or a note in a response.
type entryJSON struct {
	ID        string      `json:"id"`
	At        timestamp   `json:"at"`
	Action    string      `json:"action"`
	Subject   subjectJSON `json:"subject"`
	By        *string     `json:"by"`
	Note      *string     `json:"note"`
	Until     timestamp   `json:"until"`
	State     string      `json:"state"`
	Refusal   *string     `json:"refusal"`
	DoneAt    timestamp   `json:"done_at"`
	Collector *string     `json:"collector"`
	Kept      bool        `json:"kept"`
}

type subjectJSON struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	ID        string `json:"id"`
}

func newEntryJSON(e *audit.Entry) entryJSON {
	return entryJSON{
		ID: e.ID, At: timestamp(e.At), Action: e.Action, Subject: subjectJSON{string(e.Subject.Kind), e.Subject.Namespace, e.Subject.ID},
		By: optional(e.By), Note: optional(e.Note), Until: timestamp(e.Until), State: string(e.State), Refusal: optional(e.Refusal),
		DoneAt: timestamp(e.DoneAt), Collector: optional(e.Collector), Kept: e.Kept,
	}
}

// actions lists what people did.
func (a *api) actions(ctx context.Context, req *request) (reply, error) {
	var about []audit.Subject
	if text := req.params.text("subject"); text != "" {
		name, id, _ := strings.Cut(text, "/")
		kind, known := audit.ParseKind(name)
		if !known || id == "" {
			req.params.fail(refuse("subject", text, "it must be incident/ or operation/ with the ID after it"))
		}
		about = []audit.Subject{{Kind: kind, Namespace: req.params.text("namespace"), ID: id}}
	}
	return a.entries(ctx, req, audit.Query{Subjects: about}, "actions")
}

// entries answers with a page of entries under a name.
func (a *api) entries(ctx context.Context, req *request, q audit.Query, name string) (reply, error) {
	after, asOf := req.params.cursor(req.route.Path, req.now)
	if after != nil {
		q.After = &audit.Position{At: after.UpdatedAt, ID: after.ID}
	}
	q.Limit, q.Now = req.params.limit(), req.now
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	page, err := a.source.Actions(ctx, q)
	if err != nil {
		return reply{}, err
	}
	l := list{limit: maxListBytes}
	if page.Forgotten {
		l.warn("there is no store: the latest are held in memory, and a restart forgets them")
	}
	a.lacks(&l, req, page.Partial)
	n, err := fill(&l, page.Entries, newEntryJSON)
	if err != nil {
		return reply{}, err
	}
	next := page.Next
	if n < len(page.Entries) {
		last := page.Entries[n-1].Position()
		next = &last
	}
	var cursor *string
	if next != nil {
		cursor = req.nextCursor(&Position{UpdatedAt: next.At, ID: next.ID}, asOf)
	}
	return l.reply(name, cursor, asOf)
}

// noteRequestJSON is a note that somebody leaves.
type noteRequestJSON struct {
	Note string `json:"note"`
	// By is who leaves it; whom the authentication knows takes precedence.
	By string `json:"by"`
}

// notes lists the notes on an operation, under whichever of its IDs they were left.
func (a *api) notes(ctx context.Context, req *request) (reply, error) {
	about, err := a.aboutOperation(ctx, req)
	if err != nil {
		return reply{}, err
	}
	return a.entries(ctx, req, audit.Query{Subjects: about, Notes: true}, "notes")
}

func (a *api) addNote(ctx context.Context, req *request) (reply, error) {
	var wanted noteRequestJSON
	if p := decode(req.body, &wanted); p != nil {
		return reply{}, p
	}
	about, err := a.aboutOperation(ctx, req)
	if err != nil {
		return reply{}, err
	}
	if user := a.user(ctx); user != "" {
		wanted.By = user
	}
	e, err := a.source.AddNote(ctx, about[0], wanted.By, wanted.Note)
	if errors.Is(err, audit.ErrInvalid) {
		return reply{}, NewProblem(http.StatusBadRequest, err.Error())
	}
	if err != nil {
		return reply{}, err
	}
	return replyJSON(http.StatusCreated, newEntryJSON(&e))
}

// aboutOperation returns the subjects that stand for an operation, the one to which notes are added first.
func (a *api) aboutOperation(ctx context.Context, req *request) ([]audit.Subject, error) {
	namespace := req.params.text("namespace")
	r, err := a.source.Operation(ctx, namespace, req.value)
	if err != nil {
		return nil, noOperation(err, namespace, req.value)
	}
	about := []audit.Subject{{Kind: audit.KindOperation, Namespace: r.View.Namespace, ID: r.View.ID}}
	for _, alias := range r.View.Aliases {
		about = append(about, audit.Subject{Kind: audit.KindOperation, Namespace: r.View.Namespace, ID: alias})
	}
	return about, nil
}

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// The bounds of responses in bytes. Those of a list hold for the text that is sent, those of one operation for the
// contents before escaping.
const (
	maxListBytes   = 8 << 20
	maxItemBytes   = 128 << 10
	maxDetailBytes = 4 << 20
)

func (a *api) operations(ctx context.Context, req *request) (reply, error) {
	q, asOf := parseQuery(req)
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	page, err := a.source.Operations(ctx, q)
	if err != nil {
		return reply{}, err
	}
	if errors.Is(page.Partial, store.ErrInvalid) {
		return reply{}, refuse("cursor", req.params.text("cursor"), errCursorForm.Error())
	}
	l := list{limit: maxListBytes}
	a.lacks(&l, req, page.Partial)
	n, err := fill(&l, page.Items, func(i *Item) operationJSON { return newOperationJSON(&i.Record, req.now, maxItemBytes) })
	if err != nil {
		return reply{}, err
	}
	next := page.Next
	if n < len(page.Items) {
		next = &page.Items[n-1].At
	}
	return l.reply("operations", req.nextCursor(next, asOf), asOf)
}

func parseQuery(req *request) (q Query, asOf int64) {
	p := &req.params
	q.After, asOf = p.cursor(req.route.Path, req.now)
	for _, i := range p.choices("state", operation.StateNames()) {
		q.States = append(q.States, operation.State(i))
	}
	for _, i := range p.choices("reason", operation.StuckReasonNames()) {
		q.Reasons = append(q.Reasons, operation.StuckReason(i+1))
	}
	for _, i := range p.choices("flag", operation.FlagNames()) {
		q.Flags |= 1 << i
	}
	q.Rule, q.Group = p.text("rule"), p.text("group")
	q.Namespace, q.Name = p.text("namespace"), p.text("name")
	q.Service, q.Destination, q.Text = p.text("service"), p.text("destination"), p.text("q")
	q.Since, q.Limit = p.since(asOf), p.limit()
	return q, asOf
}

// nextCursor is the cursor of the page that begins after a place, nil without one.
func (req *request) nextCursor(after *Position, asOf int64) *string {
	if after == nil {
		return nil
	}
	c := cursor{asOf: asOf, query: req.params.hash(req.route.Path), after: *after}
	text := c.encode()
	return &text
}

func (a *api) operation(ctx context.Context, req *request) (reply, error) {
	namespace := req.params.text("namespace")
	r, err := a.source.Operation(ctx, namespace, req.value)
	if err != nil {
		return reply{}, noOperation(err, namespace, req.value)
	}
	return replyJSON(http.StatusOK, newDetailJSON(&r, req.now, maxDetailBytes))
}

// noOperation says that no operation has the ID, if that is what the error is.
func noOperation(err error, namespace, id string) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	detail := fmt.Sprintf("no operation has the ID %q", clip(id, shownValue))
	if namespace != "" {
		detail += fmt.Sprintf(" in the namespace %q", clip(namespace, shownValue))
	}
	return NewProblem(http.StatusNotFound, detail)
}

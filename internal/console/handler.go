package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"
)

// Settings is what the API needs.
type Settings struct {
	Source Source
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Fault is told of what went wrong inside: an error of the source, or a panic with its stack. The client never sees it.
	// It may be nil, and is called by many goroutines at once.
	Fault func(route string, err error)
}

// Handler returns the API. It serves all paths itself, because IDs in paths may hold any bytes and http.ServeMux would
// redirect some of them.
func Handler(s Settings) http.Handler {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Fault == nil {
		s.Fault = func(string, error) {}
	}
	return &api{source: s.Source, now: s.Now, fault: s.Fault, routes: routes()}
}

type api struct {
	source Source
	now    func() time.Time
	fault  func(route string, err error)
	routes []*route
}

// request is a request whose route is known and whose parameters have the right names.
type request struct {
	route *route
	// value is the unescaped variable part of the path.
	value  string
	params params
	// now is the one time by which the request is answered, in nanoseconds since 1970.
	now int64
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt, value, ok := findRoute(a.routes, r.URL.EscapedPath())
	if !ok {
		NewProblem(http.StatusNotFound, "there is no such endpoint; GET "+root+" lists them all").Write(w)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p := NewProblem(http.StatusMethodNotAllowed, fmt.Sprintf("%s allows GET and HEAD only", rt.Path))
		p.allow = "GET, HEAD"
		p.Write(w)
		return
	}
	req := request{route: rt, value: value, params: parseParams(r.URL.RawQuery, rt.Parameters), now: a.now().UnixNano()}
	answer, err := a.serve(r.Context(), &req)
	if err != nil {
		a.problem(rt, err).Write(w)
		return
	}
	answer.write(w)
}

// serve calls the route and turns a panic into an error. Nothing has been sent by then.
func (a *api) serve(ctx context.Context, req *request) (answer reply, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	if req.params.problem != nil {
		return reply{}, req.params.problem
	}
	return req.route.serve(a, ctx, req)
}

// problem says to the client what it may know of an error, and to the owner all of it.
func (a *api) problem(rt *route, err error) *Problem {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return NewProblem(http.StatusServiceUnavailable, "the request ended before it could be answered")
	}
	a.fault(rt.Path, err)
	return NewProblem(http.StatusInternalServerError, "the request could not be answered; the log of the collector says why")
}

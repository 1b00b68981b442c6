package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/store"
)

// Settings is what the API needs.
type Settings struct {
	Source Source
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Fault is told of what went wrong inside: an error of the source, or a panic with its stack. The client never sees it.
	// It may be nil, and is called by many goroutines at once.
	Fault func(route string, err error)
	// User returns who makes a request, as its authentication knows them, "" if it does not. Nil: nobody is known.
	User func(ctx context.Context) string
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
	if s.User == nil {
		s.User = func(context.Context) string { return "" }
	}
	return &api{source: s.Source, now: s.Now, fault: s.Fault, user: s.User, routes: routes(), origin: http.NewCrossOriginProtection()}
}

type api struct {
	source Source
	now    func() time.Time
	fault  func(route string, err error)
	user   func(ctx context.Context) string
	routes []*route
	// origin keeps pages of other sites from acting in the name of whoever looks at them.
	origin *http.CrossOriginProtection
}

// request is a request whose route is known and whose parameters have the right names.
type request struct {
	route *route
	// value is the unescaped variable part of the path.
	value  string
	params params
	// now is the one time by which the request is answered, in nanoseconds since 1970.
	now int64
	// body is what was posted, nil for a GET.
	body []byte
}

// maxBody bounds what may be posted.
const maxBody = 64 << 10

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt, value, ok := findRoute(a.routes, r.URL.EscapedPath())
	if !ok {
		NewProblem(http.StatusNotFound, "there is no such endpoint; GET "+root+" lists them all").Write(w)
		return
	}
	if rt = a.taking(rt, r.Method); !rt.takes(r.Method) {
		a.refuseMethod(rt).Write(w)
		return
	}
	req := request{route: rt, value: value, params: parseParams(r.URL.RawQuery, rt.Parameters), now: a.now().UnixNano()}
	if r.Method == http.MethodPost {
		var p *Problem
		if req.body, p = a.posted(w, r); p != nil {
			p.Write(w)
			return
		}
	}
	answer, err := a.serve(r.Context(), &req)
	if err != nil {
		a.problem(rt, err).Write(w)
		return
	}
	answer.write(w)
}

// taking returns the route with the same path that takes the method, the route itself if none does.
func (a *api) taking(rt *route, method string) *route {
	for _, other := range a.routes {
		if other.Path == rt.Path && other.takes(method) {
			return other
		}
	}
	return rt
}

func (rt *route) takes(method string) bool {
	return method == rt.Method || (method == http.MethodHead && rt.Method == http.MethodGet)
}

// refuseMethod says what the path of a route allows.
func (a *api) refuseMethod(rt *route) *Problem {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		if a.taking(rt, method).takes(method) {
			methods = append(methods, method)
		}
	}
	words := strings.Join(methods, ", ")
	p := NewProblem(http.StatusMethodNotAllowed, fmt.Sprintf("%s allows %s only", rt.Path, words))
	p.allow = words
	return p
}

// posted reads the body of a request that changes something. It must be declared as JSON: no form of another site can be.
func (a *api) posted(w http.ResponseWriter, r *http.Request) ([]byte, *Problem) {
	if err := a.origin.Check(r); err != nil {
		return nil, NewProblem(http.StatusForbidden, "the request comes from a page of another site")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, NewProblem(http.StatusUnsupportedMediaType, "the body must be JSON, with the header Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, NewProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body cannot be read, or has more than %d bytes", maxBody))
	}
	return body, nil
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

// lacks warns the reader of a list that the store could not be read. A store that does not answer tells its owner so by itself.
func (a *api) lacks(l *list, req *request, why error) {
	if why == nil {
		return
	}
	l.warn(warnNoStore)
	if !errors.Is(why, store.ErrUnavailable) {
		a.fault(req.route.Path, why)
	}
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

package console

import (
	"context"
	_ "embed"
	"net/http"
	"net/url"
	"strings"
)

const root = "/api/v1"

// openAPI describes what the routes take and give.
//
//go:embed openapi.yaml
var openAPI []byte

// route is one endpoint. Its path may have one variable part, which is named in braces and is never empty.
type route struct {
	Method     string   `json:"method"`
	Path       string   `json:"path"`
	Parameters []string `json:"parameters"`
	Summary    string   `json:"summary"`

	serve func(a *api, ctx context.Context, req *request) (reply, error)
}

// routes lists the endpoints in the order in which a reader meets them.
func routes() []*route {
	none := []string{}
	return []*route{
		{"GET", root, none, "the list of endpoints", (*api).index},
		{"GET", root + "/openapi.yaml", none, "the description of this API", (*api).openAPI},
		{"GET", root + "/operations", []string{
			"state", "reason", "flag", "name", "rule", "service", "destination", "group", "namespace", "q", "since", "limit", "cursor",
		}, "operations, the latest updated first", (*api).operations},
		{"GET", root + "/operations/{id}", []string{"namespace"}, "one operation, by any of its IDs", (*api).operation},
		{"GET", root + "/operations/{id}/notes", []string{"namespace", "limit", "cursor"}, "the notes on an operation, the latest first", (*api).notes},
		{"POST", root + "/operations/{id}/notes", []string{"namespace"}, "leave a note on an operation", (*api).addNote},
		{"GET", root + "/incidents", []string{"state", "limit", "cursor"}, "incidents, the latest updated first", (*api).incidents},
		{"GET", root + "/incidents/{id}", none, "one incident", (*api).incident},
		{"POST", root + "/incidents/{id}/actions", none, "acknowledge or mute an incident, or take that back", (*api).actOnIncident},
		{
			"GET", root + "/actions", []string{"subject", "namespace", "limit", "cursor"},
			"what people did and noted, and what became of it, the latest first", (*api).actions,
		},
		{"GET", root + "/rules", none, "what operations are judged by, and how many each rule applies to", (*api).rules},
		{"GET", root + "/stats", none, "counts and limits", (*api).stats},
		{"GET", root + "/self", none, "how the collector itself is doing", (*api).self},
		{"GET", "/self", []string{"format"}, "the same as a page for people", (*api).selfPage},
		{
			"GET", root + "/coverage", []string{"service", "dry_run", "format"},
			"how much of each service's telemetry found its operation, and what is missing", (*api).coverage,
		},
		{"GET", root + "/expectations", none, "operations that are expected to start, and whether they did", (*api).expectations},
		{
			"GET", root + "/learned", []string{"name", "destination", "limit"},
			"what was learned from operations that completed: thresholds, what always follows, who always consumes", (*api).learned,
		},
		{
			"GET", root + "/telemetry", []string{"limit"},
			"how the telemetry of services usually comes, and where it is lacking", (*api).telemetry,
		},
		{"GET", root + "/clocks", []string{"limit"}, "by how much the clocks of services disagree", (*api).clocks},
		{
			"GET", root + "/health/{operation}", []string{"namespace", "window"},
			"200 if no operation of that name is stuck or failed lately, else 503", (*api).health,
		},
	}
}

// findRoute returns the route of an escaped path, and the unescaped variable part of the path. An escaped slash is a part
// of an ID, a plain one separates.
func findRoute(routes []*route, path string) (rt *route, value string, ok bool) {
	if path == "/" || path == root+"/" {
		path = root
	}
	for _, rt := range routes {
		fixed, end, variable := strings.Cut(rt.Path, "{")
		if !variable {
			if path == fixed {
				return rt, "", true
			}
			continue
		}
		rest, ok := strings.CutPrefix(path, fixed)
		if _, suffix, _ := strings.Cut(end, "}"); suffix != "" && ok {
			rest, ok = strings.CutSuffix(rest, suffix)
		}
		if !ok || rest == "" || strings.Contains(rest, "/") {
			continue
		}
		if value, err := url.PathUnescape(rest); err == nil {
			return rt, value, true
		}
	}
	return nil, "", false
}

func (a *api) index(context.Context, *request) (reply, error) {
	return replyJSON(http.StatusOK, struct {
		Name      string   `json:"name"`
		Endpoints []*route `json:"endpoints"`
	}{"throughline", a.routes})
}

func (*api) openAPI(context.Context, *request) (reply, error) {
	return reply{status: http.StatusOK, contentType: "application/yaml", body: openAPI}, nil
}

package console

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/coverage"
)

// Coverage is how much of the telemetry found its operation.
type Coverage struct {
	// StartedAt is when counting began, in nanoseconds since 1970.
	StartedAt int64
	Live      coverage.Report
	// Trial is what processors on a dry run would have found, nil without any.
	Trial *coverage.Report
}

// CoverageSource knows how much of the telemetry found its operation.
type CoverageSource interface {
	Coverage(ctx context.Context) (Coverage, error)
}

var (
	coverageFormats = []string{"json", "text"}
	truths          = []string{"false", "true"}
)

func (a *api) coverage(ctx context.Context, req *request) (reply, error) {
	p := &req.params
	text := p.choice("format", coverageFormats) == "text"
	dryRun, service := p.choice("dry_run", truths), p.text("service")
	if p.problem != nil {
		return reply{}, p.problem
	}
	c, err := a.source.Coverage(ctx)
	if err != nil {
		return reply{}, err
	}
	sections := c.sections(service, dryRun)
	if !text {
		return coverageReply(&c, sections, req.now)
	}
	var out bytes.Buffer
	if err := coverage.WriteText(&out, sections); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, contentType: "text/plain; charset=utf-8", body: out.Bytes()}, nil
}

// The beginnings of the titles of reports.
const (
	liveTitle  = "Coverage"
	trialTitle = "Coverage of the dry run"
)

// sections are the reports that are asked for.
func (c *Coverage) sections(service, dryRun string) []coverage.Section {
	since := ""
	if c.StartedAt != 0 {
		since = " since " + time.Unix(0, c.StartedAt).UTC().Format(time.RFC3339)
	}
	var sections []coverage.Section
	if dryRun != "true" {
		sections = append(sections, coverage.Section{Title: liveTitle + since, Report: only(&c.Live, service)})
	}
	if c.Trial != nil && dryRun != "false" {
		sections = append(sections, coverage.Section{Title: trialTitle + since, DryRun: true, Report: only(c.Trial, service)})
	}
	return sections
}

// only leaves the services whose names match. Destinations are those of all services, so that then none is left.
func only(r *coverage.Report, pattern string) coverage.Report {
	if pattern == "" {
		return *r
	}
	var left coverage.Report
	for i := range r.Services {
		if matchesGlob(pattern, r.Services[i].Name) {
			left.Services = append(left.Services, r.Services[i])
		}
	}
	return left
}

// matchesGlob reports whether the name is the pattern, in which * stands for any characters. Each part between stars is
// looked for once, so that no pattern is expensive.
func matchesGlob(pattern, name string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		_, behind, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name, rest = behind, after
	}
}

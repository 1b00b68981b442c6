package operationsextension

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/evidence"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/measure"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/originals"
)

// Operations is what other components see of the extension.
type Operations interface {
	// Apply attaches facts to their operations and appends one assignment for each to out.
	Apply(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment
	// Commit waits until all that was applied before the call will survive a kill of the collector, if telemetry is to be acknowledged no sooner.
	// An error says that the telemetry is to be sent again.
	Commit(ctx context.Context) error
	// Waits reports whether Commit may wait.
	Waits() bool
	// Try does the same as Apply for a dry run: the facts meet those of other dry runs only, and nothing follows from them but their
	// part of the coverage report.
	Try(now time.Time, facts []operation.Fact, out []engine.Assignment) []engine.Assignment
	// Arrived takes note that telemetry of a service arrived. oldest and newest are when spans of it ended, or records were
	// written, 0 if unknown; all times are nanoseconds since 1970. The name is not retained. It reports whether it is to be
	// called for each of them instead, with oldest and newest equal, because they may fill a gap.
	Arrived(service string, signal gap.Signal, oldest, newest, now int64) (each bool)
	// Read takes note of what was drawn from a batch of telemetry, and of what of it could not be used. The batch is not retained.
	Read(signal gap.Signal, b *evidence.Batch)
	// Traces tells which operation with a correlation ID each trace belongs to as a whole, and appends one assignment for
	// each to out; an empty one says that there is none.
	Traces(traces []operation.TraceID, out []engine.Assignment) []engine.Assignment
	// Subscribe begins a subscription to what follows from the facts. It must be closed.
	Subscribe() *Subscription
	// Originals returns what keeps originals for those who show more of them than facts tell. It keeps nothing unless asked to.
	Originals() *originals.Store
	// Measure begins to count what follows from the facts. It must be closed.
	Measure(settings measure.Settings) (Measurement, error)
}

// DefaultID is the ID under which other components look for the extension by default.
var DefaultID = component.MustNewID("operations")

// Find returns the operations extension with the ID that the key `operations` of a component's configuration gives. The
// error says what to add to the configuration.
func Find(host component.Host, id component.ID) (Operations, error) {
	extensions := host.GetExtensions()
	found, ok := extensions[id]
	if !ok {
		return nil, fmt.Errorf("`operations` is %q: no such extension is running (running: %s); declare it under `extensions` and list it under `service::extensions`",
			id, running(extensions))
	}
	operations, ok := found.(Operations)
	if !ok {
		return nil, fmt.Errorf("`operations` is %q: that is no operations extension (running: %s)", id, running(extensions))
	}
	return operations, nil
}

func running(extensions map[component.ID]component.Component) string {
	if len(extensions) == 0 {
		return "none"
	}
	names := make([]string, 0, len(extensions))
	for id := range extensions {
		names = append(names, id.String())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

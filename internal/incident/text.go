package incident

import (
	"fmt"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// Summary says in one line what is wrong and where, or that it is over.
func (i *Incident) Summary() string {
	if i.Storm {
		return i.stormSummary()
	}
	if i.Kind == operation.StateUnknown {
		return i.gapSummary()
	}
	var b strings.Builder
	if i.State == StateResolved {
		b.WriteString("resolved: ")
	} else {
		fmt.Fprintf(&b, "%d ", i.Active)
	}
	fmt.Fprintf(&b, "%s of %q ", plural(i.Active, "operation"), i.OperationName)
	b.WriteString(i.condition())
	if i.Destination != "" {
		fmt.Fprintf(&b, " at %q", i.Destination)
	}
	if i.Group != "" {
		fmt.Fprintf(&b, ", consumer group %q", i.Group)
	}
	if i.ErrorType != "" {
		fmt.Fprintf(&b, ", error %q", i.ErrorType)
	}
	if i.Culprit != "" {
		fmt.Fprintf(&b, " in %q", i.Culprit)
	}
	if i.Hop.DeadLetter != "" && i.Hop.DeadLetter != i.Destination {
		fmt.Fprintf(&b, ", sent to %q", i.Hop.DeadLetter)
	}
	return b.String()
}

func (i *Incident) stormSummary() string {
	if i.State == StateResolved {
		return fmt.Sprintf("resolved: many incidents at %q", i.Destination)
	}
	return fmt.Sprintf("%d %s at %q with %d %s", i.Children, plural(i.Children, "incident"), i.Destination, i.Active, plural(i.Active, "operation"))
}

func (i *Incident) gapSummary() string {
	whose := "all services"
	if i.Service != "" {
		whose = fmt.Sprintf("%q", i.Service)
	}
	switch {
	case i.State == StateResolved:
		return "resolved: telemetry of " + whose + " was lacking"
	case i.Active == 0:
		return "telemetry of " + whose + " is lacking"
	}
	return fmt.Sprintf("telemetry of %s is lacking: %d %s unknown", whose, i.Active, plural(i.Active, "operation"))
}

func (i *Incident) condition() string {
	if i.Kind == operation.StateStuck {
		return fmt.Sprintf("%s (%s)", i.Kind, i.Reason)
	}
	return i.Kind.String()
}

func plural(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

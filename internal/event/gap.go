package event

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/operation"
)

// Gap is a gap in telemetry that began or is over.
type Gap struct {
	gap.Gap
	// At is when that was noticed, in nanoseconds since 1970.
	At int64
	// Policy says how bad it is; nil stands for the defaults.
	Policy *operation.Policy
	// IncidentID is the incident of the gap, "" without one.
	IncidentID string
}

// AppendTo appends the event: that the gap began, or, with how much of it came late after all, that it is over.
func (g *Gap) AppendTo(records plog.LogRecordSlice) {
	over := g.Until != 0
	record := records.AppendEmpty()
	record.SetEventName(NameGap)
	if over {
		record.SetEventName(NameGapOver)
	}
	record.SetTimestamp(pcommon.Timestamp(max(0, g.At)))
	record.SetObservedTimestamp(pcommon.Timestamp(max(0, g.At)))
	record.Body().SetStr(g.summary())
	policy := g.Policy
	if policy == nil {
		fallback := operation.DefaultPolicy()
		policy = &fallback
	}
	setSeverity(record, policy.Severity, over)

	w := writer{record.Attributes()}
	w.text(attrGapService, g.Service)
	w.PutStr(attrGapKind, g.Kind.String())
	w.texts(attrGapSignals, g.signals())
	w.time(attrGapFrom, g.From)
	w.time(attrGapUntil, g.Until)
	if over {
		w.PutDouble(attrGapFilled, g.Filled)
		w.PutBool(attrGapGone, g.Gone)
	}
	w.text(attrIncidentID, g.IncidentID)
}

func (g *Gap) signals() []string {
	var names []string
	for i, lacking := range g.Signals {
		if lacking {
			names = append(names, gap.Signal(i).String())
		}
	}
	return names
}

func (g *Gap) summary() string {
	whose := "all services"
	if g.Service != "" {
		whose = fmt.Sprintf("%q", g.Service)
	}
	what := "telemetry"
	if names := g.signals(); len(names) == 1 {
		what = names[0]
	}
	since := time.Unix(0, g.From).UTC().Format(time.RFC3339)
	var b strings.Builder
	switch g.Kind {
	case gap.KindCollectorDown:
		fmt.Fprintf(&b, "the collector was not running from %s", since)
	case gap.KindLate:
		fmt.Fprintf(&b, "%s of %s comes late, what is lacking begins at %s", what, whose, since)
	default:
		fmt.Fprintf(&b, "no %s of %s since %s", what, whose, since)
	}
	if g.Until == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, ", until %s", time.Unix(0, g.Until).UTC().Format(time.RFC3339))
	if g.Gone {
		b.WriteString(": given up")
	} else {
		fmt.Fprintf(&b, ": %.0f %% of it came late", 100*g.Filled)
	}
	return b.String()
}

package measure

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stitch"
)

var start = time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)

// sec makes a time from seconds since the start.
func sec(s float64) int64 { return start.UnixNano() + int64(s*float64(time.Second)) }

func at(s float64) time.Time { return time.Unix(0, sec(s)) }

func newMeter(t require.TestingT, maxSeries int) *Meter {
	return meterWith(t, func(s *Settings) { s.MaxSeries = maxSeries })
}

func meterWith(t require.TestingT, change func(*Settings)) *Meter {
	s := Settings{
		Start: start, MaxSeries: DefaultMaxSeries,
		Drawn: func(c *operation.Change) operation.TraceID { return stitch.TraceID(c.View.ID, c.View.Namespace, 1) },
	}
	change(&s)
	m, err := New(s)
	require.NoError(t, err)
	return m
}

// attempt is one that began and ended at so many seconds; 0 for an end that never came.
func attempt(from, to float64, outcome operation.Outcome) operation.Attempt {
	a := operation.Attempt{Origin: operation.Origin{Service: "worker"}, ReceivedAt: sec(from), StartedAt: sec(from), Outcome: outcome}
	if to != 0 {
		a.EndedAt = sec(to)
	}
	return a
}

func consumer(group string, state operation.HopState, waited float64, attempts ...operation.Attempt) operation.Consumer {
	return operation.Consumer{
		Group: group, Service: "worker", State: state, Attempts: attempts, WaitedNanos: int64(waited * float64(time.Second)),
	}
}

// hop is a message sent to orders at so many seconds.
func hop(sent float64, state operation.HopState, consumers ...operation.Consumer) operation.Hop {
	return operation.Hop{
		System: "kafka", Destination: "orders", State: state, Consumers: consumers,
		Sends: []operation.Send{{StartedAt: sec(sent), EndedAt: sec(sent)}},
	}
}

func view(id string, hops ...operation.Hop) *operation.View {
	return &operation.View{ID: id, Name: "order.fulfil", StartedAt: sec(0), LastAt: sec(10), Hops: hops}
}

// first is the change by which an operation became final for the first time, after 10 s.
func first(v *operation.View, state operation.State, flags operation.Flags) *operation.Change {
	return &operation.Change{
		View: v, New: true, Revision: 1, FinalRevision: 1, At: sec(20), Before: operation.Verdict{Hop: -1, Consumer: -1},
		Verdict: operation.Verdict{State: state, Flags: flags, EndedAt: sec(10), Hop: -1, Consumer: -1},
	}
}

// then is the change after another one of the same operation.
func then(before *operation.Change, state operation.State, flags operation.Flags) *operation.Change {
	c := *before
	c.New, c.Before = false, before.Verdict
	c.Verdict.State, c.Verdict.Flags = state, flags
	c.Revision++
	if state.Final() {
		c.FinalRevision++
	}
	return &c
}

// render writes one line for each data point, but for counters that are zero.
func render(metrics pmetric.Metrics) string {
	var out strings.Builder
	for _, line := range lines(metrics) {
		if !strings.HasSuffix(line, " total=0") {
			out.WriteString(strings.Replace(line, " total=", " ", 1) + "\n")
		}
	}
	return out.String()
}

// lines are one for each data point.
func lines(metrics pmetric.Metrics) (all []string) {
	say := func(m pmetric.Metric, p point, flags pmetric.DataPointFlags, format string, values ...any) {
		if flags.NoRecordedValue() {
			format, values = "gone", nil
		}
		all = append(all, m.Name()+labels(p.Attributes())+" "+fmt.Sprintf(format, values...))
	}
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		switch m.Type() {
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				say(m, p, p.Flags(), "count=%d sum=%g", p.Count(), p.Sum())
			}
		case pmetric.MetricTypeExponentialHistogram:
			for _, p := range m.ExponentialHistogram().DataPoints().All() {
				say(m, p, p.Flags(), "count=%d sum=%g", p.Count(), p.Sum())
			}
		case pmetric.MetricTypeSum:
			format := "%d"
			if m.Sum().IsMonotonic() {
				format = "total=%d"
			}
			for _, p := range m.Sum().DataPoints().All() {
				say(m, p, p.Flags(), format, p.IntValue())
			}
		case pmetric.MetricTypeGauge:
			for _, p := range m.Gauge().DataPoints().All() {
				say(m, p, p.Flags(), "%g", p.DoubleValue())
			}
		}
	}
	return all
}

// metricOf is the first metric of that name.
func metricOf(metrics pmetric.Metrics, name string) pmetric.Metric {
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() == name {
			return m
		}
	}
	panic("no metric " + name)
}

func labels(m pcommon.Map) string {
	pairs := []string{}
	for k, v := range m.All() {
		k = strings.TrimSuffix(k, ".name")
		k = k[strings.LastIndexByte(k, '.')+1:]
		pairs = append(pairs, k+"="+v.AsString())
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ",") + "}"
}

// requireLines requires the rendered metrics, given without indentation.
func requireLines(t *testing.T, metrics pmetric.Metrics, want ...string) {
	t.Helper()
	require.Equal(t, strings.Join(want, "\n")+"\n", render(metrics))
}

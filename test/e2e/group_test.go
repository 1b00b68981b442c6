//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// group is what operations in the same trouble have in common, and so one incident and one alert.
type group struct {
	kind, reason, operation, destination, consumerGroup, errorType string

	// size is the number of operations, due when the first of them crossed its threshold.
	size int
	due  time.Time
	ids  []string
}

func (g *group) String() string {
	return strings.Join([]string{g.kind, g.reason, g.operation, g.destination, g.consumerGroup, g.errorType}, " | ")
}

// The thresholds of testdata/fast.yaml.
const (
	stuckAfter  = 5 * time.Second
	failedAfter = 3 * time.Second
)

// labels are those that name the group; what is empty must be absent.
func (g *group) labels() map[string]string {
	name := "AsyncOperationsStuck"
	switch g.kind {
	case stateFailed:
		name = "AsyncOperationsFailed"
	case stateDeadLettered:
		name = "AsyncOperationsDeadLettered"
	}
	return map[string]string{
		"alertname": name, "kind": g.kind, "reason": g.reason, "operation": g.operation, "destination": g.destination,
		"consumer_group": g.consumerGroup, "error_type": g.errorType,
	}
}

func (g *group) is(a *alert) bool {
	for key, value := range g.labels() {
		if a.Labels[key] != value {
			return false
		}
	}
	return true
}

// groupsOf derives from the truth which groups of operations are in trouble, or were before their messages were consumed
// late. The types of errors, which the truth does not hold, are those that the API shows.
func groupsOf(t *testing.T, truths []truth, judged []verdict.Operation) []*group {
	t.Helper()
	byID := map[string]*verdict.Operation{}
	for i := range judged {
		byID[judged[i].ID] = &judged[i]
	}
	var groups []*group
	for i := range truths {
		op := &truths[i]
		g, ok := groupOf(op)
		if !ok {
			continue
		}
		if g.kind == stateFailed || g.kind == stateDeadLettered {
			g.errorType = errorType(byID[op.ID], g.destination)
			require.NotEmpty(t, g.errorType, "error of %s", op.ID)
		}
		at := slices.IndexFunc(groups, func(other *group) bool { return other.String() == g.String() })
		if at < 0 {
			groups = append(groups, g)
			continue
		}
		other := groups[at]
		other.size++
		other.ids = append(other.ids, op.ID)
		if g.due.Before(other.due) {
			other.due = g.due
		}
	}
	return groups
}

// groupOf returns the group of one operation, false if it was never in trouble.
func groupOf(op *truth) (*group, bool) {
	g := &group{operation: op.Name, size: 1, ids: []string{op.ID}}
	for i := range op.Hops {
		h := &op.Hops[i]
		g.destination = h.Destination
		switch {
		case h.State == stateWaiting || (h.WaitSeconds != nil && *h.WaitSeconds > stuckAfter.Seconds()):
			g.kind, g.reason, g.due = stateStuck, stateWaiting, h.SentAt.Add(stuckAfter)
			return g, true
		case h.State == stateProcessing:
			g.kind, g.reason, g.due = stateStuck, stateProcessing, h.Consumers[0].ReceivedAt.Add(stuckAfter)
			g.consumerGroup = h.Consumers[0].Group
			return g, true
		case h.State == stateFailed || h.State == stateDeadLettered:
			g.kind, g.due = h.State, h.Consumers[0].EndedAt.Add(failedAfter)
			g.consumerGroup = h.Consumers[0].Group
			if parked := op.deadLetter(); parked != nil {
				// A record tells it, so nobody waits for another attempt.
				g.due = parked.SentAt
			}
			return g, true
		}
	}
	return nil, false
}

func errorType(op *verdict.Operation, destination string) string {
	for i := range op.Hops {
		for k := range op.Hops[i].Consumers {
			if e := op.Hops[i].Consumers[k].Error; op.Hops[i].Destination == destination && e != nil {
				return e.Type
			}
		}
	}
	return ""
}

// activeAlerts asks Alertmanager for the alerts that fire.
func (s *stand) activeAlerts(t *testing.T) ([]alert, error) {
	t.Helper()
	var alerts []alert
	err := verdict.GetJSON(t.Context(), s.alertmanager.URL+"/api/v2/alerts?active=true", &alerts)
	return alerts, err
}

// awaitAlerts waits until exactly one alert fires for each of the groups, and no other.
func (s *stand) awaitAlerts(t *testing.T, timeout time.Duration, groups []*group) []alert {
	t.Helper()
	var alerts []alert
	await(t, timeout, "one alert for each group", func() (err error) {
		if alerts, err = s.activeAlerts(t); err != nil {
			return err
		}
		return matchAlerts(alerts, groups)
	})
	return alerts
}

// matchAlerts checks that there is one alert for each group and none besides.
func matchAlerts(alerts []alert, groups []*group) error {
	var errs []error
	for _, g := range groups {
		if n := len(alertsOf(alerts, g)); n != 1 {
			errs = append(errs, fmt.Errorf("%d active alerts for %s", n, g))
		}
	}
	for i := range alerts {
		if !slices.ContainsFunc(groups, func(g *group) bool { return g.is(&alerts[i]) }) {
			errs = append(errs, fmt.Errorf("unexpected alert %v", alerts[i].Labels))
		}
	}
	return errors.Join(errs...)
}

func alertsOf(alerts []alert, g *group) []alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a alert) bool { return !g.is(&a) })
}

func ofKind(groups []*group, kind, reason string) []*group {
	return slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.kind != kind || g.reason != reason })
}

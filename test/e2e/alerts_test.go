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

const (
	// recovery is when messages that nobody consumed are consumed after all. It leaves all operations time to get stuck
	// before the first of them recovers, and people to be told, on a busy machine too.
	recovery = 30 * time.Second
	// resolveTimeout is how long after recovery an alert may take to resolve.
	resolveTimeout = 3 * time.Minute
)

// TestAlerts lets operations get stuck and fail in many ways at once, and the consumers of those that wait come back.
func TestAlerts(t *testing.T) {
	hook := startWebhook(t)
	s := start(t, setup{webhook: hook.url})
	end := s.traffic(t, "--operations", "400", "--rate", "200", "--seed", "21", "--recover", recovery.String(),
		"--mix", "completed=52,retried=4,never_consumed=14,killed=10,failed=12,dead_lettered=8")

	// While they wait, everything that is in trouble has an alert. What exactly that is, is known only afterwards.
	var duringTrouble []alert
	await(t, recovery, "alerts for all four kinds of trouble", func() (err error) {
		if duringTrouble, err = s.activeAlerts(t); err != nil {
			return err
		}
		return s.allTold(t, duringTrouble)
	})
	truths := end()
	judged := s.awaitVerdicts(t, truths)
	groups := groupsOf(t, truths, judged)
	waiting, processing := ofKind(groups, stateStuck, stateWaiting), ofKind(groups, stateStuck, stateProcessing)
	refused, dead := ofKind(groups, stateFailed, ""), ofKind(groups, stateDeadLettered, "")
	for _, kind := range [][]*group{waiting, processing, refused, dead} {
		require.NotEmpty(t, kind)
	}
	failed := slices.Concat(refused, dead)
	require.NoError(t, matchAlerts(duringTrouble, groups), "alerts during the trouble")
	checkAlerts(t, duringTrouble, groups, s.collector.ConsoleURL)

	// The consumers are back, and nothing fails any more: what remains is what was killed.
	s.awaitAlerts(t, resolveTimeout, processing)
	await(t, resolveTimeout, "notifications", func() error {
		return errors.Join(told(hook, groups, statusFiring, 1), told(hook, waiting, statusResolved, 1), told(hook, failed, statusResolved, 1))
	})
	require.NoError(t, told(hook, processing, statusResolved, 0))
	all, broken := hook.all()
	require.Empty(t, broken)
	require.Len(t, all, len(groups)+len(waiting)+len(failed), "notifications in all")
	s.checkIncidents(t, groups, judged)
	logDelays(t, hook, groups)
	s.checkHealthy(t)
}

// allTold reports whether every incident that the API shows as open has an alert, of each kind at least one.
func (s *stand) allTold(t *testing.T, alerts []alert) error {
	t.Helper()
	kinds := map[string]bool{}
	for i := range alerts {
		kinds[alerts[i].Labels["kind"]+alerts[i].Labels["reason"]] = true
	}
	judged, err := s.api.Operations(t.Context())
	if err != nil {
		return err
	}
	for i := range judged {
		if judged[i].State == verdict.StateInProgress {
			return fmt.Errorf("%s is not judged yet", judged[i].ID)
		}
	}
	incidents, err := s.incidents(t)
	if err != nil {
		return err
	}
	if len(kinds) < 4 || len(incidents) != len(alerts) {
		return fmt.Errorf("%d alerts of the kinds %v for %d incidents", len(alerts), kinds, len(incidents))
	}
	return nil
}

// checkAlerts checks what the alerts say.
func checkAlerts(t *testing.T, alerts []alert, groups []*group, consoleURL string) {
	t.Helper()
	for _, g := range groups {
		a := alertsOf(alerts, g)[0]
		require.Equal(t, "error", a.Labels["severity"], g)
		require.Equal(t, "3", a.Labels["priority"], g)
		require.NotEmpty(t, a.Labels["incident_id"], g)
		require.NotEmpty(t, a.Annotations["summary"], g)
		require.Contains(t, a.Annotations["first_failing_hop"], g.destination, g)
		require.Equal(t, consoleURL+"/api/v1/incidents/"+a.Labels["incident_id"], a.Generator, g)
		require.Contains(t, g.ids, strings.Split(a.Annotations["operations"], ", ")[0], g)
	}
}

// told checks how many notifications of a status came for each group.
func told(hook *webhook, groups []*group, status string, want int) error {
	var errs []error
	for _, g := range groups {
		if got := len(hook.received(g, status)); got != want {
			errs = append(errs, fmt.Errorf("%d notifications %s for %s, not %d", got, status, g, want))
		}
	}
	return errors.Join(errs...)
}

// incidentAnswer is an incident as the API shows it.
type incidentAnswer struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Kind        string `json:"kind"`
	Reason      string `json:"reason"`
	Operation   string `json:"operation_name"`
	Destination string `json:"destination"`
	Group       string `json:"group"`
	ErrorType   string `json:"error_type"`
	Active      int    `json:"active_operations"`
	Total       int    `json:"total_operations"`
	Reopened    int    `json:"reopened"`
}

func (s *stand) incidents(t *testing.T) ([]incidentAnswer, error) {
	t.Helper()
	var answer struct {
		Incidents []incidentAnswer `json:"incidents"`
	}
	err := verdict.GetJSON(t.Context(), s.collector.ConsoleURL+"/api/v1/incidents?limit=1000", &answer)
	return answer.Incidents, err
}

// checkIncidents checks that the API shows one incident for each group, with the right numbers, and its operations in it.
func (s *stand) checkIncidents(t *testing.T, groups []*group, judged []verdict.Operation) {
	t.Helper()
	incidents, err := s.incidents(t)
	require.NoError(t, err)
	require.Len(t, incidents, len(groups))
	byID := map[string]*verdict.Operation{}
	for i := range judged {
		byID[judged[i].ID] = &judged[i]
	}
	for _, g := range groups {
		found := 0
		for _, i := range incidents {
			key := group{kind: i.Kind, reason: i.Reason, operation: i.Operation, destination: i.Destination, consumerGroup: i.Group, errorType: i.ErrorType}
			if key.String() != g.String() {
				continue
			}
			found++
			require.Equal(t, g.size, i.Total, g)
			require.Zero(t, i.Reopened, g)
			if g.reason != stateProcessing {
				require.Equal(t, "resolved", i.State, g)
				require.Zero(t, i.Active, g)
				continue
			}
			require.Equal(t, "open", i.State, g)
			require.Equal(t, g.size, i.Active, g)
			for _, id := range g.ids {
				require.Equal(t, i.ID, byID[id].IncidentID, id)
			}
		}
		require.Equal(t, 1, found, g)
	}
}

// logDelays shows how long after the threshold people were told, and checks that nobody was told before.
func logDelays(t *testing.T, hook *webhook, groups []*group) {
	t.Helper()
	var longest time.Duration
	for _, g := range groups {
		delay := hook.received(g, statusFiring)[0].at.Sub(g.due)
		require.Positive(t, delay, g)
		longest = max(longest, delay)
	}
	t.Logf("%d groups of operations, the longest delay from threshold to notification %s", len(groups), longest.Round(time.Millisecond))
}

package operationsextension

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/operation"
)

// savedExpectations is what is kept over a restart: what was expected, the rows of missed starts, and who began operations of a rule.
type savedExpectations struct {
	Version  int                 `json:"version"`
	Expected json.RawMessage     `json:"expected"`
	Rows     []savedRow          `json:"rows,omitempty"`
	Services map[string][]string `json:"services,omitempty"`
}

// savedRow is a row. Times are nanoseconds since 1970.
type savedRow struct {
	Missed    expect.Missed     `json:"missed"`
	Verdict   operation.Verdict `json:"verdict"`
	Before    operation.Verdict `json:"before"`
	Revision  uint32            `json:"revision"`
	Output    int64             `json:"output,omitempty"`
	DecidedAt int64             `json:"decided_at,omitempty"`
	UpdatedAt int64             `json:"updated_at,omitempty"`
}

const (
	// expectationsVersion changes whenever what was stored before can no longer be read; expectedOnly is the version that had no rows.
	expectationsVersion = 2
	expectedOnly        = 1
	// maxSavedServiceName bounds names that are read, in bytes.
	maxSavedServiceName = 256
)

// numbered says which output is the latest one, and with which everybody has dealt. From then on a row that is restored is told again if it
// may not have been told.
func (x *expectations) numbered(output, told int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.output, x.told = output, told
}

// changed reports whether starts were seen that are not saved yet.
func (x *expectations) changed() bool { return x.tracker != nil && x.tracker.Unsaved() }

// save returns what is to be kept over a restart. There must be an expectation.
func (x *expectations) save(now time.Time) ([]byte, error) {
	expected, err := x.tracker.Snapshot(now)
	if err != nil {
		return nil, err
	}
	s := savedExpectations{Version: expectationsVersion, Expected: expected, Services: map[string][]string{}}
	for name, rule := range x.rules {
		if services := rule.runners(); len(services) > 0 {
			s.Services[name] = services
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(x.rows)) {
		r := x.rows[id]
		if r.view == nil {
			// Nothing is known of it but what is expected.
			continue
		}
		if r.output == 0 {
			r.output = x.output
		}
		s.Rows = append(s.Rows, savedRow{
			Missed: r.Missed, Verdict: r.verdict, Before: r.before, Revision: r.revision, Output: r.output, DecidedAt: r.decidedAt, UpdatedAt: r.updatedAt,
		})
	}
	return json.Marshal(s)
}

// restore goes on from what was kept, instead of what is known. What was missed before is not told anew. Where nobody else keeps incidents, it
// belongs to its incident again.
func (x *expectations) restore(data []byte, now time.Time) error {
	var s savedExpectations
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("snapshot of expectations: %w", err)
	}
	switch s.Version {
	case expectationsVersion:
	case expectedOnly:
		s = savedExpectations{Expected: data}
	default:
		return fmt.Errorf("snapshot of expectations: version is %d: must be at most %d", s.Version, expectationsVersion)
	}
	for i := range s.Rows {
		if err := s.Rows[i].check(); err != nil {
			return fmt.Errorf("snapshot of expectations: the row of rule %.100q: %w", s.Rows[i].Missed.Rule, err)
		}
	}
	if err := x.tracker.Restore(s.Expected); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.rows)
	for name, services := range s.Services {
		if rule := x.rules[name]; rule != nil {
			rule.restore(services)
		}
	}
	for i := range s.Rows {
		x.restoreRow(&s.Rows[i], now.UnixNano())
	}
	for _, status := range x.tracker.Status() {
		if m := status.Missed; m != nil && x.rows[missedID(m)] == nil {
			x.rows[missedID(m)] = &row{Missed: *m, restored: true}
		}
	}
	return nil
}

// check reports what no row can be.
func (s *savedRow) check() error {
	switch {
	case s.Missed.Count < 1 || s.Missed.FirstDueAt.Year() < 1970 || s.Missed.DueAt.Before(s.Missed.FirstDueAt) || s.Missed.DueAt.Year() > maxYear:
		return errors.New("`missed` is no row of due times")
	case s.Verdict.State == operation.StateInProgress || !ofMissed(&s.Verdict) || !ofMissed(&s.Before):
		return errors.New("`verdict` or `before` is none of missed starts")
	case s.Revision < 1:
		return errors.New("`revision` is 0: must be at least 1")
	}
	return nil
}

// ofMissed reports whether the verdict is one that missed starts have.
func ofMissed(v *operation.Verdict) bool {
	states := []operation.State{operation.StateInProgress, operation.StateStuck, operation.StateUnknown, operation.StateCompleted}
	reasons := []operation.StuckReason{operation.StuckNone, operation.StuckMissed, operation.StuckTelemetryGap}
	return slices.Contains(states, v.State) && slices.Contains(reasons, v.Reason) && v.Source <= operation.SourceSchedule && v.Hop == -1 &&
		v.Consumer == -1 && v.Flags&^operation.FlagLateEvidence == 0 && len(v.Silent) <= maxSavedServiceName
}

// maxYear is the last one in which times are in nanoseconds.
const maxYear = 2230

// restoreRow restores a row of a rule that is still expected. Called with the lock held.
func (x *expectations) restoreRow(s *savedRow, now int64) {
	rule := x.rules[s.Missed.Rule]
	if rule == nil || len(x.rows) >= maxRows+len(x.rules) {
		return
	}
	r := &row{
		Missed: s.Missed, verdict: s.Verdict, before: s.Before, revision: s.Revision, output: s.Output,
		decidedAt: min(s.DecidedAt, now), updatedAt: min(s.UpdatedAt, now),
	}
	x.rows[missedID(&r.Missed)] = r
	if x.told < 0 && r.RecoveredAt.IsZero() {
		r.restored = true
		return
	}
	r.view = r.operation(rule)
	r.again = x.told >= 0 && r.output > x.told
}

// tellAgain returns the changes that may not have been told. Called with the lock held.
func (x *expectations) tellAgain() (changes []operation.Change) {
	for _, r := range x.rows {
		if r.again {
			r.again = false
			c := x.change(r, r.revision == 1)
			c.Again = true
			changes = append(changes, c)
		}
	}
	return changes
}

// restore goes on with who began operations before.
func (e *expectation) restore(services []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.services = nil
	for _, s := range services[:min(len(services), maxRunners)] {
		if s != "" && len(s) <= maxSavedServiceName {
			e.services = append(e.services, s)
		}
	}
}

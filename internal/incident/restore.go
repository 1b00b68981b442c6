package incident

import (
	"cmp"
	"container/list"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/throughline/throughline/internal/operation"
)

// Member is an operation that was in an incident when it was last judged.
type Member struct {
	Namespace, ID string
	// Missed says that it stands for starts that did not come.
	Missed bool
	// Incident is the ID of the incident.
	Incident string
	// UpdatedAt is the time of its last change of verdict, in nanoseconds since 1970; 0: not known.
	UpdatedAt int64
	// Policy is the operation's, nil: one that gave the incident its severity.
	Policy *operation.Policy
}

// Restore replaces all incidents with what was saved; of all outputs up to told everybody was told. It may be called again and again, by one who
// only wants to show them. Before the next Observe or Sweep comes [Tracker.Rejoin].
//
// What cannot be read is left out and named by the error, the rest is restored; nothing is if the error is [ErrNewer].
func (t *Tracker) Restore(saved []Saved, told int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	records := make([]*record, 0, len(saved))
	var errs []error
	for i := range saved {
		r, err := t.reread(&saved[i])
		switch {
		case errors.Is(err, ErrNewer):
			return fmt.Errorf("incident %s: %w", saved[i].ID, err)
		case err != nil:
			errs = append(errs, fmt.Errorf("incident %q: %w", clip(saved[i].ID, maxName), err))
		default:
			records = append(records, r)
		}
	}
	t.reset(told)
	// All that are open, whatever the bound was when they were opened, and then those that were resolved last.
	slices.SortStableFunc(records, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(b.ResolvedAt, a.ResolvedAt), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range records {
		if t.incidents[r.ID] != nil || (r.State == StateResolved && len(t.incidents) >= t.settings.MaxIncidents) {
			continue
		}
		t.incidents[r.ID] = r
		if r.State == StateResolved {
			r.place = t.resolved.PushFront(r)
		}
		t.revision = max(t.revision, r.Revision)
	}
	return errors.Join(errs...)
}

// reread returns what was saved, without reading it again if nothing changed since it was last restored.
func (t *Tracker) reread(s *Saved) (*record, error) {
	if r := t.incidents[s.ID]; r != nil && r.restored && r.UpdatedAt == s.UpdatedAt && r.Revision == s.Revision {
		r.place = nil
		return r, nil
	}
	r, err := decode(s.Data)
	if err == nil && r.ID != s.ID {
		return nil, fmt.Errorf("%w: it is about incident %q", ErrCorrupt, clip(r.ID, maxName))
	}
	return r, err
}

// reset lets everything go but what is known of messages and of healthy operations.
func (t *Tracker) reset(told int64) {
	t.durable, t.toldOutput, t.resuming = true, told, false
	t.incidents, t.members, t.resolved = make(map[string]*record), make(map[memberKey]*record), list.New()
	t.storms, t.stirred, t.touched, t.parting = make(map[place]*storm), nil, nil, nil
}

// Rejoin makes operations members of the restored incidents again, and takes note of the services whose telemetry is lacking ("" for everybody's).
// What is told next begins with the events that may not have been told before, as they were; then each open incident is told
// of, and each is resolved that has no members any more.
func (t *Tracker) Rejoin(members iter.Seq[Member], gaps []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resuming = true
	for _, r := range t.incidents {
		t.revive(r, gaps)
	}
	for m := range members {
		t.rejoin(&m)
	}
	for _, r := range t.incidents {
		t.miss(r)
	}
	for _, s := range t.storms {
		if s.parent != nil {
			s.parent.sum(s.parent.UpdatedAt)
		}
	}
	// Nothing happened yet: what follows is told with the next sweep, which knows what the batch before it brought.
	for i, s := range t.stirred {
		t.stirred[i], s.stirred = nil, false
	}
	t.stirred = t.stirred[:0]
}

// revive makes a restored incident one that can change.
func (t *Tracker) revive(r *record, gaps []string) {
	r.restored = false
	r.recent = slices.DeleteFunc(r.recent, func(e sent) bool { return e.output <= t.toldOutput })
	if r.Kind.Bad() && r.Message != "" {
		place := r.Key
		place.Message = ""
		t.templates.Keep(place, r.Message)
	}
	if r.State != StateOpen {
		return
	}
	r.carried = true
	if r.gap != nil && !slices.Contains(gaps, r.Service) {
		r.gap, r.ending = nil, CauseLost
	}
	if r.gap != nil {
		r.rate(r.gap)
	}
	if r.Storm {
		t.resume(r)
	} else {
		t.enter(r)
	}
}

// stormAt returns the open incidents of a destination.
func (t *Tracker) stormAt(at place) *storm {
	s := t.storms[at]
	if s == nil {
		s = &storm{place: at}
		t.storms[at] = s
	}
	return s
}

// resume lets an incident stand for many again. Whether they are still many is seen before anything is told.
func (t *Tracker) resume(parent *record) {
	s := t.stormAt(place{parent.Namespace, parent.Destination})
	parent.storm, s.parent = s, parent
	t.stir(s)
}

func (t *Tracker) rejoin(m *Member) {
	r := t.incidents[m.Incident]
	if r == nil || r.State != StateOpen || r.Storm || (m.UpdatedAt != 0 && m.UpdatedAt < r.OpenedAt) {
		// It is over, or was before it was opened again.
		return
	}
	key := t.keyOfView(&operation.View{Namespace: m.Namespace, ID: m.ID, Missed: btoi(m.Missed)})
	if t.members[key] != nil {
		return
	}
	if len(t.members) >= t.settings.MaxMembers {
		t.stats.Overflow++
		return
	}
	policy := m.Policy
	if policy == nil {
		policy = r.usual()
	}
	t.members[key] = r
	r.members[key] = r.rate(policy)
	id := clip(m.ID, maxName)
	for i := range r.sample {
		if r.sample[i].left && r.sample[i].ID == id {
			r.sample[i].key, r.sample[i].left = key, false
		}
	}
}

// usual is the policy of the worst members there were.
func (r *record) usual() *operation.Policy {
	for s := severityCount - 1; s >= 0; s-- {
		if r.policies[s] != nil {
			return r.policies[s]
		}
	}
	return &operation.Policy{Severity: r.Severity, Priority: r.Priority, Owner: r.Owner, Runbook: r.Runbook}
}

// miss takes note of the members that are not there any more, and lets the incident be told of.
func (t *Tracker) miss(r *record) {
	if r.State != StateOpen {
		return
	}
	if missing := r.Active - int64(len(r.members)); !r.Storm && missing > 0 {
		r.ending = CauseQuiet
		if !r.Kind.Bad() {
			r.Lost, r.ending = r.Lost+missing, CauseLost
			if p := r.parent(); p != nil {
				p.Lost += missing
			}
		}
	}
	if !r.Storm {
		r.Active = int64(len(r.members))
	}
	if r.ParentID != "" && r.parent() == nil {
		// Nothing stands for many any more, or what did could not be read.
		r.ParentID, r.moved = "", CauseParted
	}
	if r.moved == 0 {
		r.moved = CauseRestored
	}
}

// again returns the events that may not have been told, in the order of their revisions, those of incidents that stand for many in front; once
// after Rejoin.
func (t *Tracker) again() []Event {
	if !t.resuming {
		return nil
	}
	t.resuming = false
	var events []Event
	for _, r := range t.incidents {
		for _, e := range r.recent {
			events = append(events, e.Event)
		}
		// They are events of the output in hand now.
		r.changed, r.recent = r.changed || len(r.recent) > 0, nil
	}
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(stormsFirst(a, b), cmp.Compare(a.Incident.Revision, b.Incident.Revision))
	})
	return events
}

// HandOver returns what is to be told when somebody else tells of the incidents from now on: each open one as it was last told of, with
// the same revision. Before the next Observe or Sweep come [Tracker.Restore] and [Tracker.Rejoin].
func (t *Tracker) HandOver(now int64) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	var events []Event
	for _, r := range t.incidents {
		if r.State == StateOpen && r.told {
			events = append(events, Event{Kind: EventUpdated, Cause: CauseHandedOver, At: now, Incident: r.snapshot()})
		}
	}
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.Incident.ID, b.Incident.ID) })
	return events
}

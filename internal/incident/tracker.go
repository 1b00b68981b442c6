package incident

import (
	"cmp"
	"container/list"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/template"
)

// Tracker keeps the incidents. It is safe for concurrent use.
//
// Two things hold after every call: the Active of an incident is the number of its members, and an incident is resolved
// exactly when it has none, and no gap.
type Tracker struct {
	settings Settings     // immutable after New
	seed     maphash.Seed // immutable after New

	mu        sync.Mutex
	incidents map[string]*record
	// members tells the open incident of each operation that is in one.
	members map[memberKey]*record
	// resolved lists the resolved incidents, the one resolved first in front.
	resolved *list.List
	// templates finds what the messages of failures have in common.
	templates *template.Miner
	// storms are the open incidents of each destination; stirred are those that the batch in hand changed, in the order of the
	// first change.
	storms  map[place]*storm
	stirred []*storm
	// causes knows what healthy operations look like.
	causes *cause.Table
	// touched are the incidents that the batch in hand changed, in the order of the first change.
	touched []*record
	// revision is that of the last event of any incident.
	revision int64
	stats    Stats
	// durable says that incidents are saved, toldOutput is the output up to which everybody had been told when they were restored,
	// resuming that nothing has been told since they were. parting are incidents that left and whose last change is to be saved.
	durable    bool
	toldOutput int64
	resuming   bool
	parting    []*record
}

// New returns a tracker without incidents.
func New(settings Settings) (*Tracker, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	// Twice the incidents, so that the template of one that is held is hardly ever one that left.
	templates, err := template.NewMiner(template.Settings{
		MaxTemplates: 2 * settings.MaxIncidents, MaxPerPlace: settings.MaxMessages,
	})
	if err != nil {
		return nil, err
	}
	causes, err := cause.NewTable(settings.Causes, settings.Resources)
	if err != nil {
		return nil, err
	}
	return &Tracker{
		templates: templates,
		causes:    causes,
		settings:  settings,
		seed:      maphash.MakeSeed(),
		incidents: make(map[string]*record),
		members:   make(map[memberKey]*record),
		storms:    make(map[place]*storm),
		resolved:  list.New(),
	}, nil
}

// Observe takes in the changes of one sweep and returns what is to be told about the incidents they concern, in the order
// in which they were first concerned: at most three events for each, however many operations changed.
func (t *Tracker) Observe(now time.Time, changes []operation.Change) []Event {
	// Reading stack traces is most of the work, and needs nothing of the tracker.
	groups := make([]group, len(changes))
	for i := range changes {
		groups[i].Key, groups[i].ok = KeyOf(&changes[i], t.settings.InApp)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.UnixNano()
	again := t.again()
	t.learn(changes, at)
	// Who is gone goes first: when two operations turned out to be one, the one that is left may bear the other's name.
	for _, gone := range [...]bool{true, false} {
		for i := range changes {
			if changes[i].Gone == gone {
				t.observe(&changes[i], groups[i], at)
			}
		}
	}
	return t.finish(append(again, t.tellTouched(at)...))
}

// tellTouched returns what is to be told of the incidents that the batch in hand changed, those that stand for many in front.
func (t *Tracker) tellTouched(at int64) []Event {
	t.gather(at)
	events := t.tellEach(at, nil)
	parents, parted := t.tellStorms(at, false)
	if len(parents) == 0 {
		return append(events, parted...)
	}
	return append(append(parents, events...), parted...)
}

func (t *Tracker) tellEach(at int64, events []Event) []Event {
	for i, r := range t.touched {
		t.touched[i], r.touched = nil, false
		r.refresh(at)
		t.conclude(r, at)
		events = t.tell(r, at, events)
	}
	t.touched = t.touched[:0]
	return events
}

// Sweep returns what is to be told because time has passed: failures that have been quiet for long enough are resolved,
// numbers that changed since the last event are told, and open incidents are refreshed. Events are in the order of IDs, those of
// incidents that stand for many in front.
func (t *Tracker) Sweep(now time.Time) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.UnixNano()
	again := t.again()
	var events []Event
	for _, r := range t.incidents {
		if r.State != StateOpen || r.Storm {
			continue
		}
		if r.Kind.Bad() && at-r.joinedAt >= int64(t.settings.ResolveAfter) {
			t.release(r, CauseQuiet)
			r.refresh(at)
		}
		if r.lapse(at) || r.weigh(at) || r.moved == CauseRestored {
			r.refresh(at)
		}
		events = t.tell(r, at, events)
	}
	parents, parted := t.tellStorms(at, true)
	events = append(append(events, parted...), parents...)
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(stormsFirst(a, b), strings.Compare(a.Incident.ID, b.Incident.ID))
	})
	return t.finish(append(again, events...))
}

// group is the incident that a change puts its operation into, if there is one.
type group struct {
	Key
	ok bool
}

func (t *Tracker) observe(c *operation.Change, g group, now int64) {
	key, present := t.find(c)
	if present == nil && repeated(c) {
		// Nor is its message a name for others: a restart would forget it.
		return
	}
	group, ok := t.keyOf(c, g)
	if !ok {
		if present != nil {
			t.leave(key, present, c.Gone)
		}
		return
	}
	id := group.ID()
	if present != nil && present.ID == id {
		present.regrade(key, c)
		t.touch(present)
		return
	}
	if present != nil {
		t.leave(key, present, false)
	}
	t.join(key, id, group, c, now)
}

// repeated reports whether a change tells of a failure that was told before. An incident of failures releases its members
// when it is resolved, and what else becomes known of them later must not open it again.
func repeated(c *operation.Change) bool {
	return c.Verdict.State.Bad() && c.Before.State == c.Verdict.State &&
		c.Verdict.Since == c.Before.Since
}

func (t *Tracker) join(key memberKey, id string, group Key, c *operation.Change, now int64) {
	if len(t.members) >= t.settings.MaxMembers {
		t.stats.Overflow++
		return
	}
	r := t.record(id, group)
	if r == nil {
		t.stats.Overflow++
		return
	}
	if r.State == StateResolved {
		t.unlist(r)
		r.open(c, now)
		t.enter(r)
	}
	t.investigate(r, c, r.join(key, c, now, t.settings.SampleSize))
	if p := r.parent(); p != nil {
		p.Total++
		p.changed = true
	}
	t.members[key] = r
	t.touch(r)
}

// record returns the incident with the key, which is made if there is room for it, or nil.
func (t *Tracker) record(id string, key Key) *record {
	r := t.incidents[id]
	if r == nil && t.room() {
		r = &record{
			Incident: Incident{Key: key, ID: id, Version: key.Version(), State: StateResolved},
			members:  make(map[memberKey]operation.Severity, 1),
		}
		t.incidents[id] = r
	}
	return r
}

// unlist takes an incident that is opened again out of the list of resolved ones.
func (t *Tracker) unlist(r *record) {
	if r.place != nil {
		t.resolved.Remove(r.place)
		r.place = nil
	}
}

// room makes room for one more incident if it can.
func (t *Tracker) room() bool {
	if len(t.incidents) < t.settings.MaxIncidents {
		return true
	}
	oldest := t.resolved.Front()
	if oldest == nil {
		return false
	}
	r := t.resolved.Remove(oldest).(*record)
	delete(t.incidents, r.ID)
	if t.durable && r.changed {
		t.parting = append(t.parting, r)
	}
	t.stats.Evicted++
	return true
}

func (t *Tracker) leave(key memberKey, r *record, gone bool) {
	r.leave(key)
	delete(t.members, key)
	r.ending = CauseRecovered
	switch {
	case gone && !r.Kind.Bad():
		r.Lost++
		if p := r.parent(); p != nil {
			p.Lost++
			p.changed = true
		}
	case gone:
		// It failed, that is known; it is only too long ago to be remembered.
		r.ending = CauseQuiet
	}
	t.touch(r)
}

// release lets all members go.
func (t *Tracker) release(r *record, why Cause) {
	for key := range r.members {
		r.leave(key)
		delete(t.members, key)
	}
	r.ending = why
}

func (t *Tracker) touch(r *record) {
	r.changed = true
	if !r.touched {
		r.touched = true
		t.touched = append(t.touched, r)
	}
	if r.parent() != nil {
		t.stir(r.at)
	}
}

// tell appends what is to be told about an incident by now.
func (t *Tracker) tell(r *record, now int64, events []Event) []Event {
	if r.State != StateOpen {
		return events
	}
	if !r.told {
		cause := CauseNew
		if r.Reopened > 0 {
			cause = CauseReopened
		}
		events = append(events, r.event(EventOpened, cause, t.next(now), now))
	}
	if len(r.members) == 0 && r.gap == nil && r.storm == nil {
		return append(events, t.resolve(r, now))
	}
	if cause, ok := t.news(r, now); ok {
		events = append(events, r.event(EventUpdated, cause, t.next(now), now))
	}
	return events
}

func (t *Tracker) resolve(r *record, now int64) Event {
	r.State, r.ResolvedAt = StateResolved, max(now, r.OpenedAt)
	r.Acknowledged = nil
	if r.Muted != nil && r.Muted.Until == 0 {
		r.Muted = nil
	}
	r.place = t.resolved.PushBack(r)
	t.exit(r)
	if r.Lost > 0 {
		return r.event(EventResolved, CauseLost, t.next(now), now)
	}
	return r.event(EventResolved, r.ending, t.next(now), now)
}

// next returns the revision of the next event. One counter serves all incidents, so that one that left and is opened anew
// does not begin again below what was told of it before.
func (t *Tracker) next(now int64) int64 {
	t.revision = max(t.revision+1, now/int64(time.Millisecond))
	return t.revision
}

// news says why an open incident is to be told of again, if it is.
func (t *Tracker) news(r *record, now int64) (Cause, bool) {
	since := now - r.toldAt
	switch {
	case r.moved != 0 && r.moved != CauseRestored:
		return r.moved, true
	case r.Severity > r.toldSeverity, r.Severity == r.toldSeverity && r.Priority < r.toldPriority:
		return CauseEscalated, true
	case r.Severity < r.toldSeverity, r.Priority > r.toldPriority:
		return CauseReduced, true
	case r.marked:
		return CauseMarked, true
	case r.moved == CauseRestored:
		return CauseRestored, true
	case since >= int64(t.settings.RefreshInterval):
		return CauseRefresh, true
	case since < int64(t.settings.UpdateInterval):
		return 0, false
	}
	if trait := r.Hints.first(); trait != r.toldTrait && trait != (cause.Trait{}) {
		return CauseHint, true
	}
	if r.Active == r.toldActive {
		return 0, false
	}
	return CauseCount, r.Active >= 2*r.toldActive || 2*r.Active <= r.toldActive
}

package incident

import (
	"cmp"
	"container/list"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/incident/cause"
	"github.com/throughline/throughline/internal/operation"
)

// severityCount is the number of severities.
const severityCount = int(operation.SeverityCritical) + 1

// record is an incident that the tracker holds, with what it takes to follow it.
type record struct {
	Incident

	members map[memberKey]operation.Severity
	// gap is the policy by which telemetry that is lacking is told of, nil unless it is.
	gap *operation.Policy
	// severities counts the members by severity, policies is the latest policy that gave it.
	severities [severityCount]int
	policies   [severityCount]*operation.Policy
	sample     []sampled
	// joinedAt is when an operation last joined, ending why the members that left last did.
	joinedAt int64
	ending   Cause
	// toldAt, toldActive and toldSeverity are what the last event said; told is false while the opening is not announced.
	told         bool
	toldAt       int64
	toldActive   int64
	toldSeverity operation.Severity
	toldPriority int
	// escalated are the escalations of each policy that were in force when the incident was last brought up to date.
	escalated [severityCount]uint64
	// joins is what Rate is computed from.
	joins rate
	// suspects are what the operations of this opening are compared by; undiscussed says that some joined since the hints were drawn.
	suspects    cause.Sample
	undiscussed bool
	// toldTrait is the strongest hint that was told.
	toldTrait cause.Trait
	// at are the open incidents of its destination, storm those that it stands for; nil without.
	at, storm *storm
	// moved is CauseJoined, CauseParted or CauseRestored if that happened since the last event, else 0.
	moved Cause
	// marked says that somebody acknowledged or muted it since the last event, or that this ended.
	marked bool
	// changed says that it is to be saved, recent are the events of which it is not certain that everybody was told, the latest at the end.
	changed bool
	recent  []sent
	// restored says that it was restored and has no members yet, carried that it had been opened before a restart.
	restored, carried bool
	// touched says that the batch in hand changed it.
	touched bool
	// place is the record's element in the list of resolved ones, nil while it is open.
	place *list.Element
}

type sampled struct {
	Sample
	key  memberKey
	left bool
}

// open begins a new opening.
func (r *record) open(c *operation.Change, now int64) {
	if r.ResolvedAt != 0 {
		r.Reopened++
		r.QuietNanos = max(0, now-r.ResolvedAt)
	}
	r.State, r.OpenedAt, r.told = StateOpen, now, false
	r.Lost, r.sample, r.policies = 0, nil, [severityCount]*operation.Policy{}
	r.escalated, r.joins = [severityCount]uint64{}, rate{}
	r.Hints, r.suspects, r.undiscussed = Hints{}, cause.Sample{}, false
	r.Hop, r.Error = HopOf(c), ErrorOf(c)
	r.ParentID, r.moved, r.carried = "", 0, false
}

// join makes an operation a member.
// It returns since when it is affected.
func (r *record) join(key memberKey, c *operation.Change, now int64, sampleSize int) (since int64) {
	r.Total++
	r.members[key] = r.grade(c)
	since = c.Verdict.Since
	if since <= 0 || since > now {
		since = now
	}
	if r.FirstSeen == 0 || since < r.FirstSeen {
		r.FirstSeen = since
	}
	r.LastSeen = max(r.LastSeen, since)
	r.joinedAt = now
	r.joins.add(now)
	r.exemplify(key, c, sampleSize)
	if r.Error == nil {
		r.Error = ErrorOf(c)
	}
	if r.Kind == operation.StateDeadLettered && r.Hop.DeadLetter == "" {
		// Few operations leave a record of where their messages went; one that does tells it for all of the same group.
		r.Hop.DeadLetter = HopOf(c).DeadLetter
	}
	return since
}

// grade counts one more member of the severity that the change's policy gives, and returns it.
func (r *record) grade(c *operation.Change) operation.Severity {
	policy := c.Policy
	if policy == nil {
		fallback := operation.DefaultPolicy()
		policy = &fallback
	}
	return r.rate(policy)
}

func (r *record) rate(policy *operation.Policy) operation.Severity {
	s := min(policy.Severity, operation.SeverityCritical)
	r.severities[s]++
	r.policies[s] = policy
	return s
}

// regrade takes the severity of a member that stays from the change.
func (r *record) regrade(key memberKey, c *operation.Change) {
	r.severities[r.members[key]]--
	r.members[key] = r.grade(c)
}

// leave ends a membership.
func (r *record) leave(key memberKey) {
	r.severities[r.members[key]]--
	delete(r.members, key)
	for i := range r.sample {
		if r.sample[i].key == key {
			r.sample[i].left = true
		}
	}
}

// exemplify takes the operation into the sample if there is room or one that left to replace.
func (r *record) exemplify(key memberKey, c *operation.Change, size int) {
	s := sampled{key: key, Sample: Sample{ID: strings.Clone(clip(c.View.ID, maxName))}}
	if len(c.View.Traces) > 0 {
		s.Trace = c.View.Traces[0]
	}
	same := func(o sampled) bool { return o.key == key }
	if i := slices.IndexFunc(r.sample, same); i >= 0 {
		r.sample[i] = s
		return
	}
	if len(r.sample) < size {
		r.sample = append(r.sample, s)
		return
	}
	if i := slices.IndexFunc(r.sample, func(o sampled) bool { return o.left }); i >= 0 {
		r.sample[i] = s
	}
}

// refresh brings the parts that follow from the members up to date.
func (r *record) refresh(now int64) {
	r.UpdatedAt = max(r.UpdatedAt+1, now)
	if r.storm != nil {
		r.sum(now)
	} else {
		r.Active, r.Rate, r.Children = int64(len(r.members)), r.joins.perMinute(now), 0
	}
	r.weigh(now)
	r.inherit()
}

// event makes an event of the incident as it is.
func (r *record) event(kind EventKind, cause Cause, revision, now int64) Event {
	r.Revision, r.changed = revision, true
	r.told, r.toldAt, r.toldActive, r.toldSeverity, r.toldPriority = true, now, r.Active, r.Severity, r.Priority
	r.marked, r.moved, r.toldTrait = false, 0, r.Hints.first()
	return Event{Kind: kind, Cause: cause, At: now, Incident: r.snapshot()}
}

func (r *record) snapshot() Incident {
	i := r.Incident
	sample := slices.Clone(r.sample)
	slices.SortStableFunc(sample, func(a, b sampled) int { return cmp.Compare(btoi(a.left), btoi(b.left)) })
	i.Operations = make([]Sample, len(sample))
	for k := range sample {
		i.Operations[k] = sample[k].Sample
	}
	return i
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

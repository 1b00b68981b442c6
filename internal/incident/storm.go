package incident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// StormKind is what the kind of an incident is called that stands for many.
const StormKind = "storm"

// fingerprintStorm keeps the IDs of storms apart from all others.
const fingerprintStorm = "throughline.storm.v1"

// StormKey is the key of the incident that stands for the many incidents of one destination.
func StormKey(namespace, destination string) Key {
	return Key{Kind: operation.StateUnknown, Storm: true, Namespace: namespace, Destination: destination}
}

// stormID is the ID of the incident that stands for many.
func (k Key) stormID() string {
	sum := sha256.Sum256(appendField(appendField(appendField(nil, fingerprintStorm), k.Namespace), k.Destination))
	return hex.EncodeToString(sum[:16])
}

// KindName is what the kind of incident is called in events and in the API.
func (k Key) KindName() string {
	if k.Storm {
		return StormKind
	}
	return k.Kind.String()
}

// place is a destination of a namespace.
type place struct{ namespace, destination string }

// storm are the open incidents of one destination. When there are many of them, parent stands for them all; it does until half
// as many as that are left, so that one more or less does not raise alarm upon alarm.
type storm struct {
	place
	// open are in the order of their IDs.
	open   []*record
	parent *record
	// stirred says that the batch in hand changed something.
	stirred bool
}

func compareRecords(a, b *record) int { return strings.Compare(a.ID, b.ID) }

// enter takes note of an incident that opens.
func (t *Tracker) enter(r *record) {
	if r.Destination == "" || r.Storm || t.settings.Storm == 0 {
		return
	}
	at := place{r.Namespace, r.Destination}
	s := t.stormAt(at)
	i, _ := slices.BinarySearchFunc(s.open, r, compareRecords)
	s.open = slices.Insert(s.open, i, r)
	r.at = s
	t.stir(s)
}

// exit takes note of an incident that is over.
func (t *Tracker) exit(r *record) {
	s := r.at
	if s == nil {
		return
	}
	i, _ := slices.BinarySearchFunc(s.open, r, compareRecords)
	s.open = slices.Delete(s.open, i, i+1)
	r.at = nil
	t.stir(s)
}

func (t *Tracker) stir(s *storm) {
	if !s.stirred {
		s.stirred = true
		t.stirred = append(t.stirred, s)
	}
}

// gather lets many incidents of one destination become parts of one, before anything is told of them.
func (t *Tracker) gather(now int64) {
	for _, s := range t.stirred {
		if s.parent == nil && s.live() >= t.settings.Storm {
			t.begin(s, now)
		}
		if s.parent == nil {
			continue
		}
		for _, r := range s.open {
			if r.ParentID == "" {
				t.adopt(s.parent, r)
			}
		}
	}
}

// live counts the incidents that will not be over at once.
func (s *storm) live() int {
	n := 0
	for _, r := range s.open {
		if len(r.members) > 0 {
			n++
		}
	}
	return n
}

func (t *Tracker) begin(s *storm, now int64) {
	key := StormKey(s.namespace, s.destination)
	p := t.record(key.ID(), key)
	if p == nil {
		return
	}
	t.unlist(p)
	p.open(&operation.Change{View: &operation.View{}, Verdict: operation.Verdict{Hop: -1, Consumer: -1}}, now)
	p.storm, s.parent = s, p
}

func (t *Tracker) adopt(parent, r *record) {
	r.ParentID = parent.ID
	if r.told {
		r.moved = CauseJoined
	}
	parent.Total += int64(len(r.members))
	parent.changed = true
	t.touch(r)
}

// part ends a storm that is over, and lets the incidents that are left speak for themselves again.
func (t *Tracker) part(s *storm) {
	if s.parent == nil || s.live() > (t.settings.Storm-1)/2 {
		return
	}
	s.parent.storm, s.parent.ending = nil, CauseRecovered
	for _, r := range s.open {
		s.parent.ending = CauseParted
		r.ParentID, r.moved = "", CauseParted
		t.touch(r)
	}
}

// tellStorms returns what is to be told of those that stand for many, of all of them or of those that the batch in hand stirred,
// and of the incidents that stand for themselves again.
func (t *Tracker) tellStorms(now int64, all bool) (parents, parted []Event) {
	if all {
		for _, s := range t.storms {
			if s.parent != nil {
				t.stir(s)
			}
		}
	}
	for _, s := range t.stirred {
		t.part(s)
	}
	parted = t.tellEach(now, nil)
	for i, s := range t.stirred {
		t.stirred[i], s.stirred = nil, false
		if p := s.parent; p != nil {
			p.lapse(now)
			p.refresh(now)
			parents = t.tell(p, now, parents)
			if p.storm == nil {
				s.parent = nil
			}
		}
		if len(s.open) == 0 && s.parent == nil {
			delete(t.storms, s.place)
		}
	}
	t.stirred = t.stirred[:0]
	return parents, parted
}

// sum makes the incident that stands for many what they are together. Of the largest of them it takes the hop, the error and the hints.
func (r *record) sum(now int64) {
	r.Active, r.Rate, r.Children = 0, 0, 0
	r.severities, r.policies = [severityCount]int{}, [severityCount]*operation.Policy{}
	r.sample = r.sample[:0:0]
	largest := -1
	for _, child := range r.storm.open {
		if len(child.members) == 0 {
			continue
		}
		r.Children++
		n := len(child.members)
		r.Active += int64(n)
		r.Rate += child.joins.perMinute(now)
		for s := range child.severities {
			r.severities[s] += child.severities[s]
			if child.severities[s] > 0 && r.policies[s] == nil {
				r.policies[s] = child.policies[s]
			}
		}
		if r.FirstSeen == 0 || child.FirstSeen < r.FirstSeen {
			r.FirstSeen = child.FirstSeen
		}
		r.LastSeen = max(r.LastSeen, child.LastSeen)
		if i := slices.IndexFunc(child.sample, func(s sampled) bool { return !s.left }); i >= 0 && len(r.sample) < maxSummed {
			r.sample = append(r.sample, child.sample[i])
		}
		if n > largest {
			largest = n
			r.Hop, r.Error, r.Hints = child.Hop, child.Error, child.Hints
		}
	}
}

// maxSummed is the number of incidents of which the one that stands for them names an operation.
const maxSummed = 10

// stormsFirst puts the events of incidents that stand for many in front, so that whoever hears of the others knows what they are part of.
func stormsFirst(a, b Event) int { return cmp.Compare(btoi(b.Incident.Storm), btoi(a.Incident.Storm)) }

// parent returns the incident that stands for this one, nil without one.
func (r *record) parent() *record {
	if r.at == nil || r.ParentID == "" {
		return nil
	}
	return r.at.parent
}

// inherit makes the incident that stands for many no less urgent than any of them.
func (r *record) inherit() {
	if r.storm == nil {
		return
	}
	for _, child := range r.storm.open {
		if len(child.members) == 0 {
			continue
		}
		if child.Severity > r.Severity {
			r.Severity, r.Owner, r.Runbook = child.Severity, child.Owner, child.Runbook
		}
		r.Priority = min(r.Priority, child.Priority)
	}
}

package incident

import (
	"hash/maphash"

	"github.com/throughline/throughline/internal/operation"
)

// memberKey stands for an operation: a hash of its namespace and ID with a seed of this process, so that membership costs
// the same however long the IDs are, and nobody outside can make two of them collide.
type memberKey uint64

func (t *Tracker) key(namespace, id string) memberKey {
	var h maphash.Hash
	h.SetSeed(t.seed)
	maphash.WriteComparable(&h, len(namespace))
	h.WriteString(namespace)
	h.WriteString(id)
	return memberKey(h.Sum64())
}

// keyOfView is the key of an operation. What stands for starts that did not come has keys of its own: its ID can be guessed.
func (t *Tracker) keyOfView(v *operation.View) memberKey {
	key := t.key(v.Namespace, v.ID)
	if v.Missed > 0 {
		return ^key
	}
	return key
}

// find returns the operation's membership. An operation changes its name when an ID that ranks higher becomes known, so an
// operation that was stuck or failed before is also looked for under its other names; its membership then goes over to
// the present one.
func (t *Tracker) find(c *operation.Change) (memberKey, *record) {
	key := t.keyOfView(c.View)
	if r := t.members[key]; r != nil {
		return key, r
	}
	if c.View.Missed > 0 {
		return key, nil
	}
	if !c.Before.State.Troubled() && c.Before.State != operation.StateUnknown {
		return key, nil
	}
	for former := range t.formerKeys(c.View) {
		r := t.members[former]
		if r == nil || former == key {
			continue
		}
		t.members[key] = r
		delete(t.members, former)
		r.rename(former, key, c.View.ID)
		return key, r
	}
	return key, nil
}

// formerKeys yields the keys of the names that the operation may have had: its aliases, and what it was called while
// nobody had set an ID. The namespace is part of what becomes known late.
func (t *Tracker) formerKeys(v *operation.View) func(yield func(memberKey) bool) {
	namespaces := []string{v.Namespace}
	if v.Namespace != "" {
		namespaces = append(namespaces, "")
	}
	return func(yield func(memberKey) bool) {
		for id := range formerIDs(v) {
			for _, namespace := range namespaces {
				if !yield(t.key(namespace, id)) {
					return
				}
			}
		}
	}
}

func formerIDs(v *operation.View) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		// The same ID may have been known without its namespace.
		if !yield(v.ID) {
			return
		}
		for _, alias := range v.Aliases {
			if !yield(alias) {
				return
			}
		}
		for o := range origins(v) {
			if !yield(operation.ImplicitID(o.Trace, o.Span)) {
				return
			}
		}
	}
}

// origins yields where every part of the operation comes from.
func origins(v *operation.View) func(yield func(*operation.Origin) bool) {
	return func(yield func(*operation.Origin) bool) {
		for i := range v.Hops {
			h := &v.Hops[i]
			for s := range h.Sends {
				if !yield(&h.Sends[s].Origin) {
					return
				}
			}
			for k := range h.Consumers {
				for a := range h.Consumers[k].Attempts {
					if !yield(&h.Consumers[k].Attempts[a].Origin) {
						return
					}
				}
			}
		}
		for i := range v.Works {
			if !yield(&v.Works[i].Origin) {
				return
			}
		}
		for i := range v.Notes {
			if !yield(&v.Notes[i].Origin) {
				return
			}
		}
	}
}

// rename carries a membership over to the operation's new name.
func (r *record) rename(former, key memberKey, id string) {
	r.members[key] = r.members[former]
	delete(r.members, former)
	for i := range r.sample {
		if r.sample[i].key == former {
			r.sample[i].key, r.sample[i].ID = key, clip(id, maxName)
		}
	}
}

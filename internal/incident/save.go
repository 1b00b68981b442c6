package incident

// Saved is an incident as it is kept over a restart.
type Saved struct {
	ID   string
	Open bool
	// Revision is that of the incident's last event. UpdatedAt, in nanoseconds since 1970, grows with every change.
	Revision, UpdatedAt int64
	Data                []byte
}

// maxRecent bounds the events kept of one incident of which it is not certain that everybody was told. Of more than that the oldest
// are not repeated after a restart.
const maxRecent = 8

// sent is an event that was returned to be told, with the number of the output it is part of; 0: of the one in hand.
type sent struct {
	Event
	output int64
}

// finish keeps the events that are about to be told, if incidents are saved.
func (t *Tracker) finish(events []Event) []Event {
	if !t.durable {
		return events
	}
	for i := range events {
		r := t.incidents[events[i].Incident.ID]
		if r == nil || events[i].Cause == CauseHandedOver {
			continue
		}
		r.recent = append(r.recent, sent{Event: events[i]})
		if len(r.recent) > maxRecent {
			r.recent = append(r.recent[:0:0], r.recent[len(r.recent)-maxRecent:]...)
		}
	}
	return events
}

// Save returns the incidents that changed since it was last called, in no order. The events that were returned since are those of the
// output with the given number, which is above 0 and grows; of all outputs up to told everybody was told. Nothing is kept of events, and nothing
// need be saved, before [Tracker.Restore] was called for the first time.
func (t *Tracker) Save(output, told int64) ([]Saved, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.durable {
		return nil, nil
	}
	var saved []Saved
	for _, r := range t.parting {
		if err := r.save(output, told, &saved); err != nil {
			return nil, err
		}
	}
	t.parting = nil
	for _, r := range t.incidents {
		if err := r.save(output, told, &saved); err != nil {
			return nil, err
		}
	}
	return saved, nil
}

// SaveAgain makes the next [Tracker.Save] return all incidents: what it returned before may be lost.
func (t *Tracker) SaveAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.incidents {
		r.changed = true
	}
}

// save appends the incident if it changed.
func (r *record) save(output, told int64, saved *[]Saved) error {
	kept := r.recent[:0]
	for _, e := range r.recent {
		if e.output == 0 {
			e.output = output
		}
		if e.output > told {
			kept = append(kept, e)
		}
	}
	clear(r.recent[len(kept):])
	if r.recent = kept; len(kept) == 0 {
		r.recent = nil
	}
	if !r.changed {
		return nil
	}
	data, err := r.encode()
	if err != nil {
		return err
	}
	r.changed = false
	*saved = append(*saved, Saved{ID: r.ID, Open: r.State == StateOpen, Revision: r.Revision, UpdatedAt: r.UpdatedAt, Data: data})
	return nil
}

package operationsextension

import "time"

// keyAlive is that of the part that says when the collector was known to run.
const keyAlive = "gaps"

// part is a part of the state that is kept over a restart, under a key of its own, beside operations and incidents.
type part struct {
	key  string
	save func(now time.Time) ([]byte, error)
	// restore may be called at the start, and again when another collector ends that has judged so far, with what that one saved.
	restore func(data []byte, now time.Time) error
}

// parts lists what is kept. In this order it is restored.
func (o *operations) parts() []part {
	var parts []part
	add := func(key string, save func() []byte, restore func(data []byte, now int64) error) {
		parts = append(parts, part{
			key:     key,
			save:    func(time.Time) ([]byte, error) { return save(), nil },
			restore: func(data []byte, now time.Time) error { return restore(data, now.UnixNano()) },
		})
	}
	if book := o.learning.book; book != nil {
		add("learned", book.Snapshot, book.Restore)
	}
	if m := o.gaps.monitor; m != nil {
		add("services", m.Snapshot, m.Restore)
		// After the habits: those are of the time before.
		parts = append(parts, part{key: keyAlive, save: saveAlive, restore: o.gaps.wasAlive})
	}
	if e := o.clocks.estimator; e != nil {
		add("clocks", e.Snapshot, func(data []byte, _ int64) error { return e.Restore(data) })
	}
	if o.durable != nil {
		// They are those of the operations that are kept.
		add("habits", o.engine.SaveHabits, func(data []byte, _ int64) error { return o.engine.RestoreHabits(data) })
	}
	add("consumers", o.seen.Snapshot, o.seen.Restore)
	add("resources", o.originals.Snapshot, o.originals.Restore)
	if o.expected.tracker != nil {
		parts = append(parts, part{key: "expectations", save: o.expected.save, restore: o.expected.restore})
	}
	return parts
}

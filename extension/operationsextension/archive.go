package operationsextension

import "github.com/throughline/throughline/internal/store"

// archive is the store as those see it who read the history and write the journal.
type archive struct {
	store store.Store
	// judges reports whether this collector is the one that judges.
	judges func() bool
}

// useArchive lets the API show what the store has, and the journal continue there under the ID of this run of the collector.
func (o *operations) useArchive(s store.Store, collector string, judges func() bool) {
	o.archive.Store(&archive{store: s, judges: judges})
	o.journal.Keep(s, collector)
}

// judging reports whether this collector is the one that judges, as it is without a store.
func (o *operations) judging() bool {
	if o.durable != nil {
		return o.durable.judges.Load()
	}
	a := o.archive.Load()
	return a == nil || a.judges()
}

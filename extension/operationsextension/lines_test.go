package operationsextension

import (
	"cmp"
	"slices"
	"sync"

	"github.com/throughline/throughline/internal/store"
)

// memoryLines are those of a journal, as the contract of the store has them.
type memoryLines struct {
	mu  sync.Mutex
	all []store.Entry
}

func (m *memoryLines) add(entries []store.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		if !slices.ContainsFunc(m.all, func(o store.Entry) bool { return o.ID == e.ID }) {
			m.all = append(m.all, e)
		}
	}
	slices.SortFunc(m.all, func(a, b store.Entry) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.ID, b.ID)) })
}

func (m *memoryLines) list(subject string, before int64, limit int) []store.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []store.Entry
	for _, e := range m.all {
		if (subject == "" || subject == e.Subject) && (before == 0 || e.At < before) && len(found) < limit {
			found = append(found, e)
		}
	}
	return found
}

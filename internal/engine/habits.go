package engine

import (
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// maxHabits bounds the number of services whose habits are kept.
const maxHabits = 10_000

// habits remembers which services emit process spans. It implements [operation.Habits].
type habits struct {
	mu        sync.RWMutex
	processes map[string]struct{} // guarded by mu
}

func (h *habits) init() { h.processes = make(map[string]struct{}) }

// Processes implements [operation.Habits].
func (h *habits) Processes(service string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.processes[service]
	return ok
}

func (h *habits) learn(f *operation.Fact) {
	if f.Kind != operation.KindProcess || h.Processes(f.Service) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.processes) < maxHabits {
		h.processes[f.Service] = struct{}{}
	}
}

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
	// deadLetter and retry are set once.
	deadLetter, retry func(destination string) bool
}

func (h *habits) init(s Settings) {
	h.processes = make(map[string]struct{})
	h.deadLetter, h.retry = operation.DeadLetterName, operation.RetryName
	if s.DeadLetter != nil {
		h.deadLetter = s.DeadLetter
	}
	if s.Retry != nil {
		h.retry = s.Retry
	}
}

// DeadLetter implements [operation.Habits].
func (h *habits) DeadLetter(destination string) bool { return h.deadLetter(destination) }

// Retry implements [operation.Habits].
func (h *habits) Retry(destination string) bool { return h.retry(destination) }

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

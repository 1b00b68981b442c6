package engine

import (
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// maxHabits bounds the number of services whose habits are kept.
const maxHabits = 10_000

// habits remembers which services emit process spans, and who sends to which destination. It implements [operation.Habits].
type habits struct {
	mu        sync.RWMutex
	processes map[string]struct{} // guarded by mu
	// senders are the only service that sends to each destination, "" for several.
	senders map[string]string // guarded by mu
	// deadLetter and retry are set once.
	deadLetter, retry func(destination string) bool
}

func (h *habits) init(s Settings) {
	h.processes, h.senders = make(map[string]struct{}), make(map[string]string)
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

// Sender implements [operation.Habits].
func (h *habits) Sender(destination string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.senders[destination]
}

func (h *habits) learn(f *operation.Fact) {
	switch f.Kind {
	case operation.KindProcess:
		h.learnProcess(f.Service)
	case operation.KindSend:
		h.learnSender(f.Destination, f.Service)
	}
}

func (h *habits) learnProcess(service string) {
	if h.Processes(service) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.processes) < maxHabits {
		h.processes[service] = struct{}{}
	}
}

func (h *habits) learnSender(destination, service string) {
	h.mu.RLock()
	known, ok := h.senders[destination]
	h.mu.RUnlock()
	if ok && (known == service || known == "") {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case ok:
		h.senders[destination] = ""
	case len(h.senders) < maxHabits:
		h.senders[destination] = service
	}
}

package engine

import (
	"encoding/json"
	"fmt"
	"maps"
)

// savedHabits is what habits know, as it is kept over a restart.
type savedHabits struct {
	Version int `json:"version"`
	// Processes are the services that emit process spans, Tables the tables whose rows are messages.
	Processes []string `json:"processes,omitempty"`
	Tables    []string `json:"tables,omitempty"`
	// Senders are the only senders of destinations, "" for several.
	Senders map[string]string `json:"senders,omitempty"`
	Flows   []savedFlow       `json:"flows,omitempty"`
}

type savedFlow struct {
	Destination string `json:"destination,omitempty"`
	Type        string `json:"type,omitempty"`
	One         uint32 `json:"one,omitempty"`
	More        uint32 `json:"more,omitempty"`
	// Bit is that of the flow in [State.Taught], from 0.
	Bit uint8 `json:"bit,omitempty"`
}

// habitsVersion is that of what [Engine.SaveHabits] returns.
const habitsVersion = 1

// SaveHabits returns what was learned from operations, for [Engine.RestoreHabits]. It is to be kept together with the states of the last
// sweep, or after them, lest an operation be learned from twice.
func (e *Engine) SaveHabits() []byte {
	data, err := json.Marshal(e.habits.save())
	if err != nil {
		// There is nothing in it that JSON cannot say.
		panic(err)
	}
	return data
}

func (h *habits) save() savedHabits {
	h.mu.RLock()
	defer h.mu.RUnlock()
	saved := savedHabits{Version: habitsVersion, Senders: make(map[string]string, len(h.senders))}
	for service := range h.processes {
		saved.Processes = append(saved.Processes, service)
	}
	for table := range h.tables {
		saved.Tables = append(saved.Tables, table)
	}
	maps.Copy(saved.Senders, h.senders)
	for f, m := range h.counts {
		saved.Flows = append(saved.Flows, savedFlow{f.destination, f.messageType, m.one, m.more, m.bit.place()})
	}
	return saved
}

// RestoreHabits puts what was learned earlier in place of what is known of flows, and adds what was known of services. It refuses what
// SaveHabits did not write, and is then as it was.
func (e *Engine) RestoreHabits(data []byte) error {
	var saved savedHabits
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("the habits of operations are damaged: %w", err)
	}
	if saved.Version != habitsVersion {
		return fmt.Errorf("the habits of operations are of version %d, this program knows %d", saved.Version, habitsVersion)
	}
	for _, n := range [...]int{len(saved.Processes), len(saved.Tables), len(saved.Senders), len(saved.Flows)} {
		if n > maxHabits {
			return fmt.Errorf("the habits of operations are damaged: %d of one kind, at most %d are kept", n, maxHabits)
		}
	}
	for i := range saved.Flows {
		if saved.Flows[i].Bit >= taughtFlows || saved.Flows[i].One > maxCount || saved.Flows[i].More > maxCount {
			return fmt.Errorf("the habits of operations are damaged: flow %d", i+1)
		}
	}
	e.habits.restore(&saved)
	return nil
}

func (h *habits) restore(saved *savedHabits) {
	for _, service := range saved.Processes {
		h.learnProcess(service)
	}
	for _, table := range saved.Tables {
		h.learnTable(table)
	}
	for destination, service := range saved.Senders {
		h.learnSender(destination, service)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := make(map[flow]*multiplicity, len(saved.Flows))
	for _, f := range saved.Flows {
		key := flow{f.Destination, f.Type}
		m := &multiplicity{one: f.One, more: f.More, bit: 1 << f.Bit}
		if known := h.counts[key]; known != nil {
			m.doubtful = known.doubtful
		}
		counts[key] = m
	}
	h.counts = counts
}

// place is the number of the bit.
func (t taught) place() uint8 {
	for i := range uint8(taughtFlows) {
		if t == 1<<i {
			return i
		}
	}
	return 0
}

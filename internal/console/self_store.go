package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

type storeJSON struct {
	Driver        string            `json:"driver"`
	Collector     string            `json:"collector"`
	Durability    string            `json:"durability"`
	Role          string            `json:"role"`
	Judge         *string           `json:"judge"`
	LeaseUntil    timestamp         `json:"lease_until"`
	Bytes         *int64            `json:"bytes"`
	Rows          *int64            `json:"rows"`
	Records       *int64            `json:"records"`
	PendingBytes  int64             `json:"pending_bytes"`
	DroppedRows   uint64            `json:"dropped_rows"`
	CommittedAt   timestamp         `json:"committed_at"`
	Commits       uint64            `json:"commits"`
	Took          *float64          `json:"commit_seconds"`
	Longest       *float64          `json:"longest_commit_seconds"`
	Uncommitted   uint64            `json:"acknowledged_uncommitted"`
	RestoredAt    timestamp         `json:"restored_at"`
	Restoring     *float64          `json:"restore_seconds"`
	Trouble       *string           `json:"trouble"`
	TroubleSince  timestamp         `json:"trouble_since"`
	Failures      map[string]uint64 `json:"failures"`
	UnkeptActions int               `json:"unkept_actions"`
}

func newStoreJSON(s *StoreState) *storeJSON {
	return &storeJSON{
		Driver: s.Driver, Collector: s.Collector, Durability: s.Durability, Role: s.role(), Judge: optional(s.Judge), LeaseUntil: timestamp(s.LeaseUntil),
		Bytes: known(s.Bytes), Rows: known(s.Rows), Records: known(s.Records), PendingBytes: s.PendingBytes, DroppedRows: s.DroppedRows,
		CommittedAt: timestamp(s.CommittedAt), Commits: s.Commits, Took: seconds(s.Took), Longest: seconds(s.Longest), Uncommitted: s.AcknowledgedUncommitted,
		RestoredAt: timestamp(s.RestoredAt), Restoring: seconds(s.Restoring),
		Trouble: optional(clip(s.Trouble, maxText)), TroubleSince: timestamp(s.TroubleSince), Failures: orEmpty(s.Failures), UnkeptActions: s.UnkeptActions,
	}
}

func (s *StoreState) role() string {
	if s.Judging {
		return "judge"
	}
	return "follower"
}

// known is nil for a number that is not.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// storeTable says how the store is doing.
func storeTable(s *Self, now int64) table {
	t := table{Title: "Store", Columns: []string{"what", "now"}}
	st := s.Store
	if st == nil {
		t.Note = "There is none: a restart forgets all operations and incidents."
		return t
	}
	t.Note = fmt.Sprintf("%s, durability: %s. This collector is %s and the %s.", st.Driver, st.Durability, st.Collector, st.role())
	if !st.Judging {
		t.Note += " The judge is " + cmp.Or(st.Judge, "not known") + "."
	}
	if st.Trouble != "" {
		t.add("trouble for "+lasting(now-st.TroubleSince), clip(st.Trouble, maxText), true)
	}
	committed := "not yet"
	if st.CommittedAt != 0 {
		committed = fmt.Sprintf("%s ago, took %s", lasting(now-st.CommittedAt), lasting(st.Took))
	}
	t.add("last commit", committed, false)
	t.add("commits", fmt.Sprintf("%s, the longest %s", number(st.Commits), lasting(st.Longest)), false)
	t.add("waiting to be committed", size(uint64(max(0, st.PendingBytes))), false)
	t.addKnown("size of the database", st.Bytes, size)
	t.addKnown("rows of the log", st.Rows, number)
	t.addKnown("operations in the history", st.Records, number)
	if st.RestoredAt != 0 {
		t.add("restored", fmt.Sprintf("%s ago, in %s", lasting(now-st.RestoredAt), lasting(st.Restoring)), false)
	}
	t.addIfAny("rows dropped", st.DroppedRows)
	t.addIfAny("batches acknowledged uncommitted", st.AcknowledgedUncommitted)
	t.addIfAny("actions that wait for the store", uint64(max(0, st.UnkeptActions)))
	for _, kind := range slices.Sorted(maps.Keys(st.Failures)) {
		t.addIfAny("failures: "+kind, st.Failures[kind])
	}
	return t
}

func (t *table) add(name, value string, alarming bool) {
	t.Rows = append(t.Rows, row{[]string{name, value}, alarming})
}

func (t *table) addKnown(name string, n int64, show func(uint64) string) {
	if n >= 0 {
		t.add(name, show(uint64(n)), false)
	}
}

// addIfAny adds a count that should be 0, unless it is.
func (t *table) addIfAny(name string, n uint64) {
	if n > 0 {
		t.add(name, number(n), true)
	}
}

package audit

import (
	"encoding/json"
	"fmt"

	"github.com/throughline/throughline/internal/store"
)

// version is that of the lines that are written. Lines of every version that was released can be read.
const version = 1

// line is an entry, or the result of one, as it is stored. Bytes are used for what may be any bytes.
type line struct {
	Version   int    `json:"v"`
	Action    string `json:"action,omitempty"`
	Kind      Kind   `json:"kind,omitempty"`
	Namespace []byte `json:"namespace,omitempty"`
	Subject   []byte `json:"subject,omitempty"`
	By        string `json:"by,omitempty"`
	Note      string `json:"note,omitempty"`
	Until     int64  `json:"until,omitempty"`
	Collector string `json:"collector,omitempty"`
	State     State  `json:"state"`
	// Of is the ID of the entry whose result this is, "" for an entry.
	Of      string `json:"of,omitempty"`
	Refusal string `json:"refusal,omitempty"`
}

// resultKey is the ID and the subject of the line with the result of an entry.
func resultKey(id string) string { return "result/" + id }

// encode returns the line of an entry.
func encode(e *Entry) store.Entry {
	return toStore(e.ID, e.At, e.Subject.key(), &line{
		Version: version, Action: e.Action, Kind: e.Subject.Kind, Namespace: []byte(e.Subject.Namespace), Subject: []byte(e.Subject.ID),
		By: e.By, Note: e.Note, Until: e.Until, Collector: e.Collector, State: e.State,
	})
}

// encodeResult returns the line of what became of an entry.
func encodeResult(e *Entry) store.Entry {
	return toStore(resultKey(e.ID), e.DoneAt, resultKey(e.ID), &line{Version: version, State: e.State, Of: e.ID, Refusal: e.Refusal})
}

func toStore(id string, at int64, subject string, l *line) store.Entry {
	data, err := json.Marshal(l)
	if err != nil {
		// Nothing in a line can fail to be encoded.
		panic(err)
	}
	return store.Entry{ID: id, At: at, Subject: subject, Data: data}
}

// decode reads a line. The error wraps [store.ErrNewer] if a later version wrote it, and [store.ErrCorrupt] if it is none.
func decode(data []byte) (line, error) {
	var l line
	var v struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return line{}, fmt.Errorf("%w: a line of the journal: %w", store.ErrCorrupt, err)
	}
	if v.Version > version {
		return line{}, fmt.Errorf("%w: a line of the journal of version %d, this program knows %d", store.ErrNewer, v.Version, version)
	}
	if err := json.Unmarshal(data, &l); err != nil || v.Version < 1 {
		return line{}, fmt.Errorf("%w: a line of the journal", store.ErrCorrupt)
	}
	switch l.State {
	case StatePending, StateDone, StateRefused:
		return l, nil
	}
	return line{}, fmt.Errorf("%w: a line of the journal has the state %q", store.ErrCorrupt, l.State)
}

// entry returns the entry that a line stands for; the line was read from s.
func (l *line) entry(s *store.Entry) Entry {
	return Entry{
		ID: s.ID, At: s.At, Action: l.Action, Subject: Subject{Kind: l.Kind, Namespace: string(l.Namespace), ID: string(l.Subject)},
		By: l.By, Note: l.Note, Until: l.Until, Collector: l.Collector, State: l.State,
	}
}

package checkpoint

import (
	"encoding/binary"
	"slices"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/store"
)

const (
	// rowBytes is the length from which a row is full, maxBatchBytes that from which no further row is put into the same transaction.
	rowBytes      = 256 << 10
	maxBatchBytes = 8 << 20
)

// Judgement is what a sweep found, as far as it must survive. All of it is committed at once, with all facts that were appended before it.
type Judgement struct {
	// Role is what the collector judged by, nil if nobody else can be the judge. If it has lost the role, nothing of the judgement is committed.
	Role   *store.Tenure
	States []engine.State
	// Forget are keys of records that are removed, before Records are written.
	Forget    []store.Key
	Records   []store.Record
	Incidents []store.Incident
	Blobs     []store.Blob
	Cut       []store.Position
}

// queue holds what is not committed yet. Its owner's lock guards it.
type queue struct {
	// rows are those of facts, the last one being filled; states are what was judged of them, encoded, and so is the rest of judged.
	rows   [][]byte
	states [][]byte
	judged Judgement
	// bytes is about what all of it takes.
	bytes int64
}

// put appends a section whose content is in two parts to the rows of facts.
func (q *queue) put(kind Kind, first, second []byte) {
	size := len(first) + len(second)
	q.bytes += int64(size)
	q.rows = room(q.rows, size)
	last := &q.rows[len(q.rows)-1]
	*last = binary.AppendUvarint(append(*last, byte(kind)), uint64(size))
	*last = append(append(*last, first...), second...)
}

// room begins another row unless the last one has room for so many bytes.
func room(rows [][]byte, size int) [][]byte {
	if n := len(rows); n > 0 && len(rows[n-1])+size <= rowBytes {
		return rows
	}
	return append(rows, newRow(make([]byte, 0, max(rowBytes/16, size+rowHeader+1+binary.MaxVarintLen64))))
}

// judge appends a judgement, whose states are encoded already.
func (q *queue) judge(j *Judgement, states [][]byte) {
	for _, some := range states {
		q.bytes += int64(len(some))
	}
	q.states = append(q.states, states...)
	for i := range j.Records {
		q.bytes += sizeOfRecord(&j.Records[i])
	}
	for i := range j.Incidents {
		q.bytes += each + int64(len(j.Incidents[i].Data))
	}
	q.judged.Role = j.Role
	q.forget(j.Forget)
	q.judged.Records = append(q.judged.Records, j.Records...)
	q.judged.Incidents = append(q.judged.Incidents, j.Incidents...)
	q.judged.Cut = append(q.judged.Cut, j.Cut...)
	for _, b := range j.Blobs {
		q.bytes += each + int64(len(b.Data))
		q.keep(b)
	}
}

// each is about what a record, incident or blob takes besides its content.
const each = 256

// sizeOfRecord is about what a record takes: whoever sends telemetry chooses its texts.
func sizeOfRecord(r *store.Record) int64 {
	size := each + len(r.Facts) + len(r.Namespace) + len(r.ID) + len(r.Name)
	for _, texts := range [][]string{r.Aliases, r.Services, r.Destinations, r.Text} {
		for _, text := range texts {
			size += len(text)
		}
	}
	return int64(size)
}

// forget removes records, also those that are not written yet.
func (q *queue) forget(keys []store.Key) {
	if len(keys) == 0 {
		return
	}
	q.judged.Forget = append(q.judged.Forget, keys...)
	q.bytes += int64(len(keys) * len(store.Key{}))
	if len(q.judged.Records) == 0 {
		return
	}
	forgotten := make(map[store.Key]bool, len(keys))
	for _, key := range keys {
		forgotten[key] = true
	}
	q.judged.Records = slices.DeleteFunc(q.judged.Records, func(r store.Record) bool { return forgotten[r.Key()] })
}

// keep puts a blob into the place of the one before it with the same key.
func (q *queue) keep(b store.Blob) {
	for i := range q.judged.Blobs {
		if before := &q.judged.Blobs[i]; before.Key == b.Key {
			q.bytes -= int64(len(before.Data))
			*before = b
			return
		}
	}
	q.judged.Blobs = append(q.judged.Blobs, b)
}

// take removes what one transaction can hold: rows of facts and, if these are all, what was judged of them.
func (q *queue) take() queue {
	n, size := 0, 0
	for n < len(q.rows) && size < maxBatchBytes {
		size += len(q.rows[n])
		n++
	}
	if n == len(q.rows) {
		all := *q
		*q = queue{}
		return all
	}
	some := queue{rows: q.rows[:n:n], bytes: min(int64(size), q.bytes)}
	q.rows, q.bytes = q.rows[n:], q.bytes-some.bytes
	return some
}

func (q *queue) empty() bool { return len(q.rows) == 0 && !q.hasJudged() }

func (q *queue) hasJudged() bool {
	j := &q.judged
	return len(q.states)+len(j.Forget)+len(j.Records)+len(j.Incidents)+len(j.Blobs)+len(j.Cut) > 0
}

// forgetJudged leaves nothing but facts.
func (q *queue) forgetJudged() { q.states, q.judged = nil, Judgement{} }

// rowsOfStates are rows that hold the states.
func rowsOfStates(states [][]byte) [][]byte {
	var rows [][]byte
	for _, some := range states {
		rows = room(rows, len(some))
		last := &rows[len(rows)-1]
		*last = appendSection(*last, KindStates, some)
	}
	return rows
}

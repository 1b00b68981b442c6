package checkpoint

import (
	"context"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// readAhead is how many rows are decoded before they are applied: reading and decoding take about as long as applying, and each can have a processor.
const readAhead = 4

// readRow is a row with what is in it, or an error of the store, after which nothing comes.
type readRow struct {
	row    store.Row
	parts  []readPart
	failed error
}

// readPart is what a section holds, as its kind says, or why it cannot be read.
type readPart struct {
	kind    Kind
	at      int64
	facts   []operation.Fact
	states  []engine.State
	data    []byte
	damaged error
}

// reader decodes rows in a goroutine of its own.
type reader struct {
	log  store.Log
	rows chan readRow
	// spare are facts that were applied, whose memory can be used again.
	spare    chan []operation.Fact
	sections []Section
}

// read begins to read the rows behind the positions. Whoever begins it takes all rows, until there are no more.
func read(ctx context.Context, log store.Log, after []store.Position) *reader {
	r := &reader{log: log, rows: make(chan readRow, readAhead), spare: make(chan []operation.Fact, readAhead)}
	go r.run(ctx, after)
	return r
}

func (r *reader) run(ctx context.Context, after []store.Position) {
	defer close(r.rows)
	for row, err := range r.log.Rows(ctx, after) {
		if err != nil {
			r.rows <- readRow{failed: err}
			return
		}
		r.rows <- readRow{row: row, parts: r.decode(&row)}
	}
}

func (r *reader) decode(row *store.Row) []readPart {
	sections, err := Sections(r.sections[:0], row.Data)
	r.sections = sections[:0]
	if err != nil {
		return []readPart{{damaged: err}}
	}
	parts := make([]readPart, len(sections))
	for i, s := range sections {
		parts[i] = readPart{kind: s.Kind, data: s.Data}
		r.part(&parts[i])
	}
	return parts
}

func (r *reader) part(p *readPart) {
	switch p.kind {
	case KindFacts:
		var data []byte
		if p.at, data, p.damaged = splitFacts(p.data); p.damaged == nil {
			p.facts, p.damaged = store.DecodeFactsInto(r.room(), data)
		}
	case KindStates:
		p.states, p.damaged = DecodeStates(p.data)
	}
}

// room returns memory for facts, nil if there is none to spare.
func (r *reader) room() []operation.Fact {
	select {
	case facts := <-r.spare:
		return facts
	default:
		return nil
	}
}

// applied gives the memory of facts back.
func (r *reader) applied(facts []operation.Fact) {
	select {
	case r.spare <- facts:
	default:
	}
}

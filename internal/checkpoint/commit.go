package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/store"
)

// transaction is what is written at once.
type transaction struct {
	facts, states []store.Row
	judged        Judgement
	bytes         int64
	// upTo is what is committed with it, as Writer.appended counted.
	upTo uint64
}

func (t *transaction) batch() *store.Batch {
	j := &t.judged
	rows := make([]store.Row, 0, len(t.facts)+len(t.states))
	return &store.Batch{
		Rows: append(append(rows, t.facts...), t.states...), Role: j.Role, Cut: j.Cut, Forget: j.Forget, Records: j.Records, Incidents: j.Incidents, Blobs: j.Blobs,
	}
}

// Run commits until ctx ends: what waited for an interval, or as soon as somebody waits for it. What could not be committed is tried again.
func (w *Writer) Run(ctx context.Context) {
	timer := time.NewTimer(w.settings.Interval)
	defer timer.Stop()
	pause := firstPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.kick:
		}
		if err := w.commitSome(ctx); err == nil {
			pause = firstPause
			timer.Reset(w.settings.Interval)
			continue
		}
		timer.Reset(pause)
		pause = min(2*pause, lastPause)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(0)
		}
	}
}

// Flush commits all that was appended, trying again until ctx ends. Nobody may append meanwhile.
func (w *Writer) Flush(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var err error
	for {
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		if err = w.commitSome(ctx); err == nil && w.idle() {
			return nil
		}
		if err != nil {
			timer.Reset(firstPause)
		} else {
			timer.Reset(0)
		}
	}
}

func (w *Writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting.empty() && w.under == nil
}

// commitSome commits the transaction under way, or else what waits; it returns when nothing waited any more that did when it began.
func (w *Writer) commitSome(ctx context.Context) error {
	w.committing.Lock()
	defer w.committing.Unlock()
	w.mu.Lock()
	until := w.appended
	w.mu.Unlock()
	for {
		if w.next == nil {
			w.next = w.begin()
		}
		if w.next == nil {
			return nil
		}
		if err := w.write(ctx); err != nil {
			return err
		}
		if w.reached(until) {
			return nil
		}
	}
}

func (w *Writer) reached(until uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.committed >= until
}

// begin makes a transaction of what waits, nil if nothing does. Called with committing held.
func (w *Writer) begin() *transaction {
	w.mu.Lock()
	some := w.waiting.take()
	t := &transaction{judged: some.judged, bytes: some.bytes, upTo: w.committed}
	if w.waiting.empty() {
		t.upTo = w.appended
	}
	if some.empty() {
		// What was appended was dropped.
		w.committed = t.upTo
		w.wake()
		w.mu.Unlock()
		return nil
	}
	w.under = t
	w.mu.Unlock()
	t.facts, t.states = w.number(some.rows), w.number(rowsOfStates(some.states))
	return t
}

// number completes rows and gives them the next places in the stream, which are never given to others.
func (w *Writer) number(data [][]byte) []store.Row {
	rows := make([]store.Row, len(data))
	for i := range data {
		w.seq++
		w.at = max(w.at+1, time.Now().UnixNano())
		rows[i] = store.Row{Collector: w.settings.Collector, Seq: w.seq, At: w.at, Data: seal(data[i])}
	}
	return rows
}

// write tries to commit the transaction under way. Called with committing held.
func (w *Writer) write(ctx context.Context) error {
	t := w.next
	slow := time.AfterFunc(w.settings.Timeout, func() {
		w.fail(t, fmt.Errorf("%w: a commit takes more than %v", store.ErrUnavailable, w.settings.Timeout))
	})
	defer slow.Stop()
	began := time.Now()
	err := w.settings.Store.Write(ctx, t.batch())
	if errors.Is(err, store.ErrLost) && t.judged.Role != nil {
		w.lost(t)
		return nil
	}
	if err != nil {
		if ctx.Err() == nil {
			w.fail(t, err)
		}
		return err
	}
	w.next = nil
	w.done(t, time.Since(began))
	return nil
}

// lost leaves out what was judged, here and in what waits: another collector judges now. Called with committing held.
func (w *Writer) lost(t *transaction) {
	t.states, t.judged = nil, Judgement{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting.forgetJudged()
	w.settings.Observer.Lost()
}

func (w *Writer) done(t *transaction, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committed = max(w.committed, t.upTo)
	w.under, w.trouble, w.lastCommit = nil, nil, time.Now()
	w.settings.Observer.Committed(len(t.facts)+len(t.states), sizeOf(t.facts)+sizeOf(t.states), t.bytes, took)
	w.wake()
}

func sizeOf(rows []store.Row) (bytes int64) {
	for i := range rows {
		bytes += int64(len(rows[i].Data))
	}
	return bytes
}

// fail takes note of trouble with a transaction, unless it is over.
func (w *Writer) fail(t *transaction, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.under != t {
		return
	}
	w.trouble = err
	w.settings.Observer.Failed(err)
	w.wake()
}

// wake lets everybody who waits look again. Called with mu held.
func (w *Writer) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

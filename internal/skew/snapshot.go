package skew

import (
	"math"

	"github.com/throughline/throughline/internal/snapshot"
)

const (
	// snapshotName is how errors name a snapshot; its version changes whenever older programs cannot read it.
	snapshotName    = "clock offsets"
	snapshotVersion = 1
)

// chunk is how many pairs are written without letting others have the estimator.
const chunk = 64

// Snapshot returns what is known of clocks in a form that [Estimator.Restore] reads. The estimator can be used meanwhile; each pair is as it
// is when its turn comes.
func (e *Estimator) Snapshot() []byte {
	e.mu.RLock()
	names := make([]key, 0, len(e.pairs))
	for k := range e.pairs {
		names = append(names, k)
	}
	e.mu.RUnlock()
	w := snapshot.NewWriter(snapshotName, snapshotVersion)
	for from := 0; from < len(names); from += chunk {
		e.mu.RLock()
		for _, k := range names[from:min(len(names), from+chunk)] {
			if p := e.pairs[k]; p != nil {
				w.Text(k.low)
				w.Text(k.high)
				p.write(w)
			}
		}
		e.mu.RUnlock()
	}
	w.Text("")
	e.mu.RLock()
	defer e.mu.RUnlock()
	w.Number(int64(e.seq))
	return w.Close()
}

func (p *pair) write(w *snapshot.Writer) {
	w.Number(int64(p.seq))
	w.Number(p.behind)
	if p.contradictory {
		w.Count(1)
	} else {
		w.Count(0)
	}
	p.forth.write(w)
	p.back.write(w)
}

// write writes the moments, the latest last, each with its distance from the one before.
func (d *direction) write(w *snapshot.Writer) {
	held := min(d.count, moments)
	w.Count(int(held))
	last := int64(0)
	for i := range held {
		m := &d.ring[(d.count-held+i)%moments]
		// It may overflow, and does so again when it is read.
		w.Number(m.at - last)
		w.Number(m.least)
		w.Number(int64(m.seq))
		last = m.at
	}
}

// Restore continues from a snapshot of an earlier run. Of pairs that are known already nothing is taken: what this run knows is of later
// times. When it returns an error, nothing was restored.
func (e *Estimator) Restore(data []byte) error {
	r, err := snapshot.Open(data, snapshotName, snapshotVersion)
	if err != nil {
		return err
	}
	seq, read := readPairs(r)
	if err := r.Close(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// What was observed by this run was observed later.
	e.seq += seq
	for _, p := range e.pairs {
		p.later(seq)
	}
	for k, p := range read {
		if e.pairs[k] == nil && len(e.pairs) < e.settings.MaxPairs {
			e.pairs[k] = p
		}
	}
	return nil
}

// later counts so many observations before all that the pair rests on.
func (p *pair) later(by uint64) {
	p.seq += by
	for _, d := range []*direction{&p.forth, &p.back} {
		for i := range min(d.count, moments) {
			d.ring[i].seq += by
		}
	}
}

// readPairs reads pairs until there is one without a name.
func readPairs(r *snapshot.Reader) (seq uint64, read map[key]*pair) {
	read = make(map[key]*pair)
	var latest uint64
	for {
		k := key{low: r.Text(maxName)}
		if k.low == "" {
			break
		}
		k.high = r.Text(maxName)
		p := &pair{seq: readSeq(r), behind: r.Number(-maxWait, maxWait), contradictory: r.Count(1) == 1}
		p.forth, p.back = readDirection(r), readDirection(r)
		if k.low >= k.high {
			r.Fail()
		}
		latest = max(latest, p.seq)
		read[k] = p
	}
	if seq = readSeq(r); seq < latest {
		r.Fail()
	}
	return seq, read
}

func readSeq(r *snapshot.Reader) uint64 { return uint64(r.Number(0, math.MaxInt64/2)) }

func readDirection(r *snapshot.Reader) (d direction) {
	last := int64(0)
	for range r.List(moments) {
		m := moment{at: last + r.Number(math.MinInt64, math.MaxInt64), least: r.Number(-maxWait, maxWait), seq: readSeq(r)}
		d.ring[d.count] = m
		d.count++
		last = m.at
	}
	return d
}

package learn

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

const (
	// magic begins a snapshot; the version after it changes whenever older snapshots can no longer be read, with the bins too.
	magic   = "throughline learned "
	version = 2
	// withoutNames is the version that did not tell since when groups are seen, and under which names before.
	withoutNames = 1
	// chunk is how many flows or destinations are written without letting others have the book.
	chunk = 64
)

// checksums are CRC-32C.
var checksums = crc32.MakeTable(crc32.Castagnoli)

// Snapshot returns what was learned in a form that Restore reads. The book can be used meanwhile; each flow is as it is when its
// turn comes.
func (b *Book) Snapshot() []byte {
	places, flows := b.everything()
	w := writer{data: append([]byte(magic), version)}
	w.count(len(places))
	b.inChunks(len(places), func(i int) { w.place(places[i]) })
	w.count(len(flows))
	b.inChunks(len(flows), func(i int) {
		b.refreshAll(flows[i])
		w.flow(flows[i])
	})
	return binary.LittleEndian.AppendUint32(w.data, crc32.Checksum(w.data, checksums))
}

// everything lists what is kept, the best known and most recently seen first.
func (b *Book) everything() ([]*place, []*flow) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	places, flows := make([]*place, 0, b.places.size), make([]*flow, 0, len(b.flows))
	for p := b.places.newest; p != nil; p = p.older {
		places = append(places, p)
	}
	for _, list := range [...]*recent[flow]{&b.trusted, &b.young} {
		for f := list.newest; f != nil; f = f.older {
			flows = append(flows, f)
		}
	}
	return places, flows
}

func (b *Book) inChunks(n int, do func(int)) {
	for from := 0; from < n; from += chunk {
		b.mu.Lock()
		for i := from; i < min(n, from+chunk); i++ {
			do(i)
		}
		b.mu.Unlock()
	}
}

// refreshAll brings what is usual up to date, as it will be when it is read back.
func (b *Book) refreshAll(f *flow) {
	f.each(func(g *stage) {
		if g.fresh > 0 && g.samples() >= b.settings.MinSamples {
			g.refresh(b)
		}
	})
}

// each calls do for each sketch of the flow.
func (f *flow) each(do func(*stage)) {
	call := func(g *stage) {
		if g != nil {
			do(g)
		}
	}
	call(f.waiting)
	for i := range f.groups {
		call(f.groups[i].waiting)
		call(f.groups[i].processing)
	}
	for i := range f.followers {
		call(f.followers[i].after)
	}
}

// writer writes numbers as varints, and strings and lists with their lengths before them.
type writer struct{ data []byte }

func (w *writer) number(n int64) { w.data = binary.AppendVarint(w.data, n) }
func (w *writer) count(n int)    { w.data = binary.AppendUvarint(w.data, uint64(n)) }
func (w *writer) text(s string) {
	w.count(len(s))
	w.data = append(w.data, s...)
}

func (w *writer) place(p *place) {
	w.text(p.destination)
	w.count(len(p.groups))
	for i := range p.groups {
		w.text(p.groups[i].group)
		w.text(p.groups[i].service)
		w.text(p.groups[i].was)
		w.number(p.groups[i].since)
		w.habit(&p.groups[i].habit)
	}
	w.count(len(p.consumers))
	for i := range p.consumers {
		w.text(p.consumers[i].service)
		w.number(p.consumers[i].seen)
	}
}

func (w *writer) habit(h *habit) {
	w.count(h.row)
	w.number(h.seen)
}

func (w *writer) flow(f *flow) {
	w.text(f.key.operation)
	w.text(f.key.destination)
	w.text(f.key.messageType)
	w.number(f.seen)
	w.stage(f.waiting)
	w.count(len(f.groups))
	for i := range f.groups {
		w.text(f.groups[i].group)
		w.number(f.groups[i].seen)
		w.stage(f.groups[i].waiting)
		w.stage(f.groups[i].processing)
	}
	w.count(len(f.followers))
	for i := range f.followers {
		w.text(f.followers[i].destination)
		w.habit(&f.followers[i].habit)
		w.stage(f.followers[i].after)
	}
}

// stage writes 0 for none, else the number of its generations.
func (w *writer) stage(g *stage) {
	switch {
	case g == nil:
		w.count(0)
		return
	case g.old.weights == nil:
		w.count(1)
	default:
		w.count(2)
		w.generation(&g.old)
	}
	w.generation(&g.young)
	w.number(g.began)
	w.number(g.credited)
	w.number(g.seen)
	w.data = binary.LittleEndian.AppendUint64(w.data, math.Float64bits(g.credit))
}

// generation writes bins in order, each with its distance from the one before.
func (w *writer) generation(g *generation) {
	bins := 0
	g.weights.ForEach(func(int, float64) bool {
		bins++
		return false
	})
	w.count(g.samples)
	w.count(bins)
	last := minBin - 1
	g.weights.ForEach(func(bin int, weight float64) bool {
		w.count(bin - last)
		w.data = binary.AppendUvarint(w.data, uint64(weight))
		last = bin
		return false
	})
}

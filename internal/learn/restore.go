package learn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

const (
	// maxSnapshot bounds what is read, in bytes.
	maxSnapshot = 512 << 20
	// maxWeight bounds the weight of a generation, so that sums stay exact.
	maxWeight = 1 << 50
	// maxNanos bounds times, so that differences of them do not overflow: the year 2116.
	maxNanos = math.MaxInt64 / 2
)

// errMalformed says that a snapshot was not written by Snapshot.
var errMalformed = errors.New("malformed")

// Restore continues, at the time now, from the snapshot of an earlier run, or of another collector that learned until now. Of what is known
// already that stays which was seen later. Settings may be others by now; what exceeds the bounds is left out, the least recently seen
// first. When it returns an error, nothing was restored.
func (b *Book) Restore(data []byte, now int64) error {
	body, written, err := open(data)
	if err != nil {
		return fmt.Errorf("snapshot of what was learned: %w", err)
	}
	r := reader{data: body, version: written, book: b, now: now}
	places, flows := r.everything()
	if r.bad || len(r.data) > 0 {
		return fmt.Errorf("snapshot of what was learned: %w", errMalformed)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = max(b.now, now)
	for _, p := range slices.Backward(places) {
		b.keepPlace(p)
	}
	for _, f := range slices.Backward(flows) {
		b.keepFlow(f)
	}
	b.trim()
	return nil
}

// open checks the envelope and returns what is in it, and its version.
func open(data []byte) (body []byte, written byte, err error) {
	head := len(magic) + 1
	switch {
	case len(data) > maxSnapshot:
		return nil, 0, fmt.Errorf("%d bytes: must be at most %d", len(data), maxSnapshot)
	case len(data) < head+crc32.Size || string(data[:len(magic)]) != magic:
		return nil, 0, errMalformed
	}
	if written = data[len(magic)]; written < withoutNames || written > version {
		return nil, 0, fmt.Errorf("version is %d: must be at most %d", written, version)
	}
	end := len(data) - crc32.Size
	if crc32.Checksum(data[:end], checksums) != binary.LittleEndian.Uint32(data[end:]) {
		return nil, 0, errors.New("the checksum does not match")
	}
	return data[head:end], written, nil
}

func (b *Book) keepPlace(p *place) {
	if changing(p.destination) {
		return
	}
	kept := b.destinations[p.destination]
	if kept == nil {
		kept = b.addPlace(p.destination)
	} else if kept.seen() > p.seen() {
		return
	}
	kept.groups, kept.consumers = p.groups, p.consumers
	b.places.touch(kept)
}

// seen is when a message was last seen there.
func (p *place) seen() (last int64) {
	for i := range p.groups {
		last = max(last, p.groups[i].seen)
	}
	for i := range p.consumers {
		last = max(last, p.consumers[i].seen)
	}
	return last
}

func (b *Book) keepFlow(f *flow) {
	kept := b.flows[f.key]
	switch {
	case kept == nil:
		kept = b.add(f.key)
	case kept.seen > f.seen:
		return
	default:
		b.count(kept, -kept.stages)
	}
	kept.seen, kept.waiting, kept.groups, kept.followers = f.seen, f.waiting, f.groups, f.followers
	stages := 0
	kept.each(func(g *stage) {
		stages++
		if g.samples() >= b.settings.MinSamples {
			g.refresh(b)
		}
	})
	b.use(kept)
	b.count(kept, stages)
}

// reader reads what a writer wrote. Once something is not as it should be it is bad, and reads nothing more.
type reader struct {
	data    []byte
	version byte
	book    *Book
	now     int64
	bad     bool
	// stages is how many sketches were read.
	stages int
}

// everything reads all, and keeps as much as there is room for.
func (r *reader) everything() (places []*place, flows []*flow) {
	limit := r.book.settings.MaxStages
	for range r.count(maxSnapshot) {
		if p := r.place(); len(places) < limit && !r.bad {
			places = append(places, p)
		}
	}
	for range r.count(maxSnapshot) {
		if f := r.flow(); len(flows) < limit && r.stages <= limit && !r.bad {
			flows = append(flows, f)
		}
	}
	return places, flows
}

func (r *reader) fail() {
	r.bad, r.data = true, nil
}

// number reads a number that is not negative and at most limit.
func (r *reader) number(limit uint64) uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > limit {
		r.fail()
		return 0
	}
	r.data = r.data[size:]
	return n
}

// count reads the length of something that follows, of which each takes a byte at least.
func (r *reader) count(limit int) int { return int(r.number(uint64(min(limit, len(r.data))))) }

// time reads a time, which cannot lie in the future.
func (r *reader) time() int64 {
	n, size := binary.Varint(r.data)
	if size <= 0 || n < 0 || n > maxNanos {
		r.fail()
		return 0
	}
	r.data = r.data[size:]
	return min(n, r.now)
}

func (r *reader) text() string {
	n := r.count(maxName)
	if n > len(r.data) {
		r.fail()
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}

func (r *reader) habit() habit {
	return habit{row: min(int(r.number(maxSamples)), r.book.settings.MinSamples), seen: r.time()}
}

func (r *reader) place() *place {
	p := &place{destination: r.text()}
	if p.destination == "" {
		r.fail()
	}
	for range r.count(maxGroups) {
		g := groupHabit{group: r.text(), service: r.text()}
		if r.version > withoutNames {
			g.was, g.since = r.text(), r.time()
		}
		g.habit = r.habit()
		p.groups = append(p.groups, g)
	}
	for range r.count(maxConsumers) {
		p.consumers = append(p.consumers, consumer{service: r.text(), seen: r.time()})
	}
	return p
}

func (r *reader) flow() *flow {
	f := &flow{key: flowKey{operation: r.text(), destination: r.text(), messageType: r.text()}, seen: r.time()}
	f.waiting = r.stage()
	for range r.count(maxGroups) {
		f.groups = append(f.groups, groupStages{group: r.text(), seen: r.time(), waiting: r.stage(), processing: r.stage()})
	}
	for range r.count(maxFollowers) {
		f.followers = append(f.followers, follower{destination: r.text(), habit: r.habit(), after: r.stage()})
	}
	return f
}

// stage reads a sketch. Beyond the bound it is only checked.
func (r *reader) stage() *stage {
	generations := r.number(2)
	if generations == 0 {
		return nil
	}
	r.stages++
	g := &stage{}
	if generations == 2 {
		g.old = r.generation()
	}
	g.young = r.generation()
	g.began, g.credited, g.seen = r.time(), r.time(), r.time()
	if len(r.data) < 8 {
		r.fail()
		return nil
	}
	g.credit = math.Float64frombits(binary.LittleEndian.Uint64(r.data))
	r.data = r.data[8:]
	if !(g.credit >= 0 && g.credit <= maxWeight) {
		r.fail()
	}
	return g
}

func (r *reader) generation() generation {
	g := generation{samples: int(r.number(maxWeight / unit))}
	keep := r.stages <= r.book.settings.MaxStages
	if keep {
		g = generation{weights: newGeneration().weights, samples: g.samples}
	}
	bin, total := minBin-1, uint64(0)
	for range r.count(maxBins) {
		bin += int(r.number(uint64(maxBin - minBin + 1)))
		weight := r.number(maxWeight - min(total, maxWeight))
		if bin < minBin || bin > maxBin || weight == 0 {
			r.fail()
			return g
		}
		total += weight
		if keep {
			g.weights.AddWithCount(bin, float64(weight))
		}
	}
	if uint64(g.samples) > total/unit {
		r.fail()
	}
	return g
}

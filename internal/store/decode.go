package store

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// leastFact is the number of bytes that a fact takes at least: mask, kind and time. It bounds what is made room for.
const leastFact = 3

// The number of values of each enumeration in [FactsVersion].
const (
	outcomeCount     = uint8(operation.OutcomeError) + 1
	dispositionCount = uint8(operation.DispositionDeadLetter) + 1
	reasonCount      = uint8(operation.ReasonParent) + 1
)

// DecodeFacts returns what [AppendFacts] wrote. Texts share memory with each other and none with data. The error wraps [ErrNewer] if
// a later version wrote it, and [ErrCorrupt] if it is none of this encoding; the facts are nil then.
func DecodeFacts(data []byte) ([]operation.Fact, error) { return DecodeFactsInto(nil, data) }

// DecodeFactsInto is [DecodeFacts] for one set of facts after another: it uses the memory of dst, whose facts it replaces.
func DecodeFactsInto(dst []operation.Fact, data []byte) ([]operation.Fact, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: facts without a version", ErrCorrupt)
	}
	if data[0] != FactsVersion {
		kind := ErrNewer
		if data[0] == 0 {
			kind = ErrCorrupt
		}
		return nil, fmt.Errorf("%w: facts of version %d, this program knows %d", kind, data[0], FactsVersion)
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	d.rest = string(data[1:])
	n := d.count(leastFact)
	if d.failed {
		return nil, fmt.Errorf("%w: the number of facts", ErrCorrupt)
	}
	facts := slices.Grow(dst[:0], n)[:n]
	clear(facts)
	before := &operation.Fact{}
	for i := range facts {
		d.fact(&facts[i], before)
		if d.failed {
			return nil, fmt.Errorf("%w: fact %d of %d", ErrCorrupt, i+1, n)
		}
		before = &facts[i]
	}
	if len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last fact", ErrCorrupt, len(d.rest))
	}
	return facts, nil
}

// decoder reads until something is wrong; from then on it returns zero values.
type decoder struct {
	rest   string
	texts  []string
	failed bool
}

// decoders are those at rest, which keep the room for texts.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) release() {
	clear(d.texts)
	*d = decoder{texts: d.texts[:0]}
	decoders.Put(d)
}

func (d *decoder) fail() { d.failed, d.rest = true, "" }

func (d *decoder) uvarint() uint64 {
	if len(d.rest) > 0 && d.rest[0] < 0x80 {
		v := uint64(d.rest[0])
		d.rest = d.rest[1:]
		return v
	}
	return d.longer()
}

// longer reads a number that takes more than one byte.
func (d *decoder) longer() uint64 {
	var v uint64
	for i := range len(d.rest) {
		b := uint64(d.rest[i])
		if i == 9 && b > 1 {
			break
		}
		v |= b & 0x7f << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

func (d *decoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// any reads one byte.
func (d *decoder) any() uint8 {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// below reads one byte that must be below limit.
func (d *decoder) below(limit uint8) uint8 {
	b := d.any()
	if b >= limit {
		d.fail()
		return 0
	}
	return b
}

// small reads a number of 16 bits.
func (d *decoder) small() uint16 {
	v := d.uvarint()
	if v > math.MaxUint16 {
		d.fail()
		return 0
	}
	return uint16(v)
}

// count reads a number of things that take at least so many bytes each.
func (d *decoder) count(least int) int {
	n := d.uvarint()
	if n > uint64(len(d.rest)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

// text reads one that was there before, or the next one.
func (d *decoder) text() string {
	number := d.uvarint()
	if number < uint64(len(d.texts)) {
		return d.texts[number]
	}
	if number > uint64(len(d.texts)) {
		d.fail()
		return ""
	}
	text := d.take(d.uvarint())
	d.texts = append(d.texts, text)
	return text
}

func (d *decoder) fact(f, before *operation.Fact) {
	mask := d.uvarint()
	if mask&^uint64(allBits) != 0 || mask&(hasTrace|sameTrace) == hasTrace|sameTrace {
		d.fail()
		return
	}
	f.Kind = operation.Kind(d.below(uint8(operation.KindCount)))
	f.At = before.At + d.varint()
	f.Consumer, f.Remote, f.Batch = mask&isConsumer != 0, mask&isRemote != 0, mask&isBatch != 0
	if mask&(hasEnd-1) != 0 {
		d.smallFields(f, mask)
	}
	if mask&hasEnd != 0 {
		f.End = f.At + d.varint()
	}
	if mask&hasDue != 0 {
		f.Due = f.At + d.varint()
	}
	d.ids(f, before, mask)
	texts := textsOf(f)
	for rest := mask / hasTexts; rest != 0 && !d.failed; rest &= rest - 1 {
		*texts[bits.TrailingZeros64(rest)] = d.text()
	}
}

// smallFields reads what comes before the times.
func (d *decoder) smallFields(f *operation.Fact, mask uint64) {
	if mask&hasOutcome != 0 {
		f.Outcome = operation.Outcome(d.below(outcomeCount))
	}
	if mask&hasRanks != 0 {
		f.IDRank, f.AliasRank = d.any(), d.any()
	}
	if mask&hasSeverity != 0 {
		f.Severity = d.any()
	}
	if mask&hasDisposition != 0 {
		f.Disposition = operation.Disposition(d.below(dispositionCount))
	}
	if mask&hasDelivery != 0 {
		f.Delivery = d.small()
	}
	if mask&hasProgress != 0 {
		f.Progress = d.small()
	}
	if mask&hasReason != 0 {
		f.JoinedBy = operation.Reason(d.below(reasonCount))
	}
	if mask&hasPartition != 0 {
		f.Partition = operation.Partition(d.small())
	}
}

func (d *decoder) ids(f, before *operation.Fact, mask uint64) {
	if mask&sameTrace != 0 {
		f.Trace = before.Trace
	}
	if mask&hasTrace != 0 {
		copy(f.Trace[:], d.take(uint64(len(f.Trace))))
	}
	if mask&hasLinkTrace != 0 {
		copy(f.LinkTrace[:], d.take(uint64(len(f.LinkTrace))))
	}
	if mask&hasSpan != 0 {
		copy(f.Span[:], d.take(uint64(len(f.Span))))
	}
	if mask&hasParent != 0 {
		copy(f.Parent[:], d.take(uint64(len(f.Parent))))
	}
	if mask&hasLinkSpan != 0 {
		copy(f.LinkSpan[:], d.take(uint64(len(f.LinkSpan))))
	}
}

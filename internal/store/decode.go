package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

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

// DecodeFacts returns what [AppendFacts] wrote. Texts share no memory with data. The error wraps [ErrNewer] if a later version
// wrote it, and [ErrCorrupt] if it is none of this encoding; the facts are nil then.
func DecodeFacts(data []byte) ([]operation.Fact, error) {
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
	d := decoder{rest: data[1:]}
	d.readTexts()
	n := d.count(leastFact)
	if d.failed {
		return nil, fmt.Errorf("%w: the texts of facts", ErrCorrupt)
	}
	facts := make([]operation.Fact, n)
	var before operation.Fact
	for i := range facts {
		d.fact(&facts[i], &before)
		if d.failed {
			return nil, fmt.Errorf("%w: fact %d of %d", ErrCorrupt, i+1, n)
		}
		before = facts[i]
	}
	if len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last fact", ErrCorrupt, len(d.rest))
	}
	return facts, nil
}

// decoder reads until something is wrong; from then on it returns zero values.
type decoder struct {
	rest   []byte
	texts  []string
	failed bool
}

func (d *decoder) fail() { d.failed, d.rest = true, nil }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// below reads one byte that must be below limit.
func (d *decoder) below(limit uint8) uint8 {
	b := d.bytes(1)
	if d.failed || b[0] >= limit {
		d.fail()
		return 0
	}
	return b[0]
}

// any reads one byte.
func (d *decoder) any() uint8 {
	if b := d.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
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

func (d *decoder) readTexts() {
	d.texts = make([]string, d.count(1))
	for i := range d.texts {
		d.texts[i] = string(d.bytes(d.uvarint()))
	}
}

func (d *decoder) text() string {
	at := d.uvarint()
	if at >= uint64(len(d.texts)) {
		d.fail()
		return ""
	}
	return d.texts[at]
}

func (d *decoder) fact(f, before *operation.Fact) {
	mask := d.uvarint()
	if mask&^uint64(allBits|sameTraceBit) != 0 {
		d.fail()
	}
	f.Kind = operation.Kind(d.below(uint8(operation.KindCount)))
	f.At = before.At + d.varint()
	f.Consumer, f.Remote, f.Batch = mask&isConsumer != 0, mask&isRemote != 0, mask&isBatch != 0
	if mask&hasOutcome != 0 {
		f.Outcome = operation.Outcome(d.below(outcomeCount))
	}
	if mask&hasSeverity != 0 {
		f.Severity = d.any()
	}
	if mask&hasDisposition != 0 {
		f.Disposition = operation.Disposition(d.below(dispositionCount))
	}
	if mask&hasReason != 0 {
		f.JoinedBy = operation.Reason(d.below(reasonCount))
	}
	if mask&hasRanks != 0 {
		f.IDRank, f.AliasRank = d.any(), d.any()
	}
	if mask&hasDelivery != 0 {
		f.Delivery = d.small()
	}
	if mask&hasProgress != 0 {
		f.Progress = d.small()
	}
	if mask&hasEnd != 0 {
		f.End = f.At + d.varint()
	}
	if mask&hasDue != 0 {
		f.Due = f.At + d.varint()
	}
	d.ids(f, before, mask)
	texts := textsOf(f)
	for rest := mask & allBits / hasTexts; rest != 0 && !d.failed; rest &= rest - 1 {
		*texts[bits.TrailingZeros64(rest)] = d.text()
	}
}

func (d *decoder) ids(f, before *operation.Fact, mask uint64) {
	switch {
	case mask&sameTraceBit != 0:
		f.Trace = before.Trace
	case mask&hasTrace != 0:
		copy(f.Trace[:], d.bytes(uint64(len(f.Trace))))
	}
	if mask&hasLinkTrace != 0 {
		copy(f.LinkTrace[:], d.bytes(uint64(len(f.LinkTrace))))
	}
	if mask&hasSpan != 0 {
		copy(f.Span[:], d.bytes(uint64(len(f.Span))))
	}
	if mask&hasParent != 0 {
		copy(f.Parent[:], d.bytes(uint64(len(f.Parent))))
	}
	if mask&hasLinkSpan != 0 {
		copy(f.LinkSpan[:], d.bytes(uint64(len(f.LinkSpan))))
	}
}

package store

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// Facts are stored as
//
//	version  1 byte
//	number   of facts
//	facts
//
// where all numbers are varints. A fact begins with a mask of the fields that follow, in the order of the mask's bits, and
// its kind; what is not in the mask has its zero value. A text that is written for the first time has the number of texts before it,
// its length and its bytes; later it has that number alone. Times are differences: At to that of the fact before, the others to At.
// Numbers of kinds, outcomes, dispositions and reasons are those of package operation, which a test pins: they never change, new
// ones are added at the end.

// FactsVersion is the version of the encoding that is written. All that were ever released can be read.
const FactsVersion = 1

// The bits of the mask.
const (
	hasOutcome = 1 << iota
	isConsumer
	isRemote
	isBatch
	hasRanks
	hasSeverity
	hasDisposition
	hasDelivery
	hasProgress
	hasReason
	hasPartition
	hasEnd
	hasDue
	hasTrace
	// sameTrace: the trace is that of the fact before.
	sameTrace
	hasLinkTrace
	hasSpan
	hasParent
	hasLinkSpan
	// hasTexts is the first of textCount bits, one for each text of textsOf.
	hasTexts
)

const (
	textCount = 15
	// allBits are the bits that the version knows.
	allBits = hasTexts<<textCount - 1
)

// textsOf lists the texts of a fact, in the order of their bits.
func textsOf(f *operation.Fact) [textCount]*string {
	return [...]*string{
		&f.Service, &f.Name, &f.System, &f.Destination, &f.MessageID, &f.ID, &f.Group, &f.Instance, &f.Namespace, &f.Alias, &f.Type,
		&f.OperationName, &f.ErrorType, &f.ErrorMessage, &f.Detail,
	}
}

// AppendFacts appends the encoded facts to dst. Equal sets of facts in equal order give equal bytes.
func AppendFacts(dst []byte, facts []operation.Fact) []byte {
	e := encoders.Get().(*encoder)
	dst = e.append(dst, facts)
	encoders.Put(e)
	return dst
}

// encoders are those at rest: what one needs to recognise texts is large, and facts come in many small batches.
var encoders = sync.Pool{New: func() any { return new(encoder) }}

// encoder recognises texts that it wrote before, though not all: a text that it fails to recognise is written once more.
type encoder struct {
	// turn tells what was written in this set of facts from what is left of earlier ones.
	turn uint32
	// texts is how many were written.
	texts uint64
	// last has the latest text of each field, seen the latest by hash.
	last [textCount]written
	seen [seenTexts]written
}

type written struct {
	text string
	turn uint32
	// number is that of the text.
	number uint32
}

const (
	// seenTexts is a power of two.
	seenTexts = 1024
	// longestSeen bounds what the texts that are remembered keep in memory. Longer ones, stack traces, seldom repeat.
	longestSeen = 512
)

func (e *encoder) append(dst []byte, facts []operation.Fact) []byte {
	e.turn++
	if e.turn == 0 {
		*e = encoder{turn: 1}
	}
	e.texts = 0
	dst = binary.AppendUvarint(append(dst, FactsVersion), uint64(len(facts)))
	before := &operation.Fact{}
	for i := range facts {
		dst = e.fact(dst, &facts[i], before)
		before = &facts[i]
	}
	return dst
}

// maskOf returns the bits of all but the texts.
func maskOf(f, before *operation.Fact) uint64 {
	mask := bit(f.Outcome != 0, hasOutcome) | bit(f.Consumer, isConsumer) | bit(f.Remote, isRemote) | bit(f.Batch, isBatch) |
		bit(f.IDRank|f.AliasRank != 0, hasRanks) | bit(f.Severity != 0, hasSeverity) | bit(f.Disposition != 0, hasDisposition) |
		bit(f.Delivery != 0, hasDelivery) | bit(f.Progress != 0, hasProgress) | bit(f.JoinedBy != 0, hasReason) | bit(f.Partition != 0, hasPartition) |
		bit(f.End != 0, hasEnd) | bit(f.Due != 0, hasDue) | bit(!f.LinkTrace.IsZero(), hasLinkTrace) |
		bit(!f.Span.IsZero(), hasSpan) | bit(!f.Parent.IsZero(), hasParent) | bit(!f.LinkSpan.IsZero(), hasLinkSpan)
	switch {
	case f.Trace.IsZero():
	case f.Trace == before.Trace:
		mask |= sameTrace
	default:
		mask |= hasTrace
	}
	return mask
}

func bit(set bool, b uint64) uint64 {
	if set {
		return b
	}
	return 0
}

// fact writes one fact.
func (e *encoder) fact(b []byte, f, before *operation.Fact) []byte {
	mask, texts := maskOf(f, before), textsOf(f)
	for i, text := range texts {
		mask |= bit(*text != "", hasTexts<<i)
	}
	b = append(binary.AppendUvarint(b, mask), byte(f.Kind))
	b = binary.AppendVarint(b, f.At-before.At)
	if mask&(hasEnd-1) != 0 {
		b = appendSmall(b, f, mask)
	}
	if mask&hasEnd != 0 {
		b = binary.AppendVarint(b, f.End-f.At)
	}
	if mask&hasDue != 0 {
		b = binary.AppendVarint(b, f.Due-f.At)
	}
	if mask&hasTrace != 0 {
		b = append(b, f.Trace[:]...)
	}
	if mask&hasLinkTrace != 0 {
		b = append(b, f.LinkTrace[:]...)
	}
	if mask&hasSpan != 0 {
		b = append(b, f.Span[:]...)
	}
	if mask&hasParent != 0 {
		b = append(b, f.Parent[:]...)
	}
	if mask&hasLinkSpan != 0 {
		b = append(b, f.LinkSpan[:]...)
	}
	for rest := mask / hasTexts; rest != 0; rest &= rest - 1 {
		field := bits.TrailingZeros64(rest)
		b = e.text(b, field, *texts[field])
	}
	return b
}

// appendSmall writes what comes before the times.
func appendSmall(b []byte, f *operation.Fact, mask uint64) []byte {
	if mask&hasOutcome != 0 {
		b = append(b, byte(f.Outcome))
	}
	if mask&hasRanks != 0 {
		b = append(b, f.IDRank, f.AliasRank)
	}
	if mask&hasSeverity != 0 {
		b = append(b, f.Severity)
	}
	if mask&hasDisposition != 0 {
		b = append(b, byte(f.Disposition))
	}
	if mask&hasDelivery != 0 {
		b = binary.AppendUvarint(b, uint64(f.Delivery))
	}
	if mask&hasProgress != 0 {
		b = binary.AppendUvarint(b, uint64(f.Progress))
	}
	if mask&hasReason != 0 {
		b = append(b, byte(f.JoinedBy))
	}
	if mask&hasPartition != 0 {
		b = binary.AppendUvarint(b, uint64(f.Partition))
	}
	return b
}

// text writes a text of the given field.
func (e *encoder) text(b []byte, field int, text string) []byte {
	last := &e.last[field]
	if last.turn == e.turn && last.text == text {
		return binary.AppendUvarint(b, uint64(last.number))
	}
	if len(text) <= longestSeen {
		seen := &e.seen[hash(text)]
		if seen.turn == e.turn && seen.text == text {
			*last = *seen
			return binary.AppendUvarint(b, uint64(seen.number))
		}
		*seen = written{text: text, turn: e.turn, number: uint32(e.texts)}
		*last = *seen
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, e.texts), uint64(len(text)))
	e.texts++
	return append(b, text...)
}

// hash returns a number below seenTexts. It looks at the ends and the middle of a text: where IDs that are alike differ.
func hash(s string) uint32 {
	const odd = 0x9E3779B97F4A7C15
	n := len(s)
	h := uint64(n)
	if n < 8 {
		for i := range n {
			h = h<<8 | uint64(s[i])
		}
	} else {
		h ^= word(s[:8]) ^ bits.RotateLeft64(word(s[n-8:]), 29) ^ bits.RotateLeft64(word(s[n/2-4:n/2+4]), 47)
	}
	return uint32(h * odd >> 40 % seenTexts)
}

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

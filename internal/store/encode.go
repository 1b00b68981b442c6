package store

import (
	"encoding/binary"
	"math/bits"

	"github.com/throughline/throughline/internal/operation"
)

// Facts are stored as
//
//	version  1 byte
//	texts    their number, then the length and the bytes of each
//	facts    their number, then the facts
//
// where all numbers are varints. A fact begins with a mask of the fields that follow, in the order of the mask's bits, and
// its kind; what is not in the mask has its zero value. A text is its place in the list, from 0. Times are differences: At to that of the
// fact before, the others to At. Numbers of kinds, outcomes, dispositions and reasons are those of package operation, which a test
// pins: they never change, new ones are added at the end.

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
	hasEnd
	hasDue
	hasTrace
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
		&f.ID, &f.Alias, &f.Namespace, &f.OperationName, &f.Service, &f.Instance, &f.Name, &f.System, &f.Destination, &f.Group,
		&f.MessageID, &f.Type, &f.ErrorType, &f.ErrorMessage, &f.Detail,
	}
}

// AppendFacts appends the encoded facts to dst. Equal sets of facts in equal order give equal bytes.
func AppendFacts(dst []byte, facts []operation.Fact) []byte {
	places := make(map[string]uint64)
	var texts []string
	for i := range facts {
		for _, text := range textsOf(&facts[i]) {
			if _, known := places[*text]; !known && *text != "" {
				places[*text] = uint64(len(texts))
				texts = append(texts, *text)
			}
		}
	}
	dst = binary.AppendUvarint(append(dst, FactsVersion), uint64(len(texts)))
	for _, text := range texts {
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(facts)))
	var before operation.Fact
	for i := range facts {
		dst = appendFact(dst, &facts[i], &before, places)
		before = facts[i]
	}
	return dst
}

func maskOf(f *operation.Fact) uint64 {
	var mask uint64
	for i, set := range [...]bool{
		f.Outcome != 0, f.Consumer, f.Remote, f.Batch, f.IDRank != 0 || f.AliasRank != 0, f.Severity != 0, f.Disposition != 0,
		f.Delivery != 0, f.Progress != 0, f.JoinedBy != 0, f.End != 0, f.Due != 0, !f.Trace.IsZero(), !f.LinkTrace.IsZero(),
		!f.Span.IsZero(), !f.Parent.IsZero(), !f.LinkSpan.IsZero(),
	} {
		if set {
			mask |= 1 << i
		}
	}
	for i, text := range textsOf(f) {
		if *text != "" {
			mask |= hasTexts << i
		}
	}
	return mask
}

// appendFact writes one fact. IDs that are those of the fact before are left out, which the bits above allBits say.
func appendFact(b []byte, f, before *operation.Fact, places map[string]uint64) []byte {
	mask := maskOf(f)
	sameTrace := mask&hasTrace != 0 && f.Trace == before.Trace
	if sameTrace {
		mask |= sameTraceBit
	}
	b = append(binary.AppendUvarint(b, mask), byte(f.Kind))
	b = binary.AppendVarint(b, f.At-before.At)
	for _, v := range [...]struct {
		bit   uint64
		value uint8
	}{{hasOutcome, uint8(f.Outcome)}, {hasSeverity, f.Severity}, {hasDisposition, uint8(f.Disposition)}, {hasReason, uint8(f.JoinedBy)}} {
		if mask&v.bit != 0 {
			b = append(b, v.value)
		}
	}
	if mask&hasRanks != 0 {
		b = append(b, f.IDRank, f.AliasRank)
	}
	if mask&hasDelivery != 0 {
		b = binary.AppendUvarint(b, uint64(f.Delivery))
	}
	if mask&hasProgress != 0 {
		b = binary.AppendUvarint(b, uint64(f.Progress))
	}
	if mask&hasEnd != 0 {
		b = binary.AppendVarint(b, f.End-f.At)
	}
	if mask&hasDue != 0 {
		b = binary.AppendVarint(b, f.Due-f.At)
	}
	if mask&hasTrace != 0 && !sameTrace {
		b = append(b, f.Trace[:]...)
	}
	if mask&hasLinkTrace != 0 {
		b = append(b, f.LinkTrace[:]...)
	}
	for _, v := range [...]struct {
		bit  uint64
		span *operation.SpanID
	}{{hasSpan, &f.Span}, {hasParent, &f.Parent}, {hasLinkSpan, &f.LinkSpan}} {
		if mask&v.bit != 0 {
			b = append(b, v.span[:]...)
		}
	}
	texts := textsOf(f)
	for rest := mask & allBits / hasTexts; rest != 0; rest &= rest - 1 {
		b = binary.AppendUvarint(b, places[*texts[bits.TrailingZeros64(rest)]])
	}
	return b
}

// sameTraceBit: the trace is that of the fact before.
const sameTraceBit = hasTexts << textCount

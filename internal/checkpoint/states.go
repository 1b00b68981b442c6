package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// States are stored as a version (1 byte), their number, and the states. A state is a mask of its fields, the numbers and the texts that are in the
// mask, in the order of its bits; what is not in the mask is zero. Numbers are varints, texts are their length and their bytes. Numbers of states, reasons,
// flags and sources are those of package operation: they never change, new ones are added at the end.

// StatesVersion is the version of the encoding that is written. All that were ever released can be read.
const StatesVersion = 1

const (
	verdictNumbers = 14
	verdictTexts   = 3
	ownNumbers     = 18
	stateNumbers   = ownNumbers + 2*verdictNumbers
	ownTexts       = 6
	stateTexts     = ownTexts + 2*verdictTexts
	// knownBits are the bits of the mask that the version knows.
	knownBits = 1<<(stateNumbers+stateTexts) - 1
	// maxIndex bounds the places of hops and consumers, maxRevision revisions.
	maxIndex    = math.MaxInt32
	maxRevision = math.MaxUint32
)

// The greatest numbers of enumerations in [StatesVersion].
const (
	maxState  = int64(operation.StateCancelled)
	maxReason = int64(operation.StuckTelemetryGap)
	maxFlags  = 2*int64(operation.FlagLateEvidence) - 1
	maxSource = int64(operation.SourceSchedule)
)

func numbersOf(v *operation.Verdict) [verdictNumbers]int64 {
	return [...]int64{
		int64(v.State), int64(v.Reason), int64(v.Flags), int64(v.Hop) + 1, int64(v.Consumer) + 1, v.Since, v.EndedAt, v.Threshold, int64(v.Source), v.Next,
		v.Usual.Threshold, v.Usual.Value, int64(math.Float64bits(v.Usual.Quantile)), int64(v.Usual.Samples),
	}
}

// limits are the greatest values of the numbers of a verdict; -1 is none.
var limits = [verdictNumbers]int64{maxState, maxReason, maxFlags, maxIndex, maxIndex, -1, -1, -1, maxSource, -1, -1, -1, -1, maxIndex}

// within reports whether the numbers of a state can be.
func within(n []int64) bool {
	for i, limit := range [...]int64{maxRevision, maxRevision, -1, -1, maxState, math.MaxUint32, math.MaxUint16} {
		if limit >= 0 && (n[i] < 0 || n[i] > limit) {
			return false
		}
	}
	return true
}

// verdictOf returns the verdict with those numbers; false if one of them cannot be.
func verdictOf(n []int64) (v operation.Verdict, ok bool) {
	for i, limit := range limits {
		if limit >= 0 && (n[i] < 0 || n[i] > limit) {
			return v, false
		}
	}
	v = operation.Verdict{
		State: operation.State(n[0]), Reason: operation.StuckReason(n[1]), Flags: operation.Flags(n[2]), Hop: int(n[3]) - 1, Consumer: int(n[4]) - 1,
		Since: n[5], EndedAt: n[6], Threshold: n[7], Source: operation.ThresholdSource(n[8]), Next: n[9],
	}
	v.Usual = operation.Usual{Threshold: n[10], Value: n[11], Quantile: math.Float64frombits(uint64(n[12])), Samples: int(n[13])}
	return v, true
}

func textsOf(s *engine.State) [stateTexts]*string {
	return [...]*string{
		&s.ID, &s.Namespace, &s.Name, &s.Incident, &s.Seen.Group, &s.Seen.Service, &s.Verdict.Group, &s.Verdict.Awaited, &s.Verdict.Silent, &s.Before.Group, &s.Before.Awaited, &s.Before.Silent,
	}
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// AppendStates appends the encoded states to dst.
func AppendStates(dst []byte, states []engine.State) []byte {
	dst = binary.AppendUvarint(append(dst, StatesVersion), uint64(len(states)))
	for i := range states {
		dst = appendState(dst, &states[i])
	}
	return dst
}

func appendState(dst []byte, s *engine.State) []byte {
	var numbers [stateNumbers]int64
	own := [ownNumbers]int64{
		int64(s.Revision), int64(s.FinalRevision), s.UpdatedAt, s.Output, int64(s.Ended), int64(s.Facts), int64(s.Taught), s.ArrivedAt, int64(s.WasStuck),
		flag(s.New), flag(s.Gone), flag(s.Left), flag(s.Late), flag(s.Runaway), flag(s.Learned), flag(s.Parted), flag(s.Again), s.Seen.At,
	}
	copy(numbers[:], own[:])
	verdict, before := numbersOf(&s.Verdict), numbersOf(&s.Before)
	copy(numbers[stateNumbers-2*verdictNumbers:], verdict[:])
	copy(numbers[stateNumbers-verdictNumbers:], before[:])
	texts := textsOf(s)
	var mask uint64
	for i, n := range numbers {
		if n != 0 {
			mask |= 1 << i
		}
	}
	for i, text := range texts {
		if *text != "" {
			mask |= 1 << (stateNumbers + i)
		}
	}
	dst = binary.AppendUvarint(dst, mask)
	for _, n := range numbers {
		if n != 0 {
			dst = binary.AppendVarint(dst, n)
		}
	}
	for _, text := range texts {
		if *text != "" {
			dst = append(binary.AppendUvarint(dst, uint64(len(*text))), *text...)
		}
	}
	return dst
}

// DecodeStates returns what [AppendStates] wrote. Texts share no memory with data. The error wraps [store.ErrNewer] if a later version
// wrote it, and [store.ErrCorrupt] if it is none of this encoding; the states are nil then.
func DecodeStates(data []byte) ([]engine.State, error) {
	if len(data) == 0 || data[0] == 0 {
		return nil, fmt.Errorf("%w: states without a version", store.ErrCorrupt)
	}
	if data[0] != StatesVersion {
		return nil, fmt.Errorf("%w: states of version %d, this program knows %d", store.ErrNewer, data[0], StatesVersion)
	}
	d := decoder{rest: data[1:]}
	n := d.uvarint()
	if d.failed || n > uint64(len(d.rest)) {
		return nil, fmt.Errorf("%w: the number of states", store.ErrCorrupt)
	}
	states := make([]engine.State, n)
	for i := range states {
		d.state(&states[i])
		if d.failed {
			return nil, fmt.Errorf("%w: state %d of %d", store.ErrCorrupt, i+1, n)
		}
	}
	if len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last state", store.ErrCorrupt, len(d.rest))
	}
	return states, nil
}

// decoder reads until something is wrong; from then on it returns zero values.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.rest, d.failed = nil, true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.rest, d.failed = nil, true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.rest, d.failed = nil, true
		return ""
	}
	text := string(d.rest[:n])
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) state(s *engine.State) {
	mask := d.uvarint()
	if mask&^uint64(knownBits) != 0 {
		d.failed = true
		return
	}
	var n [stateNumbers]int64
	for rest := mask & (1<<stateNumbers - 1); rest != 0; rest &= rest - 1 {
		n[bits.TrailingZeros64(rest)] = d.varint()
	}
	verdict, ok := verdictOf(n[stateNumbers-2*verdictNumbers:])
	before, too := verdictOf(n[stateNumbers-verdictNumbers:])
	if !ok || !too || !within(n[:ownNumbers]) {
		d.failed = true
		return
	}
	*s = engine.State{
		Verdict: verdict, Before: before, Revision: uint32(n[0]), FinalRevision: uint32(n[1]), UpdatedAt: n[2], Output: n[3], Ended: operation.State(n[4]),
		Facts: uint32(n[5]), Taught: uint16(n[6]), ArrivedAt: n[7], WasStuck: uint64(n[8]),
		New: n[9] != 0, Gone: n[10] != 0, Left: n[11] != 0, Late: n[12] != 0, Runaway: n[13] != 0, Learned: n[14] != 0, Parted: n[15] != 0, Again: n[16] != 0,
		Seen: operation.Sighting{At: n[17]},
	}
	texts := textsOf(s)
	for rest := mask >> stateNumbers; rest != 0; rest &= rest - 1 {
		*texts[bits.TrailingZeros64(rest)] = d.text()
	}
}

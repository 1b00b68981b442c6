package engine

import (
	"hash/maphash"

	"github.com/throughline/throughline/internal/operation"
)

// key stands for a trace, a message or a correlation ID: 96 bits of two hashes whose seeds are this process's own, so that
// nobody outside can make two of them collide, and that none do by chance: among a hundred million the odds are one in ten
// million millions. The zero value is none.
type key [3]uint32

var firstSeed, secondSeed = maphash.MakeSeed(), maphash.MakeSeed()

func newKey(first, second uint64) key { return key{uint32(first), uint32(first >> 32), uint32(second)} }

func traceKey(t operation.TraceID) key {
	return newKey(maphash.Bytes(firstSeed, t[:]), maphash.Bytes(secondSeed, t[:]))
}

func idKey(namespace, id string) key {
	first, second := maphash.String(firstSeed, id), maphash.String(secondSeed, id)
	if namespace != "" {
		first = first*31 + maphash.String(firstSeed, namespace)
		second = second*31 + maphash.String(secondSeed, namespace)
	}
	return newKey(first, second)
}

// messageKey stands for the fact's message: for its ID, and for its destination unless the ID is unmistakable by itself. It is
// zero without a message.
func messageKey(f *operation.Fact) key {
	if f.MessageID == "" {
		return key{}
	}
	first, second := maphash.String(firstSeed, f.MessageID), maphash.String(secondSeed, f.MessageID)
	if !f.UniqueMessageID() {
		if f.Destination == "" {
			return key{}
		}
		first = first*31 + maphash.String(firstSeed, f.Destination)
		second = second*31 + maphash.String(secondSeed, f.Destination)
	}
	return newKey(first, second)
}

func (k key) isZero() bool { return k == key{} }

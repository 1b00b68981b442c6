package checkpoint

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/throughline/throughline/internal/store"
)

// The data of a row are
//
//	version   1 byte
//	checksum  4 bytes, CRC-32C of what follows, the least significant byte first
//	sections  each: its kind (1 byte), the length of its content (a varint), its content
//
// A section is complete in itself, so that rows can be cut anywhere between two of them.

// RowVersion is the version of rows that is written. All that were ever released can be read.
const RowVersion = 1

// rowHeader is the length of version and checksum.
const rowHeader = 5

// Kind is what a section holds. The numbers are stored: they never change.
type Kind uint8

// The kinds of sections.
const (
	// KindFacts is when a batch of facts arrived (nanoseconds since 1970, 8 bytes, the least significant first), and the facts as [store.AppendFacts] wrote them.
	KindFacts Kind = iota + 1
	// KindStates are states as [AppendStates] wrote them.
	KindStates
	// KindResources are attributes of services, KindHeard when telemetry of services came, as their packages wrote them.
	KindResources
	KindHeard
	kindEnd
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// Section is a part of a row.
type Section struct {
	Kind Kind
	Data []byte
}

// newRow begins a row in dst, which is empty.
func newRow(dst []byte) []byte { return append(dst, RowVersion, 0, 0, 0, 0) }

// appendSection appends a section to the data of a row.
func appendSection(row []byte, kind Kind, data []byte) []byte {
	return append(binary.AppendUvarint(append(row, byte(kind)), uint64(len(data))), data...)
}

// seal puts in the checksum, after which nothing may be appended.
func seal(row []byte) []byte {
	binary.LittleEndian.PutUint32(row[1:rowHeader], crc32.Checksum(row[rowHeader:], crcTable))
	return row
}

// Sections appends the sections of a row to dst. Their data are those of the row. The error wraps [store.ErrNewer] if a later version of this program
// wrote it, and [store.ErrCorrupt] if it is not what was written.
func Sections(dst []Section, row []byte) ([]Section, error) {
	if len(row) < rowHeader || row[0] == 0 {
		return nil, fmt.Errorf("%w: a row of %d bytes", store.ErrCorrupt, len(row))
	}
	if row[0] != RowVersion {
		return nil, fmt.Errorf("%w: a row of version %d, this program knows %d", store.ErrNewer, row[0], RowVersion)
	}
	rest := row[rowHeader:]
	if got, want := crc32.Checksum(rest, crcTable), binary.LittleEndian.Uint32(row[1:rowHeader]); got != want {
		return nil, fmt.Errorf("%w: a row with checksum %08x, its data have %08x", store.ErrCorrupt, want, got)
	}
	for len(rest) > 0 {
		kind := Kind(rest[0])
		if kind == 0 || kind >= kindEnd {
			return nil, fmt.Errorf("%w: a section of kind %d", store.ErrNewer, kind)
		}
		n, read := binary.Uvarint(rest[1:])
		if read <= 0 || n > uint64(len(rest)-1-read) {
			return nil, fmt.Errorf("%w: a section without an end", store.ErrCorrupt)
		}
		rest = rest[1+read:]
		dst = append(dst, Section{kind, rest[:n:n]})
		rest = rest[n:]
	}
	return dst, nil
}

// arrivalBytes is the length of the time before facts.
const arrivalBytes = 8

// splitFacts parts the content of a section of facts.
func splitFacts(data []byte) (at int64, facts []byte, err error) {
	if len(data) < arrivalBytes {
		return 0, nil, fmt.Errorf("%w: facts without the time of their arrival", store.ErrCorrupt)
	}
	return int64(binary.LittleEndian.Uint64(data)), data[arrivalBytes:], nil
}

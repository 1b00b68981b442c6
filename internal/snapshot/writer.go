package snapshot

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// magic begins every snapshot.
const magic = "throughline "

// checksums are CRC-32C.
var checksums = crc32.MakeTable(crc32.Castagnoli)

// Writer writes a snapshot.
type Writer struct{ data []byte }

// NewWriter begins a snapshot of what has that name. The version changes whenever older programs cannot read it any more.
func NewWriter(name string, version byte) *Writer {
	w := &Writer{data: []byte(magic)}
	w.Text(name)
	w.data = append(w.data, version)
	return w
}

// Append continues after what is in data, without a name, version and checksum: for what stands in something that has these.
func Append(data []byte) *Writer { return &Writer{data: data} }

// Bytes returns what was written so far.
func (w *Writer) Bytes() []byte { return w.data }

// Count writes a number that is not negative.
func (w *Writer) Count(n int) { w.data = binary.AppendUvarint(w.data, uint64(n)) }

// Number writes any number.
func (w *Writer) Number(n int64) { w.data = binary.AppendVarint(w.data, n) }

// Bits writes 64 bits.
func (w *Writer) Bits(bits uint64) { w.data = binary.LittleEndian.AppendUint64(w.data, bits) }

// Float writes a number with a fraction.
func (w *Writer) Float(f float32) {
	w.data = binary.LittleEndian.AppendUint32(w.data, math.Float32bits(f))
}

// Text writes a text.
func (w *Writer) Text(s string) {
	w.Count(len(s))
	w.data = append(w.data, s...)
}

// Close returns the snapshot.
func (w *Writer) Close() []byte {
	return binary.LittleEndian.AppendUint32(w.data, crc32.Checksum(w.data, checksums))
}

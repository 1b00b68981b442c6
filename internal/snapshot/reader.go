package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// Reader reads what a [Writer] wrote.
type Reader struct {
	name    string
	version byte
	data    []byte
	bad     bool
}

// Open checks what is around a snapshot: that it is one of what has that name, is not damaged, and is of that version at most.
func Open(data []byte, name string, version byte) (*Reader, error) {
	r := &Reader{name: name, data: data}
	end := len(data) - crc32.Size
	if end < len(magic) || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("snapshot of %s: it is none", name)
	}
	if crc32.Checksum(data[:end], checksums) != binary.LittleEndian.Uint32(data[end:]) {
		return nil, fmt.Errorf("snapshot of %s: the checksum does not match", name)
	}
	r.data = data[len(magic):end]
	if of := r.Text(math.MaxInt); r.bad || of != name || len(r.data) == 0 {
		return nil, fmt.Errorf("snapshot of %s: it is of something else", name)
	}
	r.version, r.data = r.data[0], r.data[1:]
	if r.version < 1 || r.version > version {
		return nil, fmt.Errorf("snapshot of %s: version is %d: must be at most %d; a newer Throughline wrote it", name, r.version, version)
	}
	return r, nil
}

// Read begins to read what a Writer appended to nothing.
func Read(data []byte, name string) *Reader { return &Reader{name: name, data: data} }

// Version is the one that the snapshot has.
func (r *Reader) Version() byte { return r.version }

// Fail says that what was read cannot be.
func (r *Reader) Fail() { r.bad, r.data = true, nil }

// Bad reports whether something was not as it should be.
func (r *Reader) Bad() bool { return r.bad }

var errMalformed = errors.New("malformed")

// Close reports whether everything was as it should be, and nothing is left.
func (r *Reader) Close() error {
	if r.bad || len(r.data) > 0 {
		return fmt.Errorf("snapshot of %s: %w", r.name, errMalformed)
	}
	return nil
}

// Count reads a number that is not negative and at most limit.
func (r *Reader) Count(limit int) int {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > uint64(max(0, limit)) {
		r.Fail()
		return 0
	}
	r.data = r.data[size:]
	return int(n)
}

// List reads the length of something that follows, of which each takes a byte at least; it is at most limit.
func (r *Reader) List(limit int) int { return r.Count(min(limit, len(r.data))) }

// Number reads a number between two others.
func (r *Reader) Number(least, most int64) int64 {
	n, size := binary.Varint(r.data)
	if size <= 0 || n < least || n > most {
		r.Fail()
		return 0
	}
	r.data = r.data[size:]
	return n
}

// Bits reads 64 bits.
func (r *Reader) Bits() uint64 {
	if len(r.data) < 8 {
		r.Fail()
		return 0
	}
	bits := binary.LittleEndian.Uint64(r.data)
	r.data = r.data[8:]
	return bits
}

// Float reads a number with a fraction, which is between 0 and most.
func (r *Reader) Float(most float32) float32 {
	if len(r.data) < 4 {
		r.Fail()
		return 0
	}
	f := math.Float32frombits(binary.LittleEndian.Uint32(r.data))
	if !(f >= 0 && f <= most) {
		r.Fail()
		return 0
	}
	r.data = r.data[4:]
	return f
}

// Text reads a text of at most limit bytes.
func (r *Reader) Text(limit int) string {
	n := r.List(limit)
	if n > len(r.data) {
		r.Fail()
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}

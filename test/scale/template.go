package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// baseTime is the time of templates. Its upper half occurs in no other field, so that times can be found in the bytes.
const baseTime uint64 = 0x17ABCDEF_00000000

// token is what tells one operation from another, in its trace ID, span IDs, message IDs and operation ID.
type token [6]byte

// tokenOf maps numbers to distinct tokens that look random, as IDs do.
func tokenOf(n uint64) token {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n*0x9E3779B97F4B<<16>>16)
	return token(b[2:])
}

// placeholders are the numbers of a template's own operations, beyond those of any run.
const placeholders = 1 << 46

// template is an OTLP export request in which operations can be replaced by others of the same shape, without building and
// marshalling them anew: the measured process must not be busy with making its own load.
type template struct {
	data       []byte
	operations int
	spans      int
	binaries   [][]int // for each operation, where its token stands
	texts      [][]int // for each operation, where its token stands as hexadecimal digits
	times      []int   // where times stand, in nanoseconds after baseTime
}

// newTemplate builds a request of the given number of operations.
func newTemplate(s shape, operations int) (*template, error) {
	td := ptrace.NewTraces()
	b := builder{shape: s, resources: td.ResourceSpans()}
	if !s.junk {
		for i := range b.services {
			b.services[i] = b.service(fmt.Sprintf("service-%d", i), "i-1")
		}
	}
	for i := range operations {
		b.operation(tokenOf(placeholders + uint64(i)))
	}
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		return nil, err
	}
	t := &template{data: data, operations: operations, spans: td.SpanCount()}
	for i := range operations {
		id := tokenOf(placeholders + uint64(i))
		t.binaries = append(t.binaries, positions(data, id[:]))
		t.texts = append(t.texts, positions(data, hex.AppendEncode(nil, id[:])))
	}
	for _, at := range positions(data, binary.LittleEndian.AppendUint32(nil, uint32(baseTime>>32))) {
		t.times = append(t.times, at-4)
	}
	if len(t.times) < 2*t.spans {
		return nil, fmt.Errorf("template: found %d times in %d spans", len(t.times), t.spans)
	}
	return t, nil
}

func positions(data, pattern []byte) []int {
	var all []int
	for from := 0; ; {
		i := bytes.Index(data[from:], pattern)
		if i < 0 {
			return all
		}
		all = append(all, from+i)
		from += i + len(pattern)
	}
}

// render writes the request with the operations first, first+1, ... beginning at the given time, into dst if that has room.
func (t *template) render(dst []byte, first uint64, at time.Time) []byte {
	dst = append(dst[:0], t.data...)
	var digits [2 * len(token{})]byte
	for i := range t.operations {
		id := tokenOf(first + uint64(i))
		for _, p := range t.binaries[i] {
			copy(dst[p:], id[:])
		}
		hex.Encode(digits[:], id[:])
		for _, p := range t.texts[i] {
			copy(dst[p:], digits[:])
		}
	}
	base := uint64(at.UnixNano())
	for _, p := range t.times {
		after := binary.LittleEndian.Uint64(dst[p:]) - baseTime
		binary.LittleEndian.PutUint64(dst[p:], base+after)
	}
	return dst
}

// operationID is the ID that the operation of that number carries.
func operationID(n uint64) string {
	id := tokenOf(n)
	return "order-" + hex.EncodeToString(id[:])
}

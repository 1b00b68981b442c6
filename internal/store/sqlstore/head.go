package sqlstore

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// The head of a record is all of it but what stands in columns: revision, time of the last change, facts. It is
//
//	texts    namespace, ID, name, state, reason
//	numbers  flags, final revision, start, end
//	lists    aliases, services, destinations, texts to search
//
// where a text is its length and its bytes, and a list its number of texts and the texts. The schema of the database says which version it is of.

func appendHead(b []byte, r *store.Record) []byte {
	for _, text := range [...]string{r.Namespace, r.ID, r.Name, r.State.String(), r.Reason.String()} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(r.Flags))
	b = binary.AppendUvarint(b, uint64(r.FinalRevision))
	b = binary.AppendVarint(binary.AppendVarint(b, r.StartedAt), r.EndedAt)
	for _, list := range [...][]string{r.Aliases, r.Services, r.Destinations, r.Text} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, text := range list {
			b = appendText(b, text)
		}
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// readHead reads into r what appendHead wrote. The error wraps [store.ErrCorrupt].
func readHead(b []byte, r *store.Record) error {
	h := headReader{rest: string(b)}
	r.Namespace, r.ID, r.Name = h.text(), h.text(), h.text()
	state, reason := h.text(), h.text()
	flags, final := h.uvarint(), h.uvarint()
	r.Flags, r.FinalRevision = operation.Flags(flags), uint32(final)
	r.StartedAt, r.EndedAt = h.varint(), h.varint()
	r.Aliases, r.Services, r.Destinations, r.Text = h.list(), h.list(), h.list(), h.list()
	if h.failed || len(h.rest) > 0 || uint64(r.Flags) != flags || uint64(r.FinalRevision) != final {
		return fmt.Errorf("%w: the head of a record of %d bytes", store.ErrCorrupt, len(b))
	}
	known := false
	if r.State, known = operation.ParseState(state); !known {
		return fmt.Errorf("%w: a record has the state %q", store.ErrCorrupt, state)
	}
	at := slices.Index(operation.StuckReasonNames(), reason)
	if at < 0 && reason != "" {
		return fmt.Errorf("%w: a record has the reason %q", store.ErrCorrupt, reason)
	}
	r.Reason = operation.StuckReason(at + 1)
	return nil
}

// headReader reads until something is wrong; from then on it returns zero values. The texts share memory.
type headReader struct {
	rest   string
	failed bool
}

func (h *headReader) fail() { h.failed, h.rest = true, "" }

func (h *headReader) uvarint() uint64 {
	v, n := binary.Uvarint([]byte(h.rest[:min(len(h.rest), binary.MaxVarintLen64)]))
	if n <= 0 {
		h.fail()
		return 0
	}
	h.rest = h.rest[n:]
	return v
}

func (h *headReader) varint() int64 {
	v := h.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (h *headReader) text() string {
	size := h.uvarint()
	if size > uint64(len(h.rest)) {
		h.fail()
		return ""
	}
	text := h.rest[:size]
	h.rest = h.rest[size:]
	return text
}

func (h *headReader) list() []string {
	n := h.uvarint()
	if n > uint64(len(h.rest)) {
		h.fail()
		return nil
	}
	var list []string
	for range n {
		list = append(list, h.text())
	}
	return list
}

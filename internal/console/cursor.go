package console

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// cursor is where a list goes on. A reader gets it as an opaque text and has no reason to look inside; nothing in it is
// trusted beyond its form.
type cursor struct {
	// asOf is when the first page was read, in nanoseconds since 1970: durations in the query count from there.
	asOf int64
	// query is a hash of the filters, because going on in another list would be a mistake.
	query uint64
	after Position
}

const (
	cursorVersion = 2
	// cursorHeader is the length of what stands before the texts: version, asOf, query, UpdatedAt, Archived, lengths of the namespace and of
	// the store's cursor.
	cursorHeader = 1 + 8 + 8 + 8 + 1 + 4 + 4
)

var (
	errCursorForm  = errors.New("only a next_cursor from an earlier response is allowed")
	errCursorQuery = errors.New("it belongs to a list with other filters; only the limit may differ")
	cursorEncoding = base64.RawURLEncoding.Strict()
)

func (c *cursor) encode() string {
	p := &c.after
	b := make([]byte, 0, cursorHeader+len(p.Namespace)+len(p.Cursor)+len(p.ID))
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(c.asOf))
	b = binary.BigEndian.AppendUint64(b, c.query)
	b = binary.BigEndian.AppendUint64(b, uint64(p.UpdatedAt))
	b = append(b, byte(rank(p.Archived)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Namespace)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Cursor)))
	b = append(b, p.Namespace...)
	b = append(b, p.Cursor...)
	b = append(b, p.ID...)
	return cursorEncoding.EncodeToString(b)
}

func decodeCursor(text string) (cursor, error) {
	b, err := cursorEncoding.DecodeString(text)
	if err != nil || len(b) < cursorHeader || b[0] != cursorVersion {
		return cursor{}, errCursorForm
	}
	namespace, shelf := int64(binary.BigEndian.Uint32(b[26:])), int64(binary.BigEndian.Uint32(b[30:]))
	texts := b[cursorHeader:]
	if namespace+shelf > int64(len(texts)) {
		return cursor{}, errCursorForm
	}
	c := cursor{
		asOf:  int64(binary.BigEndian.Uint64(b[1:])),
		query: binary.BigEndian.Uint64(b[9:]),
		after: Position{
			UpdatedAt: int64(binary.BigEndian.Uint64(b[17:])), Archived: b[25] == 1,
			Namespace: string(texts[:namespace]), Cursor: string(texts[namespace : namespace+shelf]), ID: string(texts[namespace+shelf:]),
		},
	}
	// The decoder ignores line breaks; one spelling each is what a test can hold on to.
	if c.encode() != text {
		return cursor{}, errCursorForm
	}
	return c, nil
}

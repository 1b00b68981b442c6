package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// reply is a whole response, complete before its first byte is sent.
type reply struct {
	status      int
	contentType string
	// policy is the content security policy, "" for one that lets a browser do nothing.
	policy string
	body   []byte
}

// replyJSON is the reply with a value as JSON.
func replyJSON(status int, v any) (reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return reply{}, err
	}
	return reply{status: status, contentType: "application/json", body: append(body, '\n')}, nil
}

func (r reply) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", r.contentType)
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", cmp.Or(r.policy, "default-src 'none'; frame-ancestors 'none'"))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.status)
	// An error here means that the client has gone, which is its own business.
	_, _ = w.Write(r.body)
}

// list writes a list of values until it is full: a page ends early rather than grow beyond the bound.
type list struct {
	buf   bytes.Buffer
	limit int
	count int
	// warnings say what the list may lack.
	warnings []string
}

// warnNoStore is the warning of a list that lacks what only the store has.
const warnNoStore = "the store cannot be read at present: only what is in memory is shown"

// warn says that the list may lack something. Each warning is told once.
func (l *list) warn(text string) {
	if !slices.Contains(l.warnings, text) {
		l.warnings = append(l.warnings, text)
	}
}

// add appends a value, or reports false if it does not fit. The first one always fits, or nobody could get past it.
func (l *list) add(v any) (bool, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	if l.count > 0 && l.buf.Len()+len(b) > l.limit {
		return false, nil
	}
	if l.count > 0 {
		l.buf.WriteByte(',')
	}
	l.buf.Write(b)
	l.count++
	return true, nil
}

// fill adds values in their form for the response, and returns how many fit.
func fill[T, J any](l *list, values []T, convert func(*T) J) (int, error) {
	for i := range values {
		if fits, err := l.add(convert(&values[i])); err != nil || !fits {
			return i, err
		}
	}
	return len(values), nil
}

// array is the list by itself.
func (l *list) array() json.RawMessage {
	return append(append(json.RawMessage{'['}, l.buf.Bytes()...), ']')
}

// reply closes the list: {name: [values], "next_cursor": ..., "as_of": ..., "warnings": [...]}.
func (l *list) reply(name string, next *string, asOf int64) (reply, error) {
	var end struct {
		Next *string   `json:"next_cursor"`
		AsOf timestamp `json:"as_of"`
		Warn []string  `json:"warnings"`
	}
	end.Next, end.AsOf, end.Warn = next, timestamp(asOf), append([]string{}, l.warnings...)
	tail, err := json.Marshal(end)
	if err != nil {
		return reply{}, err
	}
	body := make([]byte, 0, l.buf.Len()+len(name)+len(tail)+8)
	body = append(body, `{"`+name+`":[`...)
	body = append(body, l.buf.Bytes()...)
	body = append(body, "],"...)
	body = append(body, tail[1:]...)
	return reply{status: http.StatusOK, contentType: "application/json", body: append(body, '\n')}, nil
}

// timestamp is a time in nanoseconds since 1970 that is written as RFC 3339 in UTC with nine decimals, and as null if 0.
type timestamp int64

const timeLayout = "2006-01-02T15:04:05.000000000Z"

// MarshalJSON writes the time.
func (t timestamp) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return time.Unix(0, int64(t)).UTC().AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// optional is nil for an empty text, so that unknown is null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// seconds converts nanoseconds, nil if they are unknown (negative).
func seconds(nanos int64) *float64 {
	if nanos < 0 {
		return nil
	}
	s := float64(nanos) / 1e9
	return &s
}

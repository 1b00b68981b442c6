package evidence

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// fields reads the attributes of a record, or the fields of a map body, in one pass.
func (x *Extractor) fields(b *Batch, fields pcommon.Map, a *attributeValues, l *line) {
	if b.profile == nil {
		b.profile = x.profiles.base
	}
	keys := b.profile.fields
	for key, value := range fields.All() {
		m := keys.find(key)
		if m == nil || !m.meant {
			if namesTask(key) {
				x.take(b, &taskID, value, a)
			}
		} else {
			x.take(b, m, value, a)
		}
		if m != nil && m.word != wordNone {
			l.take(m, value)
		}
	}
}

// body reads the top-level fields of a map body, and of a string body that is a JSON object, as if they were attributes.
// What the attributes say comes first, but for the text: what the body says is that of the record.
func (x *Extractor) body(b *Batch, body pcommon.Value, a *attributeValues, l *line) {
	said := l.text
	switch body.Type() {
	case pcommon.ValueTypeMap:
		l.used, l.inBody, l.text, l.textRank = true, true, "", 0
		x.fields(b, body.Map(), a, l)
	case pcommon.ValueTypeStr:
		s := body.Str()
		if s == "" {
			break
		}
		l.used, l.inBody, l.text, l.textRank = true, true, "", 0
		if s[0] == '{' && len(s) <= maxBody {
			l.borrowed = true
			x.jsonBody(b, s, a, l)
		}
		if l.text == "" {
			l.text = s
		}
	}
	if l.text == "" {
		l.text = said
	}
}

// jsonBody reads the top-level fields of a JSON object.
func (x *Extractor) jsonBody(b *Batch, s string, a *attributeValues, l *line) {
	o := jsonObject{s: s}
	for {
		key, value, ok := o.next()
		if !ok {
			break
		}
		x.jsonField(b, key, value, a, l)
	}
	if o.bad {
		b.drop(DropBody)
	}
}

func (x *Extractor) jsonField(b *Batch, key, raw string, a *attributeValues, l *line) {
	w := b.profile.fields.find(key)
	m := w
	if (m == nil || !m.meant) && namesTask(key) {
		m = &taskID
	}
	if m != nil && m.meant {
		x.takeRaw(b, m, raw, a)
	}
	if w != nil && w.word != wordNone {
		l.takeJSON(w, raw)
	}
}

// takeRaw reads the value of a field as it is written in JSON. What is kept must not keep the whole body in memory.
func (x *Extractor) takeRaw(b *Batch, m *meaning, raw string, a *attributeValues) {
	ok := false
	switch raw[0] {
	case '{', '[', 'n':
	case 't', 'f':
		raw, ok = m.truth(raw == "true")
	default:
		raw, ok = jsonText(raw), true
		if !m.plain || a.wanting(m) {
			raw = strings.Clone(raw)
		}
	}
	if !ok {
		b.drop(DropWrongType)
		return
	}
	x.takeText(b, m, raw, a)
}

// takeJSON reads a field of a JSON object by its value as it is written.
func (l *line) takeJSON(w *meaning, raw string) {
	switch raw[0] {
	case '"':
		l.takeText(w, jsonText(raw))
	case '{', '[':
		if w.word != wordError && w.word != wordErrorStack {
			return
		}
		var decoded any
		value := pcommon.NewValueEmpty()
		if json.Unmarshal([]byte(raw), &decoded) == nil && value.FromRaw(decoded) == nil {
			l.takeNested(w, value)
		}
	case 't', 'f', 'n':
	default:
		if n, err := strconv.ParseFloat(raw, 64); err == nil {
			l.takeNumber(w, int64(n))
		}
	}
}

// shorten returns at most limit bytes of s, cut at the border of a character. What is cut is copied, so that the beginning
// does not keep the whole in memory.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.Clone(s[:limit])
}

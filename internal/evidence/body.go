package evidence

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// body reads the top-level fields of a map body, and of a string body that is a JSON object, as if they were attributes.
// What the attributes say comes first.
func (x *Extractor) body(b *Batch, body pcommon.Value, a *attributeValues) {
	switch body.Type() {
	case pcommon.ValueTypeMap:
		x.read(b, body.Map(), a)
	case pcommon.ValueTypeStr:
		if s := body.Str(); len(s) <= maxBody && strings.HasPrefix(s, "{") {
			x.jsonBody(b, s, a)
		}
	}
}

// jsonBody reads the strings and numbers among the top-level fields of a JSON object.
func (x *Extractor) jsonBody(b *Batch, s string, a *attributeValues) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		b.drop(DropBody)
		return
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			b.drop(DropBody)
			return
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			b.drop(DropBody)
			return
		}
		x.jsonField(b, key, value, a)
	}
}

func (x *Extractor) jsonField(b *Batch, key json.Token, raw json.RawMessage, a *attributeValues) {
	name, _ := key.(string)
	m, ok := b.profile.keys.find(name)
	if !ok {
		return
	}
	value := pcommon.NewValueEmpty()
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		value.SetStr(text)
	case json.Unmarshal(raw, &number) == nil:
		value.SetStr(number.String())
	}
	x.take(b, m, value, a)
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

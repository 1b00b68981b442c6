package evidence

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/throughline/throughline/internal/operation"
)

// searched is the part of a text that expressions are run on.
func searched(text string) string { return text[:min(len(text), maxSearched)] }

// idsInText offers the correlation IDs that the configured expressions find in the text.
func (x *Extractor) idsInText(b *Batch, text string, a *attributeValues) {
	text = searched(text)
	for i := range x.logs.ids {
		p := &x.logs.ids[i]
		if at := p.expression.find(text); at != nil {
			x.offer(b, group(text, at, p.group), p.rank, a)
		}
	}
}

// offer takes a correlation ID that is part of a text, or computed, unless it names nothing.
func (x *Extractor) offer(b *Batch, text string, rank uint8, a *attributeValues) {
	if id, ok := x.id(text); ok {
		a.used = true
		a.ids.offer(rank, strings.Clone(id))
	} else {
		b.drop(DropJunkID)
	}
}

// group returns the text of a group of a match, "" if it took no part in it.
func group(text string, at []int, n int) string {
	if 2*n+1 >= len(at) || at[2*n] < 0 {
		return ""
	}
	return text[at[2*n]:at[2*n+1]]
}

// match finds the first pattern that the record at hand matches, and offers the ID that it finds.
func (x *Extractor) match(b *Batch, l *line, m *matched, a *attributeValues) {
	for i := range x.logs.patterns {
		p := &x.logs.patterns[i]
		if l.level < p.min {
			continue
		}
		var at []int
		if p.expression.Regexp != nil {
			if at = p.expression.find(m.text); at == nil {
				continue
			}
		}
		if (p.services != nil && !p.services.MatchString(b.resource.service)) || (p.scopes != nil && !p.scopes.MatchString(b.scope)) {
			continue
		}
		m.pattern, m.at = p, at
		if n := p.groups[detailID]; n != 0 {
			x.offer(b, group(m.text, at, n), p.rank, a)
		}
		return
	}
}

// matched is a log pattern together with the record that it matches.
type matched struct {
	*pattern
	record plog.LogRecord
	text   string
	at     []int
}

// detail returns what the pattern takes from the record: from the group of that name, else from the field. "" = nothing.
func (m *matched) detail(d detail) string {
	if m.groups[d] != 0 {
		if text := group(m.text, m.at, m.groups[d]); text != "" {
			return text
		}
	}
	if m.fields[d] == "" {
		return ""
	}
	return fieldText(m.record, m.fields[d])
}

// fill sets on the fact what the pattern takes from the record.
func (m *matched) fill(b *Batch, f *operation.Fact) {
	f.Kind, f.Outcome, f.Disposition = m.kind, m.outcome, m.disposition
	for _, v := range [...]struct {
		d     detail
		to    *string
		limit int
	}{
		{detailMessageID, &f.MessageID, maxName}, {detailDestination, &f.Destination, maxName}, {detailGroup, &f.Group, maxName},
		{detailSystem, &f.System, maxName}, {detailType, &f.Type, maxName}, {detailError, &f.ErrorMessage, maxMessage},
	} {
		if text := m.detail(v.d); text != "" {
			*v.to = strings.Clone(b.cut(text, v.limit))
		}
	}
	if f.Disposition == operation.DispositionUnknown && f.Kind == operation.KindFailed && m.last() {
		f.Outcome, f.Disposition = operation.OutcomeError, operation.DispositionDeadLetter
	}
	b.advance(f, m.detail(detailProgress))
	if due := m.detail(detailDue); due != "" {
		f.Due = dueTime(due)
	} else if delay := m.delay(); delay > 0 {
		f.Due = within(f.At + int64(delay))
	}
}

// last reports whether the attempt that failed was the last one.
func (m *matched) last() bool {
	attempt, err := strconv.ParseFloat(m.detail(detailAttempt), 64)
	limit, errLimit := strconv.ParseFloat(m.detail(detailMaxAttempts), 64)
	return err == nil && errLimit == nil && limit > 0 && attempt >= limit
}

// maxDelay bounds how far ahead a message is scheduled.
const maxDelay = 10 * 365 * 24 * time.Hour

// delay reads a duration, or a number in the pattern's unit; 0 for anything else.
func (m *matched) delay() time.Duration {
	text := m.detail(detailDelay)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || n*float64(m.unit) > float64(maxDelay) {
			return 0
		}
		d = time.Duration(n * float64(m.unit))
	}
	if d < 0 || d > maxDelay {
		return 0
	}
	return d
}

// fieldText returns an attribute of the record, or else a field of its body, as text; "" without one.
func fieldText(record plog.LogRecord, name string) string {
	if value, ok := record.Attributes().Get(name); ok {
		return numberOrText(value)
	}
	switch body := record.Body(); body.Type() {
	case pcommon.ValueTypeMap:
		if value, ok := body.Map().Get(name); ok {
			return numberOrText(value)
		}
	case pcommon.ValueTypeStr:
		s := body.Str()
		if len(s) > maxBody || !strings.HasPrefix(s, "{") {
			return ""
		}
		for o := (jsonObject{s: s}); ; {
			key, value, ok := o.next()
			if !ok {
				return ""
			}
			if key == name && value[0] != '{' && value[0] != '[' && value != "null" {
				return jsonText(value)
			}
		}
	}
	return ""
}

func numberOrText(value pcommon.Value) string {
	if value.Type() == pcommon.ValueTypeDouble {
		return strconv.FormatFloat(value.Double(), 'f', -1, 64)
	}
	text, _ := textOf(value)
	return text
}

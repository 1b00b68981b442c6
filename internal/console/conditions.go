package console

import "github.com/throughline/throughline/internal/operation"

// conditionJSON is something that makes a verdict if it lasts longer than its threshold.
type conditionJSON struct {
	State       string        `json:"state"`
	Reason      *string       `json:"reason"`
	Hop         *int          `json:"hop"`
	Destination *string       `json:"destination"`
	Group       *string       `json:"group"`
	Awaited     *string       `json:"awaited"`
	Since       timestamp     `json:"since"`
	Threshold   thresholdJSON `json:"threshold"`
	// DueAt is when the threshold passes, null if it never does; Passed says that it has.
	DueAt  timestamp `json:"due_at"`
	Passed bool      `json:"passed"`
}

// conditions are none once the operation has ended: what ended it is the verdict. Nor are there any of one that nobody judges any more.
func (b *builder) conditions() []conditionJSON {
	r := b.record
	if r.Verdict.State.Final() || r.View.Missed > 0 || r.Archived {
		return []conditionJSON{}
	}
	c := r.Circumstances
	if c == nil {
		c = &operation.Circumstances{}
	}
	return cut(b, operation.Conditions(r.View, b.policy(), c, b.now), b.condition)
}

func (b *builder) condition(c *operation.Condition) conditionJSON {
	j := conditionJSON{
		State: c.State.String(), Reason: optional(c.Reason.String()), Group: optional(clip(c.Group, maxText)), Awaited: optional(clip(c.Awaited, maxText)),
		Since: timestamp(c.Since), Threshold: thresholdOf(c.Bound, c.Threshold),
	}
	if c.Hop >= 0 {
		h := &b.record.View.Hops[c.Hop]
		j.Hop, j.Destination = &c.Hop, optional(h.Destination)
		if c.Consumer >= 0 {
			j.Group = optional(h.Consumers[c.Consumer].Group)
		}
	}
	b.charge(c.Group, c.Awaited)
	if c.Threshold.Limit > 0 || c.State.Bad() {
		due := c.Since + int64(c.Threshold.Limit)
		j.DueAt, j.Passed = timestamp(due), due <= b.now
	}
	return j
}

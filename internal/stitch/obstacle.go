package stitch

import (
	"cmp"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// obstacle says what a stuck operation waits for, for how long by the time of judgement, and when who should have gone on with
// it was last seen.
func (b *builder) obstacle() string {
	since := lasting(b.until - b.verdict.Since)
	hop, group := b.decidingHop()
	switch b.verdict.Reason {
	case operation.StuckWaiting:
		if hop != nil && b.verdict.Group != "" && b.change.Seen.At <= 0 {
			return "waiting in " + place(hop) + " for " + clip(b.verdict.Group, maxPlace) + " for " + since
		}
		if hop != nil {
			return "waiting in " + place(hop) + " for " + since + b.lastSeen()
		}
	case operation.StuckProcessing:
		if hop != nil && group != nil {
			return "processing " + place(hop) + " in " + clip(cmp.Or(group.Service, group.Group, unknownService), maxPlace) + " for " + since + b.lastSign(group)
		}
	case operation.StuckStalled:
		if hop != nil {
			return "stalled after " + place(hop) + ", not gone on to " + clip(b.verdict.Awaited, maxPlace) + " for " + since
		}
	case operation.StuckOverdue:
		return "overdue, open for " + since + " with a deadline of " + lasting(b.verdict.Threshold)
	}
	return b.verdict.Reason.String() + " for " + since
}

// lastSeen says when who should consume was last seen to consume anything, "" if that is not known. A service stands in for a
// group that no record names.
func (b *builder) lastSeen() string {
	seen := &b.change.Seen
	if seen.At <= 0 {
		return ""
	}
	who := ", consumer group "
	if seen.Group == seen.Service {
		who = ", consumer "
	}
	return who + clip(seen.Group, maxPlace) + " last seen " + b.moment(seen.At)
}

// lastSign says when the consumer last said that it is still at it, and how far it had come.
func (b *builder) lastSign(group *operation.Consumer) string {
	if len(group.Attempts) == 0 {
		return ""
	}
	a := &group.Attempts[len(group.Attempts)-1]
	at := max(a.ProgressAt, a.AliveAt)
	if at <= 0 {
		return ""
	}
	if done := a.Done(); done >= 0 {
		return ", " + percent(done) + " done, last sign of life " + b.moment(at)
	}
	return ", last sign of life " + b.moment(at)
}

// percent writes a share.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', -1, 64) + " %" }

// moment writes a time of day, with the date where it is not that of the judgement.
func (b *builder) moment(at int64) string {
	t := time.Unix(0, at).UTC()
	if now := time.Unix(0, b.until).UTC(); now.Year() == t.Year() && now.YearDay() == t.YearDay() {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

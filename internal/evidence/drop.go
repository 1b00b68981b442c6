package evidence

// DropReason says why a part of the telemetry was not used.
type DropReason uint8

// The reasons.
const (
	// DropZeroID: a span without trace or span ID.
	DropZeroID DropReason = iota
	// DropTime: a time that cannot be: before 2000 or after 2200, or none at all.
	DropTime
	// DropNegativeDuration: a span that ends before it starts; its end is taken to be its start.
	DropNegativeDuration
	// DropWrongType: an attribute of a type that makes no sense for it.
	DropWrongType
	// DropJunkID: a correlation ID that names nothing (empty, null, 0, ...) or cannot be printed.
	DropJunkID
	// DropTruncated: a value that was cut because of its length.
	DropTruncated
	// DropTooMany: links or exceptions of one span beyond the limit.
	DropTooMany
	// DropDerived: a record that Throughline itself derived.
	DropDerived
	// DropBody: a log body that looked like JSON and was not.
	DropBody
	// DropPartial: a record about an unfinished span that cannot be read. A log record is then one like any other.
	DropPartial
	// DropExpression: an expression that could not be evaluated for a record.
	DropExpression
	dropCount
)

var dropNames = [dropCount]string{
	"zero_id", "absurd_time", "negative_duration", "wrong_type", "junk_id", "truncated", "too_many", "derived", "bad_body",
	"bad_partial", "bad_expression",
}

// String returns the name used in metrics.
func (d DropReason) String() string { return dropNames[d] }

// DropReasons returns all reasons, in the order of [Batch.Dropped].
func DropReasons() []DropReason {
	all := make([]DropReason, dropCount)
	for i := range all {
		all[i] = DropReason(i)
	}
	return all
}

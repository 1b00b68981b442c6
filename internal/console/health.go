package console

import (
	"iter"

	"github.com/throughline/throughline/internal/operation"
)

// HealthQuery asks how the operations with a name are.
type HealthQuery struct {
	// Namespace is "" for any.
	Namespace string
	Name      string
	// FailedSince is the earliest update of a failed or dead-lettered operation that counts, in nanoseconds since 1970.
	FailedSince int64
}

// Health tells how the operations with a name are.
type Health struct {
	// Seen says that there is an operation with that name, however it ended.
	Seen bool
	// Stuck are those that are stuck now, Failed those that failed or were dead-lettered since HealthQuery.FailedSince, and
	// InProgress those that are open and within their thresholds.
	Stuck, Failed, InProgress int
	// Samples are some of the stuck, failed and dead-lettered ones, at most MaxHealthSamples.
	Samples []Summary
}

// MaxHealthSamples bounds Health.Samples.
const MaxHealthSamples = 10

// CheckHealth answers the query in one pass. It never calls Summary.View.
func CheckHealth(q HealthQuery, summaries iter.Seq[Summary]) Health {
	var h Health
	for s := range summaries {
		if s.Name == q.Name && (q.Namespace == "" || q.Namespace == s.Namespace) {
			h.count(&q, s)
		}
	}
	return h
}

func (h *Health) count(q *HealthQuery, s Summary) {
	h.Seen = true
	switch s.State {
	case operation.StateStuck:
		h.Stuck++
	case operation.StateFailed, operation.StateDeadLettered:
		if s.UpdatedAt < q.FailedSince {
			return
		}
		h.Failed++
	case operation.StateInProgress:
		h.InProgress++
		return
	default:
		return
	}
	h.sample(s)
}

func (h *Health) sample(s Summary) {
	if len(h.Samples) < MaxHealthSamples {
		h.Samples = append(h.Samples, s)
	}
}

// AddFailed counts one that failed or was dead-lettered and has left memory since.
func (h *Health) AddFailed(s Summary) {
	h.Seen = true
	h.Failed++
	h.sample(s)
}

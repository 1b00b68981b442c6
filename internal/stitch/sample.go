package stitch

import (
	"encoding/binary"

	"github.com/throughline/throughline/internal/operation"
)

// randomBits is how much of a trace ID is random by the W3C recommendation (level 2): its last 56 bits.
const randomBits = 56

// Simple reports whether all there is to say of an operation is that it completed: it has no flag, was not stuck before, and no
// earlier verdict was final.
func Simple(c *operation.Change) bool {
	return c.Verdict.State == operation.StateCompleted && c.Verdict.Flags == 0 && c.WasStuck == 0 && c.FinalRevision <= 1
}

// Sampled reports whether a trace is among so many of a hundred. It depends on nothing but the trace ID, by the rule of
// OpenTelemetry for consistent probability sampling, so that all collectors agree, and so does a sampler behind them.
func Sampled(trace operation.TraceID, percentage float64) bool {
	random := binary.BigEndian.Uint64(trace[8:]) & (1<<randomBits - 1)
	return float64(random) >= (1-percentage/100)*(1<<randomBits)
}

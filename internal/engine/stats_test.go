package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// TestThereIsACounterForEveryKind: a fact of a kind without one would end the batch it came in.
func TestThereIsACounterForEveryKind(t *testing.T) {
	kinds := len((&counters{}).facts)
	require.NotEmpty(t, operation.Kind(kinds-1).String())
	require.Panics(t, func() { _ = operation.Kind(kinds).String() }, "a kind with a name and without a counter")
}

package checkpoint

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
)

// TestWhatWaitsIsCounted: nothing that telemetry can make larger waits uncounted, or the buffer would have no bound.
func TestWhatWaitsIsCounted(t *testing.T) {
	const size = 10_000
	long := strings.Repeat("x", size)
	for name, j := range map[string]Judgement{
		"facts":        {Records: []store.Record{{Facts: []byte(long)}}},
		"ID":           {Records: []store.Record{{ID: long}}},
		"aliases":      {Records: []store.Record{{Aliases: []string{long}}}},
		"services":     {Records: []store.Record{{Services: []string{long}}}},
		"destinations": {Records: []store.Record{{Destinations: []string{long}}}},
		"errors":       {Records: []store.Record{{Text: []string{long}}}},
		"incidents":    {Incidents: []store.Incident{{Data: []byte(long)}}},
		"blobs":        {Blobs: []store.Blob{{Data: []byte(long)}}},
		"keys":         {Forget: make([]store.Key, size/len(store.Key{}))},
	} {
		var q queue
		q.judge(&j, nil)
		require.InDelta(t, size, q.bytes, each, name)
		taken := q.take()
		require.Equal(t, queue{}, q, name)
		require.InDelta(t, size, taken.bytes, each, name)
	}
}

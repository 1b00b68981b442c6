package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSaysOngoing(t *testing.T) {
	for line, want := range map[string]bool{
		"rendering report": true, "Charging card": true, "customs declaration started": true, "task started": true,
		"waiting for conveyor": true, "export begins": true, "Starting import of 42 rows": true,
		"report rendered": false, "payment captured": false, "task done": false, "": false, "42": false, "nothing to do": false,
		"billing done": false, "order is pending": false, "warning: low stock": false, "king of spades": false, "skipping order": false,
		"the seventh word of this line was started": false,
	} {
		require.Equal(t, want, saysOngoing(line), line)
	}
}

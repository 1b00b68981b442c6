package verdict

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// named is a truth of which no more than the name is known.
type named struct{ id, name string }

func (n named) OperationID() string { return n.id }

func (n named) Verdict() string { return "completed" }

func (n named) Differ(got *Operation, found *Mismatches) { found.Compare("name", got.Name, n.name) }

func TestCompareFindsWhatIsWrongMissingAndInvented(t *testing.T) {
	judged := []Operation{
		{ID: "same", Name: "order", State: "completed"}, {ID: "other", Name: "refund", State: "stuck"}, {ID: "invented", State: "failed"},
	}
	c := Compare([]named{{"same", "order"}, {"other", "order"}, {"unknown", "order"}}, judged)
	require.Equal(t, []Difference{
		{"invented", Mismatches{"no such operation took place"}, &judged[2]},
		{"other", Mismatches{"name: refund, truth order"}, &judged[1]},
		{"unknown", Mismatches{"forgotten"}, nil},
	}, c.Differences)
	require.Equal(t, "other: name: refund, truth order", c.Differences[1].String())
	require.Equal(t, 4, c.Matrix.Total())
	require.Equal(t, 1, c.Matrix.Right())
}

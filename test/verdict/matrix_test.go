package verdict

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatrixIsATable(t *testing.T) {
	var m Matrix
	for range 12 {
		m.Add("completed", "completed", true)
	}
	m.Add("stuck/waiting", "completed", false)
	m.Add("stuck/waiting", "stuck/waiting", true)

	require.Equal(t, 14, m.Total())
	require.Equal(t, 13, m.Right())
	require.Equal(t, `13 of 14 right
  truth \ judged  completed  stuck/waiting  total
       completed         12              .     12
   stuck/waiting          1              1      2
`, m.String())
}

func TestVerdictInOneWord(t *testing.T) {
	require.Equal(t, "completed", Of("completed", "", nil))
	require.Equal(t, "stuck/waiting", Of("stuck", "waiting", []string{}))
	require.Equal(t, "completed+duplicated+retried", Of("completed", "", []string{"retried", "duplicated"}))
	op := Operation{State: "failed", Flags: []string{"retried"}}
	require.Equal(t, "failed+retried", op.Verdict())
}

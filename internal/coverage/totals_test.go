package coverage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestTotalsAreThoseOfAllServices(t *testing.T) {
	l := NewLedger()
	for _, service := range []string{"checkout", "payments", ""} {
		l.Attached(&operation.Fact{Kind: operation.KindSend, Service: service, JoinedBy: operation.ReasonTrace}, false)
		l.Waiting(&operation.Fact{Kind: operation.KindLog, Service: service})
	}
	l.Lost(&operation.Fact{Kind: operation.KindLog, Service: "checkout"}, true, LossWaitingFull)
	totals := l.Totals()
	require.EqualValues(t, 3, totals[GroupSend].Attached[operation.ReasonTrace])
	require.EqualValues(t, 3, totals[GroupLog].Records)
	require.EqualValues(t, 2, totals[GroupLog].Waiting)
	require.EqualValues(t, 1, totals[GroupLog].Lost[LossWaitingFull])
	require.Zero(t, totals[GroupProcess].Records)
}

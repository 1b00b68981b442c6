package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDestinations(t *testing.T) {
	dead := Destinations([]string{"morgue", "lost.*"}, DeadLetterName)
	for name, want := range map[string]bool{"morgue": true, "lost.orders": true, "orders.dlq": true, "orders": false, "lost": false} {
		require.Equal(t, want, dead(name), name)
	}
	require.False(t, Destinations(nil, DeadLetterName)("morgue"))
}

func TestDeadLetterAndRetryNames(t *testing.T) {
	for name, want := range map[string]struct{ dead, retry bool }{
		"orders.dlq": {true, false}, "orders-dlt": {true, false}, "ordersDLQ": {true, false}, "OrdersDeadLetterQueue": {true, false},
		"orders/$DeadLetterQueue": {true, false}, "dead-letter": {true, false}, "dead_letters": {true, false}, "orders_error": {true, false},
		"orders.DLT": {true, false}, "poison": {true, false}, "orders.parking-lot": {true, false}, "payments.dead": {true, false},
		"orders.retry": {false, true}, "orders-retry-5000": {false, true}, "OrdersRetry1": {false, true}, "retry.orders.dlq": {true, true},
		"orders": {}, "": {}, "deadlines": {}, "errors": {}, "retryable-reads": {}, "dlqx": {}, "order.error": {},
	} {
		require.Equal(t, want.dead, DeadLetterName(name), name)
		require.Equal(t, want.retry, RetryName(name), name)
	}
}

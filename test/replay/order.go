package replay

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Order is the order in which requests are sent.
type Order string

// The orders.
const (
	// OrderArrival is that in which they arrived.
	OrderArrival Order = "arrival"
	// OrderReversed begins with what arrived last.
	OrderReversed Order = "reversed"
	// OrderShuffled is random, by a seed.
	OrderShuffled Order = "shuffled"
)

// Arrange returns the requests in another order. The seed matters for OrderShuffled alone.
func Arrange(requests []Request, order Order, seed uint64) ([]Request, error) {
	arranged := slices.Clone(requests)
	switch order {
	case OrderArrival:
	case OrderReversed:
		slices.Reverse(arranged)
	case OrderShuffled:
		random := rand.New(rand.NewPCG(seed, seed))
		random.Shuffle(len(arranged), func(i, k int) { arranged[i], arranged[k] = arranged[k], arranged[i] })
	default:
		return nil, fmt.Errorf("order %q: must be %s, %s or %s", order, OrderArrival, OrderReversed, OrderShuffled)
	}
	return arranged, nil
}

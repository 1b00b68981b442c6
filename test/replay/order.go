package replay

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
	// OrderDuplicated sends everything twice, as clients do that got no answer: in order of arrival, and somewhere later, by
	// a seed, once more.
	OrderDuplicated Order = "duplicated"
	// OrderDuplicatedShuffled sends everything twice, all of it in random order, by a seed.
	OrderDuplicatedShuffled Order = "duplicated-shuffled"
)

// Orders are all of them.
func Orders() []Order {
	return []Order{OrderArrival, OrderReversed, OrderShuffled, OrderDuplicated, OrderDuplicatedShuffled}
}

// Arrange returns the requests in another order, or an error for one that is not known. The seed matters for random ones.
func Arrange(requests []Request, order Order, seed uint64) ([]Request, error) {
	random := rand.New(rand.NewPCG(seed, seed))
	arranged := slices.Clone(requests)
	switch order {
	case OrderArrival:
	case OrderReversed:
		slices.Reverse(arranged)
	case OrderShuffled:
		shuffle(arranged, random)
	case OrderDuplicated:
		arranged = repeated(arranged, random)
	case OrderDuplicatedShuffled:
		arranged = append(arranged, requests...)
		shuffle(arranged, random)
	default:
		return nil, fmt.Errorf("order %q: must be %s", order, choice())
	}
	return arranged, nil
}

func shuffle(requests []Request, random *rand.Rand) {
	random.Shuffle(len(requests), func(i, k int) { requests[i], requests[k] = requests[k], requests[i] })
}

// repeated puts a copy of each request somewhere after it.
func repeated(requests []Request, random *rand.Rand) []Request {
	type placed struct {
		Request
		place float64
	}
	n := float64(len(requests))
	all := make([]placed, 0, 2*len(requests))
	for i := range requests {
		first := float64(i)
		all = append(all, placed{requests[i], first}, placed{requests[i], first + (n-first)*random.Float64()})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	twice := make([]Request, len(all))
	for i := range all {
		twice[i] = all[i].Request
	}
	return twice
}

// choice lists the orders for a reader.
func choice() string {
	var names []string
	for _, order := range Orders() {
		names = append(names, string(order))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

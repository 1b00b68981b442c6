package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// requireNodesSound checks that the index, the lists of nodes and the roster agree with each other.
func requireNodesSound(tb require.TestingT, x *identity) {
	require.Empty(tb, x.loose)
	live := 0
	held, ids := map[uint32]uint32{}, map[uint32]uint8{}
	x.index.each(func(n *node) {
		live++
		require.Same(tb, n, x.index.find(n.kind(), n.key))
		require.Same(tb, n, x.index.at(x.index.numberOf(n)))
		require.NotZero(tb, n.holder, "a node that nothing holds is in the index")
		owner := x.entries.at(n.holder)
		require.NotNil(tb, owner)
		require.Same(tb, owner, owner.find())
		if n.isFor(nodeID) {
			require.True(tb, owner.explicit)
			ids[n.holder]++
		} else {
			held[n.holder]++
		}
		require.Equal(tb, n.shared() && n.isFor(nodeTrace), x.shared[n.key] != nil)
		if n.has(linkedBit) {
			require.Contains(tb, x.links, x.index.numberOf(n))
		}
	})
	require.Equal(tb, live, x.index.live)
	for number := uint32(1); number <= x.entries.used; number++ {
		n := x.entries.at(number)
		if n == nil {
			continue
		}
		require.Equal(tb, number, n.number)
		require.Equal(tb, held[number], n.held)
		require.Equal(tb, ids[number], n.ids)
		listed := uint32(0)
		for at := n.nodes; at != 0; at = x.index.at(at).sibling {
			require.Equal(tb, number, x.index.at(at).holder)
			listed++
		}
		require.Equal(tb, n.held+uint32(n.ids), listed)
	}
	for k := range x.shared {
		require.NotNil(tb, x.index.find(nodeTrace, k))
	}
	for number := range x.links {
		require.True(tb, x.index.at(number).has(linkedBit))
	}
}

// TestIndexIsAMap compares the index with a map while nodes come and go. Keys are few, so that buckets hold several.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		x.init()
		type name struct {
			kind nodeKind
			key  key
		}
		want := map[name]*node{}
		names := rapid.Custom(func(t *rapid.T) name {
			low, high := rapid.Uint32Range(0, 300).Draw(t, "low"), rapid.Uint32Range(0, 1).Draw(t, "high")
			return name{nodeKind(rapid.IntRange(1, 3).Draw(t, "kind")), key{low << 7, high, 0}}
		})
		for _, k := range rapid.SliceOfN(names, 0, 2000).Draw(t, "names") {
			n := want[k]
			require.Same(t, n, x.find(k.kind, k.key))
			if n != nil {
				x.remove(n)
				delete(want, k)
				continue
			}
			n, number := x.add(k.kind, k.key)
			require.Same(t, n, x.at(number))
			n.set(joinedBit)
			require.Zero(t, n.holder)
			want[k] = n
		}
		require.Equal(t, len(want), x.live)
		for k, n := range want {
			require.Same(t, n, x.find(k.kind, k.key))
			require.Same(t, n, x.at(x.numberOf(n)))
		}
		seen := 0
		x.each(func(*node) { seen++ })
		require.Equal(t, len(want), seen)
	})
}

// TestIndexStaysShallow: chains stay short while a table grows, and nodes that left make room for new ones.
func TestIndexStaysShallow(t *testing.T) {
	var x index
	x.init()
	const nodes = 20_000
	for i := range nodes {
		x.add(nodeTrace, traceKey(trace(i)))
	}
	require.LessOrEqual(t, x.usedFurther, x.size/4, "most keys are found in one place")
	chunks := len(x.chunks)
	for i := range 10 * nodes {
		x.remove(x.find(nodeTrace, traceKey(trace(i%nodes))))
		x.add(nodeTrace, traceKey(trace(i%nodes)))
	}
	require.Len(t, x.chunks, chunks)
	require.LessOrEqual(t, x.usedFurther, x.size/4)
	require.Equal(t, nodes, x.live)
}

func TestKeysTellApart(t *testing.T) {
	require.NotEqual(t, idKey("a", "b"), idKey("b", "a"))
	require.NotEqual(t, idKey("", "ab"), idKey("a", "b"))
	message := func(id, destination string) key {
		return messageKey(&operation.Fact{MessageID: id, Destination: destination})
	}
	require.NotEqual(t, message("1", "orders"), message("1", "payments"), "numbers repeat per queue")
	require.Equal(t, message("4bf92f35-77b3-4da6", "orders"), message("4bf92f35-77b3-4da6", "payments"))
	require.True(t, message("1", "").isZero())
	require.True(t, message("", "orders").isZero())
}

package operation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestCalledIsIdentity keeps the quick way to an operation's name in step with the thorough one, whatever was added, removed
// or merged meanwhile.
func TestCalledIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(drawFact), 1, 20).Draw(t, "facts")
		for i := range facts {
			facts[i].ID += rapid.SampledFrom([]string{"", strings.Repeat("x", maxAgain)}).Draw(t, "longer")
			if facts[i].ID != "" {
				facts[i].Alias = rapid.SampledFrom([]string{"", "corr-1", facts[i].ID, facts[i].MessageID}).Draw(t, "alias")
				facts[i].AliasRank = uint8(rapid.IntRange(0, 2).Draw(t, "rank"))
			}
			facts[i].Namespace = "tenant"
		}
		o := build(facts)
		require.Equal(t, o.Identity(), o.Called())
		o.Compact()
		o.Merge(build(facts[:len(facts)/2]))
		require.Equal(t, o.Identity(), o.Called())
		o.Take(func(f *Fact) bool { return f.Kind == KindSend })
		require.Equal(t, o.Identity(), o.Called())
		id, namespace := o.Label()
		if identity := o.Identity(); identity.Implicit || identity.ID == "" {
			require.Empty(t, id)
		} else {
			require.Equal(t, identity.ID, id)
			require.Equal(t, identity.Namespace, namespace)
		}
	})
}

func TestLabelWithANamespaceThatIsNotShared(t *testing.T) {
	o := New(NewSymbols(0))
	o.Add(&Fact{Kind: KindSend, At: 1, ID: "o-1", Namespace: "tenant"})
	id, namespace := o.Label()
	require.Equal(t, "o-1", id)
	require.Equal(t, "tenant", namespace)
}

func TestLabelAllocatesNothing(t *testing.T) {
	o := New(NewSymbols(9))
	o.Add(&Fact{Kind: KindSend, At: 1, ID: "order-1", Namespace: "tenant"})
	require.Zero(t, testing.AllocsPerRun(100, func() { o.Label() }))
}

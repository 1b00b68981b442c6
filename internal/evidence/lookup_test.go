package evidence

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLookupIsAMap holds for names that share a hash as well: they are made of few letters.
func TestLookupIsAMap(t *testing.T) {
	name := rapid.StringOfN(rapid.RuneFrom([]rune("ab.é")), 1, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.MapOf(name, rapid.Int()).Draw(t, "of")
		l := newLookup(of)
		for key, value := range of {
			require.NotNil(t, l.find(key), key)
			require.Equal(t, value, *l.find(key), key)
		}
		other := rapid.String().Draw(t, "other")
		if _, known := of[other]; !known {
			require.Nil(t, l.find(other), other)
		}
		require.Nil(t, l.find(""))
	})
}

package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

func TestAPieceOfTextIsFoundAsAWhole(t *testing.T) {
	r := store.Record{ID: "order-42", Aliases: []string{"C.7"}, Name: "order fulfilment", Text: []string{"Größe 12 > MAX(10)"}}
	for text, want := range map[string]bool{
		"": true, "order-42": true, "ORDER-42": true, "42": true, "order": true, "c.7": true, "fulfilment order-42": true, "größe": true, "max(10)": true,
		"order-4": false, "rder-42": false, "order-421": false, "missing": false, "order-42 missing": false, "12 >": true, ">": true, "<": false,
	} {
		q := store.Query{Text: text}
		require.Equal(t, want, q.Matches(&r), text)
	}
}

// Whoever looks by terms must find whatever matches.
func TestWhatMatchesHasTheTermsOfTheQuery(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "a-b", "A b", "a b-a", "ß", "İ", "ǅ x", "\xffa"}), rapid.StringN(0, 12, -1))
	rapid.Check(t, func(t *rapid.T) {
		r := store.Record{
			ID: text.Draw(t, "id"), Name: text.Draw(t, "name"), State: operation.State(rapid.IntRange(0, 6).Draw(t, "state")), Text: []string{text.Draw(t, "text")},
			Services: []string{text.Draw(t, "service")}, Destinations: []string{text.Draw(t, "destination")},
		}
		q := store.Query{Text: text.Draw(t, "query"), Service: text.Draw(t, "query service"), Name: text.Draw(t, "query name")}
		if rapid.Bool().Draw(t, "of the record") {
			q.Text = strings.Join([]string{r.ID, r.Text[0]}, " ")
		}
		if q.Matches(&r) {
			require.Subset(t, r.Terms(), q.Terms())
		}
	})
}

func TestKeysTellNamespaceAndIDApart(t *testing.T) {
	require.NotEqual(t, store.KeyOf("a", "bc"), store.KeyOf("ab", "c"))
	require.NotEqual(t, store.KeyOf("", "a"), store.KeyOf("a", ""))
}

// A record of any size has a bounded number of terms.
func TestTermsAreBounded(t *testing.T) {
	var many []string
	for i := range 10_000 {
		many = append(many, strings.Repeat("x", i%50)+string(rune('a'+i%26)))
	}
	r := store.Record{Services: many, Destinations: many, Aliases: many, Text: many}
	require.LessOrEqual(t, len(r.Terms()), 128)
}

// The hashes are stored: they never change.
func TestTermsArePinned(t *testing.T) {
	q := store.Query{State: "stuck", Text: "order"}
	require.Equal(t, []store.Term{2734793041527832632, 3858154577054417707}, q.Terms())
}

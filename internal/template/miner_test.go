package template

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newMiner(tb testing.TB, s Settings) *Miner {
	tb.Helper()
	m, err := NewMiner(s)
	require.NoError(tb, err)
	return m
}

func TestWordsThatAreValues(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		same                bool
	}{
		{"one of six words", "tenant acme has no active subscription", "tenant globex has no active subscription", true},
		{"two of eight words", "rule summer of shop acme is no function", "rule outlet of shop hooli is no function", true},
		{"two of seven words", "rule summer of acme is no function", "rule outlet of hooli is no function", false},
		{"two of twelve words", "worker north of the group acme did not answer any more now", "worker south of the group hooli did not answer any more now", true},
		{"short messages mean every word", "card was declined", "card was expired", false},
		{"so do those of four words", "the card was declined", "the card was expired", false},
		{"acronyms are cheap", "unknown currency EUR", "unknown currency USD", true},
		{"another length is another message", "tenant acme has no active subscription", "tenant acme has no subscription", false},
		{"a value may look like a word", "tenant <*> has no active subscription", "tenant acme has no active subscription", true},
		{"an acronym may be a value", "declined by bank <*>", "declined by bank HSBC", true},
		{"nothing in common", "EUR USD JPY", "CHF SEK NOK", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMiner(t, DefaultSettings())
			require.Equal(t, c.first, m.Template("place", c.first))
			second := m.Template("place", c.second)
			if c.same {
				require.Equal(t, c.first, second)
			} else {
				require.Equal(t, c.second, second)
			}
			require.Equal(t, c.first, m.Template("place", c.first))
		})
	}
}

func TestPlacesHaveNothingToDoWithEachOther(t *testing.T) {
	m := newMiner(t, DefaultSettings())
	m.Template(1, "tenant acme has no active subscription")
	require.Equal(t, "tenant hooli has no active subscription", m.Template(2, "tenant hooli has no active subscription"))
}

func TestTemplatesDoNotDrift(t *testing.T) {
	m := newMiner(t, DefaultSettings())
	first := m.Template("place", "tenant acme has no active subscription")
	require.Equal(t, first, m.Template("place", "tenant hooli has no active subscription"))
	require.NotEqual(t, first, m.Template("place", "tenant hooli has no active contract"), "one word of six is spent")
}

func TestAPlaceThatNeverSaysTheSameTwice(t *testing.T) {
	m := newMiner(t, Settings{MaxTemplates: 100, MaxPerPlace: 3})
	names := map[string]int{}
	for i := range 50 {
		names[m.Template("place", strings.Repeat("word ", i)+"end")]++
	}
	require.Len(t, names, 4)
	require.Equal(t, 47, names[Wildcard])
	require.Equal(t, Stats{Templates: 3, Overflow: 47}, m.Stats())
}

func TestTheTemplateUsedLongestAgoLeaves(t *testing.T) {
	m := newMiner(t, Settings{MaxTemplates: 2, MaxPerPlace: 10})
	m.Template(1, "a")
	m.Template(2, "b")
	m.Template(1, "a")
	m.Template(3, "c")
	require.Equal(t, Stats{Templates: 2, Evicted: 1}, m.Stats())
	require.Len(t, m.places, 2)
	require.Contains(t, m.places, any(1))
}

func TestSettingsValidate(t *testing.T) {
	_, err := NewMiner(Settings{})
	require.ErrorContains(t, err, "MaxTemplates is 0")
	require.ErrorContains(t, err, "MaxPerPlace is 0")
}

// TestPropertyNamesStay: a message for which a template is named is of it, whatever came in between, and no template takes more
// words for values than it may.
func TestPropertyNamesStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := Settings{MaxTemplates: 1000, MaxPerPlace: 1000}
		word := rapid.SampledFrom([]string{"a", "b", "EUR", "USD", Wildcard, "order", "failed"})
		messages := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(word, 1, 7), func(w []string) string { return strings.Join(w, " ") }), 1, 30).Draw(t, "messages")
		m, err := NewMiner(settings)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, message := range messages {
			name := m.Template("place", message)
			if len(strings.Fields(name)) != len(strings.Fields(message)) {
				t.Fatalf("%q is of %q, which has another length", message, name)
			}
			names[name] = true
			for known := range names {
				if of := m.Template("place", known); of != known {
					t.Fatalf("%q names a template and is of %q", known, of)
				}
			}
		}
		for _, entries := range m.places["place"].byLength {
			for _, e := range entries {
				if 2*e.cost > len(e.words) {
					t.Fatalf("%q has taken %d for values", e.name, e.cost)
				}
			}
		}
	})
}

func TestPropertyBoundsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{MaxTemplates: rapid.IntRange(1, 8).Draw(t, "templates"), MaxPerPlace: rapid.IntRange(1, 4).Draw(t, "per place")}
		m, err := NewMiner(s)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(t, "messages") {
			at, message := rapid.IntRange(0, 4).Draw(t, "place"), strings.Repeat("w ", rapid.IntRange(0, 9).Draw(t, "length"))
			m.Template(at, message)
			held := 0
			for _, p := range m.places {
				if p.templates < 1 || p.templates > s.MaxPerPlace {
					t.Fatalf("%d templates in a place", p.templates)
				}
				held += p.templates
			}
			if held != m.used.Len() || held > s.MaxTemplates {
				t.Fatalf("%d templates, %d listed", held, m.used.Len())
			}
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	m := newMiner(b, DefaultSettings())
	rng := rand.New(rand.NewPCG(1, 2))
	messages := make([]string, 1000)
	for i := range messages {
		messages[i] = fmt.Sprintf("order %d of 'customer %d' at 10.0.0.%d failed in step %d: carrier did not answer within %d ms", rng.IntN(1e6), i, i%256, i%20, i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Template(i%20, Normalize(messages[i%len(messages)]))
		i++
	}
}

func TestNamesThatAreKeptAreNamesAgain(t *testing.T) {
	m := newMiner(t, Settings{MaxTemplates: 10, MaxPerPlace: 2})
	m.Keep("place", "tenant acme has no active subscription")
	m.Keep("place", "tenant acme has no active subscription")
	m.Keep("place", "tenant acme has no active contract")
	m.Keep("place", "one too many")
	require.Equal(t, 2, m.Stats().Templates, "each by itself, alike or not")
	require.Equal(t, "tenant acme has no active contract", m.Template("place", "tenant acme has no active contract"))
	require.Equal(t, "tenant acme has no active subscription", m.Template("place", "tenant hooli has no active subscription"))
}

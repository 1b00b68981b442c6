package template

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ message, want string }{
		{"order 42 failed", "order <*> failed"},
		{"order 7f3c2a9e-1c1b-4f0e-8a44-0d5f1c2b3a49 failed", "order <*> failed"},
		{"key 'x y' was not present", "key <*> was not present"},
		{`voucher "FREE 10" has expired`, "voucher <*> has expired"},
		{"no such file or directory: '/srv/a b/c.json'", "no such file or directory <*>"},
		{"open /srv/acme/terms-12.json: no such file", "open <*> no such file"},
		{`open C:\data\x.csv: denied`, "open <*> denied"},
		{"mail to bob+x@mail.example bounced", "mail to <*> bounced"},
		{"dial tcp 10.0.3.17:5432: connect: connection refused", "dial tcp <*> connect connection refused"},
		{"dial tcp [fe80::1]:5432: refused", "dial tcp <*> refused"},
		{"took 1m30.5s, limit is 30s", "took <*> limit is <*>"},
		{"pending since 2024-06-07T10:11:12.300Z", "pending since <*>"},
		{"pending since 2024-06-07 10:11:12", "pending since <*>"},
		{"GET https://shop.example/orders?id=3,4;x failed", "GET <*> failed"},
		{"address of Alice Smith is missing", "address of <*> is missing"},
		{"address of Jean-Luc is missing", "address of <*> is missing"},
		{"address of Dörte Müller is missing", "address of <*> is missing"},
		{"Connection refused", "Connection refused"},
		{"charge card: Connection refused", "charge card Connection refused"},
		{"java.util.List cannot be cast to com.acme.Order", "java.util.List cannot be cast to com.acme.Order"},
		{"retries=3 user=alice code=503", "retries <*> user <*> code 503"},
		{"request failed with status 503", "request failed with status 503"},
		{"request failed with status 404 after 17 ms", "request failed with status 404 after <*> ms"},
		{"[Errno 111] Connection refused", "Errno 111 Connection refused"},
		{"exit status 1", "exit status 1"},
		{"missing fields 12, 13, 14", "missing fields <*>"},
		{`bad body {"order": {"id": 3}} from shop`, "bad body <*> from shop"},
		{`bad body {"order": {"id": 3`, "bad body <*>"},
		{"<html><body>", "<*>"},
		{"1 < 2", "<*> <*>"},
		{"can't read", "can't read"},
		{"deadbeefcafe was lost", "<*> was lost"},
		{"", ""},
		{"  \n\t ", ""},
	} {
		require.Equal(t, c.want, Normalize(c.message), c.message)
	}
}

func TestNormalizeIsBounded(t *testing.T) {
	require.Len(t, strings.Fields(Normalize(strings.Repeat("a ", 1<<20))), MaxWords)
	require.LessOrEqual(t, len(Normalize(strings.Repeat("ab ", 1<<20))), MaxMessage)
	require.Equal(t, Wildcard, Normalize(strings.Repeat("x", 1<<20)))
}

// TestPropertyValuesDoNotMatter: messages that differ in values only are normalised to the same.
func TestPropertyValuesDoNotMatter(t *testing.T) {
	value := rapid.OneOf(
		rapid.StringMatching(`[0-9]{1,12}`),
		rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		rapid.StringMatching(`0x[0-9a-f]{2,16}`),
		rapid.StringMatching(`'[a-z ]{1,20}'`),
		rapid.StringMatching(`"[A-Za-z0-9 ]{1,20}"`),
		rapid.StringMatching(`/[a-z]{1,9}/[a-z]{1,9}(\.[a-z]{3})?`),
		rapid.StringMatching(`[a-z]{1,9}@[a-z]{1,9}\.example`),
		rapid.StringMatching(`[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(:[0-9]{2,5})?`),
		rapid.StringMatching(`[1-9][0-9]{0,3}(\.[0-9]{1,3})?(ms|s|m|h)`),
		rapid.StringMatching(`20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z`),
		rapid.StringMatching(`https://[a-z]{1,9}\.example/[a-z0-9]{1,9}(\?[a-z]=[a-z0-9]{1,4})?`),
		rapid.StringMatching(`[A-Z][a-z]{2,8}( [A-Z][a-z]{2,8}){0,2}`),
	)
	words := rapid.SliceOfN(rapid.StringMatching(`[a-z]{2,9}`), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		before, after := strings.Join(words.Draw(t, "before"), " "), strings.Join(words.Draw(t, "after"), " ")
		for word := range strings.FieldsSeq(before) {
			if announcesCode(word) || shapeOf(word) == shapeValue {
				return
			}
		}
		message := func(label string) string { return before + " " + value.Draw(t, label) + " " + after }
		require.Equal(t, Normalize(message("one")), Normalize(message("other")))
	})
}

func FuzzNormalize(f *testing.F) {
	f.Add("order 42 of 'x' failed: {\"a\": [1, 2]} at http://x.example/?a=b <html> [Errno 3] a=b `c'")
	f.Add("\xff\xfe \x00 é 世界 = = = <<<>>> '''")
	f.Fuzz(func(t *testing.T, message string) {
		got := Normalize(message)
		require.LessOrEqual(t, len(got), 4*MaxMessage)
		require.LessOrEqual(t, len(strings.Fields(got)), 4*MaxWords)
		require.Equal(t, got, Normalize(message))
	})
}

package evidence

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// members reads all of an object.
func members(s string) (map[string]string, bool) {
	all := map[string]string{}
	o := jsonObject{s: s}
	for {
		key, value, ok := o.next()
		if !ok {
			return all, !o.bad
		}
		all[key] = value
	}
}

// TestMembersAreThoseOfAnyDecoder compares with the decoder of the standard library.
func TestMembersAreThoseOfAnyDecoder(t *testing.T) {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
		rapid.SampledFrom([]any{nil, true, false, "", `"`, `\`, `\\"`, "a,b}", "{[", 0, -1, 1e300}),
	)
	value := rapid.OneOf(leaf, rapid.Map(rapid.SliceOf(leaf), func(s []any) any { return s }),
		rapid.Map(rapid.MapOf(rapid.String(), leaf), func(m map[string]any) any { return m }))
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(rapid.MapOf(rapid.String(), value).Draw(t, "object"))
		require.NoError(t, err)
		if rapid.Bool().Draw(t, "white space") {
			data = []byte(indented(t, data))
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &want))
		got, ok := members(string(data))
		require.True(t, ok)
		require.Len(t, got, len(want))
		for key, raw := range want {
			require.Equal(t, string(raw), got[key])
			var text string
			if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
				require.Equal(t, text, jsonText(got[key]))
			}
		}
	})
}

func indented(t *rapid.T, data []byte) string {
	var w strings.Builder
	e := json.NewEncoder(&w)
	e.SetIndent(" ", "\t")
	require.NoError(t, e.Encode(json.RawMessage(data)))
	return w.String()
}

func TestWhatIsNoJSON(t *testing.T) {
	for _, s := range []string{
		"", "{", "[]", "{a:1}", `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":"x`, `{"a":"x\`, `{"a":{`, `{"a":["]`, `{"a":x}`, `{1:2}`, `{"a":1-b}`,
		`{,}`, `{"a":tru}`, `{"`, `{"a`,
	} {
		_, ok := members(s)
		require.False(t, ok, s)
	}
	all, ok := members(`{"a":1,"b":x}`)
	require.False(t, ok)
	require.Equal(t, map[string]string{"a": "1"}, all, "what came before counts")
	all, ok = members(` {} and more`)
	require.True(t, ok)
	require.Empty(t, all)
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a":"\u00e9\"","b":[1,{"c":"]"}],"d":-1.5e3}`)
	f.Add(`{"a`)
	f.Fuzz(func(t *testing.T, s string) {
		all, ok := members(s)
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(s), &want) == nil && want != nil {
			require.True(t, ok, "it is JSON")
			require.Len(t, all, len(want))
		}
		for _, value := range all {
			jsonText(value)
		}
	})
}

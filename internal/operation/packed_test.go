package operation

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPackedTextsAreShorterAndTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[0-9a-f]{1,16}(-[0-9a-f]{0,8}){0,6}`),
			rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
			rapid.StringMatching(`[0-9a-g-]{1,64}`),
		).Draw(t, "text")
		if len(text) > maxAgain {
			return
		}
		packed, ok := pack([]byte("before"), text)
		if ok {
			packed = packed[len("before"):]
			require.Less(t, len(packed), len(text))
			require.Equal(t, text, string(unpack(nil, packed)))
		}
	})
}

// TestUUIDsArePackedAtOnceAsTheyAreOneByOne tries every character at every place.
func TestUUIDsArePackedAtOnceAsTheyAreOneByOne(t *testing.T) {
	const uuid = "550e8400-e29b-41d4-a716-0123456789af"
	for i := range len(uuid) {
		for c := range 256 {
			text := []byte(uuid)
			text[i] = byte(c)
			d := hexDigits[c]
			packed, ok := packUUID(nil, string(text))
			require.Equal(t, d < hyphen && uuid[i] != '-' || d == hyphen && uuid[i] == '-', ok, "%q", text)
			if ok {
				require.Equal(t, packDigits([]byte{0}, string(text)), packed, "%q", text)
			}
		}
	}
}

func TestPackedSizes(t *testing.T) {
	for text, size := range map[string]int{
		"550e8400-e29b-41d4-a716-446655440000": 17,
		"4bf92f3577b34da6a3ce929d0e0e4736":     18,
		"1715609f7c77-4b0e-9d3c-0000":          17,
		// Upper case, other characters and what is too short are left as they are.
		"550E8400-E29B-41D4-A716-446655440000": 0,
		"order-1":                              0,
		"12":                                   0,
		"":                                     0,
	} {
		packed, ok := pack(nil, text)
		require.Equal(t, size != 0, ok, text)
		if ok {
			require.Len(t, packed, size, text)
		}
	}
}

// TestFormsAreBounded stores facts of more forms than there is room for.
func TestFormsAreBounded(t *testing.T) {
	symbols := NewSymbols(2)
	o := New(symbols)
	var want []Fact
	for i := range 5 {
		f := Fact{Kind: KindSend, At: int64(i + 1), Service: "api", Severity: uint8(i), Trace: TraceID{1}, Span: SpanID{byte(i + 1)}}
		want = append(want, f)
		o.Add(&f)
	}
	require.Len(t, symbols.forms.index, 2)
	require.Equal(t, want, o.Facts())
}

// TestStoredBytes keeps what a message takes small: a fact of a known form with new IDs.
func TestStoredBytes(t *testing.T) {
	o := New(NewSymbols(9))
	f := Fact{
		Kind: KindSend, At: 1e18, End: 1e18 + 5e6, Trace: TraceID{1}, Span: SpanID{1}, Service: "api", Destination: "orders",
		MessageID: "550e8400-e29b-41d4-a716-446655440000",
	}
	o.Add(&f)
	before := len(o.data)
	f.Parent, f.Span, f.MessageID = f.Span, SpanID{2}, "550e8400-e29b-41d4-a716-446655440001"
	f.At, f.End = f.At+3e6, f.End+3e6
	o.Add(&f)
	require.LessOrEqual(t, len(o.data)-before, 37)
	require.Zero(t, testing.AllocsPerRun(20, func() { o.Add(&f) }), "a fact for which there is room")
}

// TestPoorIDsComeBack: IDs of few different bytes are found all over what is stored, also across what says how facts are connected.
func TestPoorIDsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, want := New(NewSymbols(100)), map[Fact]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "facts") {
			f := Fact{Kind: KindWork, At: int64(rapid.IntRange(0, 1).Draw(t, "at")), Service: "s"}
			for _, id := range [][]byte{f.Trace[:], f.Span[:], f.Parent[:], f.LinkTrace[:], f.LinkSpan[:]} {
				if rapid.Bool().Draw(t, "known") {
					for range 2 {
						id[len(id)-rapid.IntRange(1, 3).Draw(t, "place")] = rapid.SampledFrom([]byte{0, 1, 2}).Draw(t, "byte")
					}
				}
			}
			o.Add(&f)
			want[f] = true
		}
		facts := o.Facts()
		for _, f := range facts {
			require.True(t, want[f], f)
		}
		require.Len(t, facts, len(want))
	})
}

// What is decoded of a store's row shares the memory of all of it: a name that stays must not keep the row.
func TestNamesKeepNothingButThemselves(t *testing.T) {
	row := strings.Repeat("x", 100) + "orders"
	s := NewSymbols(10)
	kept := s.Name(s.Number(row[100:]))
	require.Equal(t, "orders", kept)
	require.NotSame(t, unsafe.StringData(row[100:]), unsafe.StringData(kept))
}

package operation

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawTexts makes some of a fact's texts ones that are free, long or packed.
func drawTexts(t *rapid.T) Fact {
	f := drawFact(t)
	f.MessageID = rapid.SampledFrom([]string{f.MessageID, "5f1c2b3a-4b0e-4d3c-8a2f-0123456789ab", "c0ffee-17", strings.Repeat("m", 2*maxAgain)}).Draw(t, "message")
	f.Alias = rapid.SampledFrom([]string{"", "alias-1", "alias-2"}).Draw(t, "alias")
	f.Instance = rapid.SampledFrom([]string{"", "i-1", strings.Repeat("i", 2*maxSymbol)}).Draw(t, "instance")
	f.OperationName = rapid.SampledFrom([]string{"", "", "", "checkout"}).Draw(t, "operation")
	if f.Outcome == OutcomeError || f.Kind == KindException {
		f.ErrorType = "E"
		f.ErrorMessage = rapid.SampledFrom([]string{"", "refused", strings.Repeat("e", 2*shortBytes)}).Draw(t, "error")
	}
	if !f.IsSpan() {
		f.Detail = rapid.SampledFrom([]string{"", "at main", strings.Repeat("d", 2*chunkBytes)}).Draw(t, "detail")
	}
	return f
}

// A reducer has no memory: after any other operations it gives the view that a new one gives.
func TestReducerIsUsedAgain(t *testing.T) {
	used := new(Reducer)
	rapid.Check(t, func(t *rapid.T) {
		o := build(rapid.SliceOfN(rapid.Custom(drawTexts), 0, 40).Draw(t, "facts"))
		for _, h := range []Habits{NoHabits{}, allProcess{}, someHabits} {
			used.View(o, h)
			first := new(Reducer)
			first.View(o, h)
			require.Equal(t, first.Keep(), used.Keep())
		}
	})
}

// What is kept stays as it is, whatever the reducer and the operation are used for, and leads to no memory of theirs.
func TestKeptViewsAreTheirOwn(t *testing.T) {
	r := new(Reducer)
	rapid.Check(t, func(t *rapid.T) {
		o := build(rapid.SliceOfN(rapid.Custom(drawTexts), 1, 40).Draw(t, "facts"))
		r.View(o, someHabits)
		kept := r.Keep()
		eachText(reflect.ValueOf(kept), func(s string) {
			require.False(t, within(s, r.bytes) || within(s, r.texts), "%q is lent", s)
		})
		before := fmt.Sprintf("%+v", flat(kept))
		r.View(build(rapid.SliceOfN(rapid.Custom(drawTexts), 1, 40).Draw(t, "others")), someHabits)
		require.Equal(t, before, fmt.Sprintf("%+v", flat(kept)))
	})
}

// flat is the view with the texts of its errors in place of pointers.
func flat(v *View) []any {
	all := []any{*v}
	eachText(reflect.ValueOf(v), func(s string) { all = append(all, s) })
	return all
}

// eachText calls see for each text that a value leads to.
func eachText(v reflect.Value, see func(string)) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			see(v.String())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), see)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			eachText(field, see)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), see)
		}
	}
}

// Items that are appended to one part of a kept view do not end up in another one.
func TestKeptPartsAreApart(t *testing.T) {
	o := build(usual(false))
	v, same := o.View(NoHabits{}), o.View(NoHabits{})
	h := &v.Hops[0]
	h.Sends, h.Consumers = append(h.Sends, Send{}), append(h.Consumers, Consumer{})
	h.Consumers[0].Attempts = append(h.Consumers[0].Attempts, Attempt{})
	require.Equal(t, same.Hops[1:], v.Hops[1:])
}

// Reducing costs no memory where nothing becomes of the view.
func TestReducerAllocatesNothing(t *testing.T) {
	r, o := new(Reducer), New(NewSymbols(100))
	for _, f := range usual(true) {
		o.Add(&f)
	}
	r.View(&o, NoHabits{})
	require.Zero(t, testing.AllocsPerRun(100, func() { r.View(&o, NoHabits{}) }))
}

// The room for an operation without bounds is given back.
func TestReducerForgetsGiants(t *testing.T) {
	r, o := new(Reducer), New(NewSymbols(10))
	for i := range 2 * maxReduced {
		f := runaways["sends"](i)
		f.At, f.Span = int64(i+1), spanOf(i)
		o.Add(&f)
	}
	require.Len(t, r.View(&o, NoHabits{}).Hops, 2*maxReduced)
	r.View(build(usual(false)), NoHabits{})
	require.LessOrEqual(t, cap(r.decoded), maxReduced)
	require.LessOrEqual(t, cap(r.hops), maxReduced)
}

// Spans are found whatever their number, also those whose slots are taken.
func TestRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r records
		for range 2 {
			r.reset(rapid.IntRange(0, 100).Draw(t, "room"))
			known := map[Record]int{}
			for i, n := range rapid.SliceOfN(rapid.IntRange(0, 300), 0, 300).Draw(t, "spans") {
				span := Record{TraceID{byte(n % 3)}, spanOf(n)}
				r.add(span).origin = i
				known[span] = i
			}
			require.Len(t, r.all, len(known))
			for n := range 300 {
				span := Record{TraceID{byte(n % 3)}, spanOf(n)}
				i, ok := known[span]
				require.Equal(t, ok, r.find(span) != nil)
				if ok {
					require.Equal(t, i, r.find(span).origin)
				}
			}
		}
	})
}

// Messages are found whatever their number.
func TestMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m messages
		known := map[messageKey]int{}
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 50), 0, 100).Draw(t, "messages") {
			k := messageKey{fmt.Sprint("d", n%2), fmt.Sprint("m", n)}
			m.set(k.destination, k.id, i)
			known[k] = i
		}
		for n := range 50 {
			k := messageKey{fmt.Sprint("d", n%2), fmt.Sprint("m", n)}
			want, ok := known[k]
			got, found := m.find(k.destination, k.id)
			require.Equal(t, ok, found)
			require.Equal(t, want, got)
		}
	})
}

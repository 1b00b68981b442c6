package snapshot

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPropertyWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, text := rapid.Int64().Draw(t, "number"), rapid.String().Draw(t, "text")
		count, bits := rapid.IntRange(0, math.MaxInt).Draw(t, "count"), rapid.Uint64().Draw(t, "bits")
		float := rapid.Float32Range(0, 1e9).Draw(t, "float")
		w := NewWriter("clocks", 2)
		w.Number(number)
		w.Text(text)
		w.Count(count)
		w.Bits(bits)
		w.Float(float)
		data := w.Close()
		bare := Append(nil)
		bare.Text(text)
		inner := Read(bare.Bytes(), "clocks")
		require.Equal(t, text, inner.Text(len(text)))
		require.NoError(t, inner.Close())

		r, err := Open(data, "clocks", 3)
		require.NoError(t, err)
		require.Equal(t, byte(2), r.Version())
		require.Equal(t, number, r.Number(math.MinInt64, math.MaxInt64))
		require.Equal(t, text, r.Text(len(text)))
		require.Equal(t, count, r.Count(math.MaxInt))
		require.Equal(t, bits, r.Bits())
		require.InDelta(t, float, r.Float(1e9), 0)
		require.NoError(t, r.Close())

		at := rapid.IntRange(0, len(data)-1).Draw(t, "damaged")
		data[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "damage"))
		_, err = Open(data, "clocks", 3)
		require.Error(t, err)
		_, err = Open(data[:at], "clocks", 3)
		require.Error(t, err)
	})
}

func TestWhatIsRefused(t *testing.T) {
	data := NewWriter("clocks", 2).Close()
	_, err := Open(data, "clocks", 1)
	require.EqualError(t, err, "snapshot of clocks: version is 2: must be at most 1; a newer Throughline wrote it")
	_, err = Open(data, "services", 2)
	require.EqualError(t, err, "snapshot of services: it is of something else")
	_, err = Open(nil, "clocks", 2)
	require.EqualError(t, err, "snapshot of clocks: it is none")
	data[len(data)-1]++
	_, err = Open(data, "clocks", 2)
	require.EqualError(t, err, "snapshot of clocks: the checksum does not match")
}

func TestWhatIsOutOfBoundsIsBad(t *testing.T) {
	for name, read := range map[string]func(r *Reader){
		"count":  func(r *Reader) { r.Count(6) },
		"number": func(r *Reader) { r.Number(10, 20) },
		"below":  func(r *Reader) { r.Number(-10, -5) },
		"list":   func(r *Reader) { r.List(100) },
		"text":   func(r *Reader) { r.Text(100) },
		"bits":   func(r *Reader) { r.Bits() },
		"float":  func(r *Reader) { r.Float(1) },
		"rest":   func(*Reader) {},
		"said":   func(r *Reader) { r.Fail() },
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWriter("clocks", 1)
			w.Count(7)
			r, err := Open(w.Close(), "clocks", 1)
			require.NoError(t, err)
			read(r)
			require.EqualError(t, r.Close(), "snapshot of clocks: malformed")
			if r.Bad() {
				require.Empty(t, r.Text(10))
				require.Zero(t, r.Count(10))
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	w := NewWriter("clocks", 1)
	w.Text("text")
	w.Number(-5)
	f.Add(w.Close())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := Open(data, "clocks", 1); err == nil {
			for !r.Bad() {
				require.LessOrEqual(t, len(r.Text(100)), 100)
				r.Float(1)
				r.Bits()
			}
			require.Error(t, r.Close())
		}
	})
}

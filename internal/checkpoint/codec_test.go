package checkpoint

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

func drawVerdict(t *rapid.T, label string) operation.Verdict {
	index := rapid.IntRange(-1, 40)
	nanos := rapid.Int64()
	text := rapid.String()
	return operation.Verdict{
		State:  operation.State(rapid.Int64Range(0, maxState).Draw(t, label+" state")),
		Reason: operation.StuckReason(rapid.Int64Range(0, maxReason).Draw(t, label+" reason")),
		Flags:  operation.Flags(rapid.Int64Range(0, maxFlags).Draw(t, label+" flags")),
		Hop:    index.Draw(t, label+" hop"), Consumer: index.Draw(t, label+" consumer"),
		Group: text.Draw(t, label+" group"), Awaited: text.Draw(t, label+" awaited"), Silent: text.Draw(t, label+" silent"),
		Since: nanos.Draw(t, label+" since"), Threshold: nanos.Draw(t, label+" threshold"),
		Source: operation.ThresholdSource(rapid.Int64Range(0, maxSource).Draw(t, label+" source")),
		Usual: operation.Usual{
			Threshold: nanos.Draw(t, label+" usual"), Value: nanos.Draw(t, label+" value"),
			Quantile: rapid.Float64Range(0, 1).Draw(t, label+" quantile"), Samples: rapid.IntRange(0, 1000).Draw(t, label+" samples"),
		},
		EndedAt: nanos.Draw(t, label+" ended"), Next: nanos.Draw(t, label+" next"),
	}
}

func drawState(t *rapid.T) engine.State {
	return engine.State{
		Namespace: rapid.String().Draw(t, "namespace"), ID: rapid.String().Draw(t, "id"), Incident: rapid.String().Draw(t, "incident"),
		Verdict: drawVerdict(t, "verdict"), Before: drawVerdict(t, "before"), New: rapid.Bool().Draw(t, "new"),
		Revision: rapid.Uint32().Draw(t, "revision"), FinalRevision: rapid.Uint32().Draw(t, "final revision"), UpdatedAt: rapid.Int64().Draw(t, "updated"),
		Ended: operation.State(rapid.Int64Range(0, maxState).Draw(t, "ended")), Late: rapid.Bool().Draw(t, "late"),
		WasStuck: rapid.Uint64().Draw(t, "was stuck"), Gone: rapid.Bool().Draw(t, "gone"), Output: rapid.Int64().Draw(t, "output"),
		Name: rapid.String().Draw(t, "name"), Left: rapid.Bool().Draw(t, "left"), Parted: rapid.Bool().Draw(t, "parted"), Again: rapid.Bool().Draw(t, "again"), ArrivedAt: rapid.Int64().Draw(t, "arrived"), Runaway: rapid.Bool().Draw(t, "runaway"),
		Seen:  operation.Sighting{Group: rapid.String().Draw(t, "seen group"), Service: rapid.String().Draw(t, "seen service"), At: rapid.Int64().Draw(t, "seen")},
		Facts: rapid.Uint32().Draw(t, "facts"), Learned: rapid.Bool().Draw(t, "learned"), Taught: rapid.Uint16().Draw(t, "taught"),
	}
}

func TestStatesAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := rapid.SliceOfN(rapid.Custom(drawState), 0, 5).Draw(t, "states")
		read, err := DecodeStates(AppendStates(nil, states))
		require.NoError(t, err)
		require.Len(t, read, len(states))
		for i := range states {
			require.Equal(t, states[i], read[i])
		}
	})
}

// A field that is added to a state or a verdict must be stored too.
func TestEveryFieldOfAStateIsStored(t *testing.T) {
	var s engine.State
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for _, field := range v.Fields() {
				fill(field)
			}
		case reflect.String:
			v.SetString("text")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Float64:
			v.SetFloat(0.5)
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			v.SetUint(1)
		default:
			v.SetInt(1)
		}
	}
	fill(reflect.ValueOf(&s).Elem())
	read, err := DecodeStates(AppendStates(nil, []engine.State{s}))
	require.NoError(t, err)
	require.Equal(t, []engine.State{s}, read)
}

func TestWhatIsNewerOrDamagedIsRefused(t *testing.T) {
	row := seal(appendSection(newRow(nil), KindHeard, []byte("heard")))
	sections, err := Sections(nil, row)
	require.NoError(t, err)
	require.Equal(t, []Section{{KindHeard, []byte("heard")}}, sections)
	for i := range row {
		damaged := append([]byte(nil), row...)
		damaged[i] ^= 0x40
		_, err := Sections(nil, damaged)
		require.Error(t, err, "byte %d", i)
	}
	for n := range row {
		_, err := Sections(nil, row[:n])
		require.ErrorIs(t, err, store.ErrCorrupt, "%d bytes", n)
	}
	_, err = Sections(nil, seal(appendSection(newRow(nil), kindEnd, nil)))
	require.ErrorIs(t, err, store.ErrNewer)
	row[0] = RowVersion + 1
	_, err = Sections(nil, row)
	require.ErrorIs(t, err, store.ErrNewer)

	states := AppendStates(nil, []engine.State{{ID: "order-1", Revision: 2}})
	for n := range states {
		_, err := DecodeStates(states[:n])
		require.ErrorIs(t, err, store.ErrCorrupt, "%d bytes", n)
	}
	_, err = DecodeStates(append(states, 0))
	require.ErrorIs(t, err, store.ErrCorrupt)
	states[0] = StatesVersion + 1
	_, err = DecodeStates(states)
	require.ErrorIs(t, err, store.ErrNewer)
}

func FuzzDecodeStates(f *testing.F) {
	f.Add(AppendStates(nil, []engine.State{{ID: "order-1", Revision: 2, Verdict: operation.Verdict{State: operation.StateStuck, Hop: 1, Consumer: -1}}}))
	f.Add([]byte{StatesVersion, 1, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		states, err := DecodeStates(data)
		if err != nil {
			return
		}
		again, err := DecodeStates(AppendStates(nil, states))
		require.NoError(t, err)
		require.Len(t, again, len(states))
	})
}

func FuzzSections(f *testing.F) {
	f.Add(seal(appendSection(appendSection(newRow(nil), KindFacts, []byte("facts")), KindStates, nil)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= rowHeader && data[0] == RowVersion {
			// Otherwise the checksum would end every try.
			seal(data)
		}
		sections, err := Sections(nil, data)
		if err != nil {
			return
		}
		row := newRow(nil)
		for _, s := range sections {
			row = appendSection(row, s.Kind, s.Data)
		}
		again, err := Sections(nil, seal(row))
		require.NoError(t, err)
		require.Equal(t, sections, again)
	})
}

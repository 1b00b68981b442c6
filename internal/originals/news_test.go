package originals

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/snapshot"
)

func versioned(version string) pcommon.Map {
	attributes := pcommon.NewMap()
	attributes.PutStr("service.version", version)
	attributes.PutStr("host.name", "host-"+version)
	return attributes
}

func versionOf(s *Store, instance string) string {
	if r := s.ResourceOf("payer", instance); r != nil && len(r.Attributes) > 0 {
		return r.Attributes[0].Value
	}
	return ""
}

// tell carries news as the log does.
func tell(t require.TestingT, from, to *Store, now int64) int {
	news := from.News()
	read, err := DecodeResources(AppendResources(nil, news))
	require.NoError(t, err)
	require.Len(t, read, len(news))
	to.Learn(read, now)
	return len(news)
}

func TestOthersKnowWhatOneSaw(t *testing.T) {
	one, other := New(), New()
	one.Saw("payer", "1", versioned("1.0"), second)
	require.Equal(t, 1, tell(t, one, other, second), "what was known before")
	require.Equal(t, one.ResourceOf("payer", "1"), other.ResourceOf("payer", "1"))
	require.Zero(t, tell(t, one, other, second))
	one.Saw("payer", "1", versioned("1.0"), second+refresh)
	require.Zero(t, tell(t, one, other, second+refresh), "nothing new")
	one.Saw("payer", "1", versioned("1.1"), second+2*refresh)
	one.Saw("payer", "2", versioned("1.1"), second+2*refresh)
	require.Equal(t, 2, tell(t, one, other, second+2*refresh))
	require.Equal(t, "1.1", versionOf(other, "1"))
	require.Equal(t, "1.1", versionOf(other, "2"))
	require.Equal(t, 2, tell(t, other, one, second+2*refresh), "all at first")
	require.Zero(t, tell(t, other, one, second+2*refresh), "what was learned is no news")
}

func TestNewsAreToldBeforeWhatFollows(t *testing.T) {
	s := New()
	var told sync.Map
	tell := func(news []Known) {
		for _, k := range news {
			told.Store(k.Instance, true)
		}
	}
	s.Tell(tell)
	var collectors sync.WaitGroup
	for c := range 4 {
		collectors.Go(func() {
			for i := range 500 {
				// Each instance is seen by two of them.
				instance := strconv.Itoa(i*2 + c/2)
				s.Saw("payer", instance, versioned("1.0"), second)
				s.Tell(tell)
				_, ok := told.Load(instance)
				require.True(t, ok)
			}
		})
	}
	collectors.Wait()
	s.Tell(func([]Known) { t.Error("told twice") })
}

func TestNothingToTellAllocatesNothing(t *testing.T) {
	s := New()
	s.Saw("payer", "1", versioned("1.0"), second)
	s.Tell(func([]Known) {})
	require.Zero(t, testing.AllocsPerRun(100, func() { s.Tell(func([]Known) { panic("there is nothing") }) }))
}

func TestWhatWasSeenLaterStays(t *testing.T) {
	one, other := New(), New()
	one.Saw("payer", "1", versioned("1.0"), second)
	other.Saw("payer", "1", versioned("1.1"), 2*second)
	data := one.Snapshot()
	require.NoError(t, other.Restore(data, 3*second))
	require.Equal(t, "1.1", versionOf(other, "1"))
	require.NoError(t, one.Restore(other.Snapshot(), 3*second))
	require.Equal(t, "1.1", versionOf(one, "1"))
	require.NoError(t, one.Restore(data, 3*second))
	require.Equal(t, "1.1", versionOf(one, "1"))
}

func TestNewsAreBounded(t *testing.T) {
	s := New()
	require.Empty(t, s.News())
	for i := range 3 * maxServices {
		// All of them are forgotten now and then.
		s.Saw("worker", strconv.Itoa(i), pcommon.NewMap(), int64(i)*second)
	}
	require.LessOrEqual(t, len(s.resources.news), 2*maxServices)
	require.LessOrEqual(t, len(s.News()), maxServices)
	full := New()
	for i := range maxServices {
		full.Saw("other", strconv.Itoa(i), pcommon.NewMap(), second)
	}
	full.Learn([]Known{{&Resource{Service: "one", Instance: "more"}, second}}, second)
	require.Equal(t, maxServices, full.Stats().Services)
	require.EqualValues(t, 1, full.Stats().Dropped[DropService])
}

func TestPropertyRestoreContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		for i := range rapid.IntRange(0, 20).Draw(t, "instances") {
			attributes := pcommon.NewMap()
			for _, key := range kept {
				if rapid.Bool().Draw(t, key) {
					attributes.PutStr(key, rapid.String().Draw(t, "value")+strings.Repeat("x", rapid.IntRange(0, 300).Draw(t, "more")))
				}
			}
			s.Saw(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "service"), strconv.Itoa(i), attributes, second)
		}
		again := New()
		require.NoError(t, again.Restore(s.Snapshot(), 2*second))
		require.Len(t, again.resources.known, len(s.resources.known))
		for who, e := range s.resources.known {
			require.Equal(t, e, again.resources.known[who])
		}
	})
}

func TestSnapshotsThatCannotBeRead(t *testing.T) {
	s := New()
	s.Saw("payer", "1", versioned("1.0"), second)
	data := s.Snapshot()
	data[len(data)/2]++
	require.EqualError(t, New().Restore(data, second), "snapshot of service instances: the checksum does not match")
	_, err := DecodeResources([]byte{1, 200})
	require.EqualError(t, err, "snapshot of service instances: malformed")
}

func FuzzDecodeResources(f *testing.F) {
	s := New()
	s.Saw("payer", "1", versioned("1.0"), second)
	f.Add(AppendResources(nil, s.News()))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := DecodeResources(data)
		s, w := New(), snapshot.NewWriter(resourcesName, snapshotVersion)
		restored := s.Restore(snapshot.Append(append(w.Bytes(), data...)).Close(), second)
		if err != nil {
			require.Error(t, restored)
			require.Zero(t, s.Stats().Services)
			return
		}
		require.NoError(t, restored)
		require.LessOrEqual(t, s.Stats().Services, len(all))
		for _, k := range all {
			require.NotNil(t, s.ResourceOf(k.Service, k.Instance))
		}
	})
}

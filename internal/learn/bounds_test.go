package learn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// named is an operation of a name with a message of a destination and type.
func named(at int64, name, destination, messageType string) *operation.View {
	v := hop(at, minute, minute)
	v.Name, v.Hops[0].Destination, v.Hops[0].Type = name, destination, messageType
	return v
}

func TestAFloodOfNamesDoesNotDisplaceWhatIsKnown(t *testing.T) {
	b := newBook(t, few, func(s *Settings) { s.MaxStages = 100 })
	for range 20 {
		b.Learn(hop(epoch, minute, minute), epoch)
	}
	for n := range 3000 {
		b.Learn(named(epoch, fmt.Sprintf("op-%d", n), fmt.Sprintf("queue-%d", n), ""), epoch)
		require.LessOrEqual(t, b.Stats().Stages, 100)
		require.LessOrEqual(t, b.Stats().Destinations, 100)
	}
	near(t, 3*minute, int64(threshold(b, waiting)))
	require.Positive(t, b.Stats().Forgotten)
	for range 20 {
		b.Learn(named(epoch, "new", "new", ""), epoch)
	}
	near(t, 3*minute, int64(threshold(b, operation.Stage{Operation: "new", Destination: "new"})), "there is room for what is new")
}

func TestWhatIsNotSeenForAHalfLifeLeavesFirst(t *testing.T) {
	b := newBook(t, few, func(s *Settings) { s.MaxStages = 8 })
	for range 20 {
		b.Learn(hop(epoch, minute, minute), epoch)
	}
	for n := range 20 {
		b.Learn(named(epoch+day+minute, "other", "other", fmt.Sprint("kind-", n)), epoch+day+minute)
	}
	require.Zero(t, threshold(b, waiting))
}

// TestNewThingsAreLearnedWhereEverythingIsKnown: what is known leaves some room.
func TestNewThingsAreLearnedWhereEverythingIsKnown(t *testing.T) {
	b := newBook(t, few, func(s *Settings) { s.MaxStages = 80 })
	for n := range 40 {
		for range 20 {
			b.Learn(named(epoch, "op", fmt.Sprint("queue-", n), ""), epoch)
		}
	}
	last := operation.Stage{Operation: "op", Destination: "queue-39"}
	near(t, 3*minute, int64(threshold(b, last)))
	require.LessOrEqual(t, b.Stats().Stages, 80)
}

func TestNamesThatChangeAreLeftOut(t *testing.T) {
	b := newBook(t, few)
	for n := range 20 {
		b.Learn(named(epoch, fmt.Sprintf("GET /orders/%d", 4711000+n), "orders", ""), epoch)
	}
	near(t, 3*minute, int64(threshold(b, waiting)), "as what is known of the destination")
	require.Equal(t, uint64(20), b.Stats().Refused)
	require.Len(t, b.Report(100), 2)
	b = newBook(t, few)
	for n := range 20 {
		v := hop(epoch, minute, minute)
		v.Hops[0].Consumers[0].Group = fmt.Sprintf("worker-%012d", n)
		b.Learn(v, epoch)
	}
	anybody := processing
	anybody.Group = "worker-000000004711"
	near(t, 3*minute, int64(threshold(b, anybody)), "as what is known of such groups")
	b = newBook(t, few)
	for range 20 {
		b.Learn(named(epoch, strings.Repeat("x", maxName+1), "orders", strings.Repeat("x", maxName+1)), epoch)
	}
	require.Empty(t, b.Report(100))
}

func TestPropertyBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 40).Draw(t, "most")
		b := newBook(t, func(s *Settings) { s.MinSamples, s.MaxStages = rapid.IntRange(1, 5).Draw(t, "samples"), most })
		now := epoch
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			now += rapid.Int64Range(0, 2*day).Draw(t, "pause")
			b.Learn(drawView(t, now), now)
			requireSound(t, b, most)
		}
		again := newBook(t, func(s *Settings) { *s = b.settings; s.MaxStages = rapid.IntRange(1, most).Draw(t, "most then") })
		require.NoError(t, again.Restore(b.Snapshot(), now))
		requireSound(t, again, again.settings.MaxStages)
	})
}

// drawView draws an operation of a few messages by names of which there are few.
func drawView(t *rapid.T, now int64) *operation.View {
	f := started(now)
	for n := range rapid.IntRange(0, 5).Draw(t, "hops") {
		at := int64(n) * second
		message := f.send(rapid.ByteRange(0, 10).Draw(t, "parent"), "api", rapid.SampledFrom([]string{"a", "b", "c", "c.dlq"}).Draw(t, "destination"), at)
		for range rapid.IntRange(0, 3).Draw(t, "groups") {
			group := fmt.Sprint("group-", rapid.IntRange(0, 40).Draw(t, "group"))
			wait := rapid.Int64Range(0, day).Draw(t, "wait")
			f.processIn(group, message, group, f.all[message-1].Destination, at+wait, at+wait+rapid.Int64Range(0, day).Draw(t, "took"))
		}
	}
	v := f.view()
	v.Name, v.Implicit = rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name"), rapid.Bool().Draw(t, "implicit")
	return v
}

// requireSound requires the counts to be those of what is kept, and within bounds.
func requireSound(t require.TestingT, b *Book, most int) {
	stages, trusted := 0, 0
	for _, f := range b.flows {
		n := 0
		f.each(func(*stage) { n++ })
		require.Equal(t, n, f.stages)
		require.LessOrEqual(t, len(f.groups), maxGroups)
		require.LessOrEqual(t, len(f.followers), maxFollowers)
		stages += n
		require.NotNil(t, f.in)
		if f.in == &b.trusted {
			trusted += n
		}
	}
	require.Equal(t, stages, b.stages)
	require.Equal(t, trusted, b.trustedStages)
	require.Equal(t, len(b.flows), b.young.size+b.trusted.size)
	require.Len(t, b.destinations, b.places.size)
	require.LessOrEqual(t, stages, most)
	require.LessOrEqual(t, len(b.flows), most)
	require.LessOrEqual(t, len(b.destinations), most)
	require.Len(t, b.Report(1_000_000), stages)
}

package learn

import (
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

const (
	// maxGroups, maxFollowers and maxConsumers bound what is kept of one flow or destination. The least recently seen give way.
	maxGroups, maxFollowers, maxConsumers = 16, 8, 16
	// maxHops bounds the hops that are learned from in one operation.
	maxHops = 64
)

// flowKey names the messages of one destination and type in the operations of one name; "" for all operations.
type flowKey struct{ operation, destination, messageType string }

// flow is what is known of them.
type flow struct {
	link[flow]
	key flowKey
	// waiting is until the first of all groups showed a sign of consumption.
	waiting   *stage
	groups    []groupStages
	followers []follower
	seen      int64
	stages    int
}

// groupStages are those of one consumer group. waiting is only kept where there are several groups.
type groupStages struct {
	group               string
	waiting, processing *stage
	seen                int64
}

// follower is a destination that was seen to follow.
type follower struct {
	destination string
	// after is from the end of the hop to the start of the follower.
	after *stage
	habit
}

// habit is whether something always is so.
type habit struct {
	// row is how many times in a row it was so, as far as that matters.
	row int
	// seen is when it last was.
	seen int64
}

// holds says whether it was so this time.
func (h *habit) holds(so bool, now int64, s *Settings) {
	if !so {
		h.row = 0
		return
	}
	h.row, h.seen = min(h.row+1, s.MinSamples), now
}

// always reports whether it is a habit.
func (h *habit) always(now int64, s *Settings) bool {
	return h.row >= s.MinSamples && now-h.seen <= 2*int64(s.HalfLife)
}

// known reports whether anything is known of the flow: then it stays before those of which nothing is.
func (f *flow) known() bool {
	_, known := f.waiting.told()
	for i := range f.groups {
		_, processing := f.groups[i].processing.told()
		known = known || processing
	}
	return known
}

// flow returns what is known of a flow, which is made if there is none.
func (b *Book) flow(key flowKey) *flow {
	f := b.flows[key]
	if f == nil {
		// The names may be parts of something bigger.
		f = b.add(flowKey{strings.Clone(key.operation), strings.Clone(key.destination), strings.Clone(key.messageType)})
	}
	f.seen = b.now
	return f
}

func (b *Book) add(key flowKey) *flow {
	f := &flow{key: key}
	b.flows[key] = f
	b.young.touch(f)
	return f
}

// use makes the flow the last to leave among its like.
func (b *Book) use(f *flow) {
	switch {
	case f.in == &b.trusted:
		b.trusted.touch(f)
	case f.known():
		b.trusted.touch(f)
		b.trustedStages += f.stages
	default:
		b.young.touch(f)
	}
}

// count takes note of sketches that the flow got, or lost.
func (b *Book) count(f *flow, stages int) {
	f.stages += stages
	b.stages += stages
	if f.in == &b.trusted {
		b.trustedStages += stages
	}
}

// stage makes a sketch for the flow.
func (b *Book) stage(f *flow) *stage {
	b.count(f, 1)
	return newStage(b.now)
}

// discard lets sketches of the flow go.
func (b *Book) discard(f *flow, stages ...*stage) {
	for _, g := range stages {
		if g != nil {
			b.count(f, -1)
			b.stats.Forgotten++
		}
	}
}

// group returns the stages of a group; that of a name that changes is "".
func (b *Book) group(f *flow, name string) *groupStages {
	for i := range f.groups {
		if f.groups[i].group == name {
			f.groups[i].seen = b.now
			return &f.groups[i]
		}
	}
	if name != "" && changing(name) {
		b.stats.Refused++
		return b.group(f, "")
	}
	if len(f.groups) >= maxGroups {
		oldest := 0
		for i := range f.groups {
			if f.groups[i].seen < f.groups[oldest].seen {
				oldest = i
			}
		}
		b.discard(f, f.groups[oldest].waiting, f.groups[oldest].processing)
		f.groups = slices.Delete(f.groups, oldest, oldest+1)
	}
	f.groups = append(f.groups, groupStages{group: strings.Clone(name), seen: b.now})
	return &f.groups[len(f.groups)-1]
}

// usual returns what is usual for a stage of the flow. There may be no flow.
func (f *flow) usual(s *operation.Stage) (operation.Usual, bool) {
	if f == nil {
		return operation.Usual{}, false
	}
	switch s.Kind {
	case operation.StageFollowing:
		for i := range f.followers {
			if f.followers[i].destination == s.Next {
				return f.followers[i].after.told()
			}
		}
		return operation.Usual{}, false
	case operation.StageWaiting:
		if s.Group == "" {
			return f.waiting.told()
		}
		return f.stagesOf(s.Group).waiting.told()
	}
	if g := f.stagesOf(s.Group); g.processing != nil {
		return g.processing.told()
	}
	return f.stagesOf("").processing.told()
}

// stagesOf returns the stages of a group, none if it is not known.
func (f *flow) stagesOf(group string) groupStages {
	for i := range f.groups {
		if f.groups[i].group == group {
			return f.groups[i]
		}
	}
	return groupStages{}
}

// trustedShare is the share of the sketches, as so many eighths, that those of which enough is known may take, so that there is
// always room to learn something new.
const trustedShare = 7

// trim lets flows go while there are too many sketches.
func (b *Book) trim() {
	for b.stages > b.settings.MaxStages || len(b.flows) > b.settings.MaxStages {
		f := b.victim()
		b.discardAll(f)
		f.in.remove(f)
		delete(b.flows, f.key)
	}
	for b.places.size > b.settings.MaxStages {
		p := b.places.oldest
		b.places.remove(p)
		delete(b.destinations, p.destination)
		b.stats.Forgotten++
	}
}

func (b *Book) discardAll(f *flow) {
	b.stats.Forgotten += uint64(f.stages)
	b.count(f, -f.stages)
}

// victim is the flow that leaves first.
func (b *Book) victim() *flow {
	young, trusted := b.young.oldest, b.trusted.oldest
	switch {
	case trusted == nil:
		return young
	case young == nil, b.now-trusted.seen > int64(b.settings.HalfLife), b.trustedStages*8 > b.settings.MaxStages*trustedShare:
		return trusted
	}
	return young
}

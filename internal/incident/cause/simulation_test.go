package cause

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// world is a small system as asyncgen makes one: a shop sends orders over partitions to workers, of which some run a new version,
// in two zones; and workers send on to shippers.
type world struct {
	random     *rand.Rand
	partitions int
	workers    int
	// share is the probability that an operation fails that has the bad value, and that any other does.
	bad, noise float64
	fails      func(*trip) bool
}

// trip is the way of one operation.
type trip struct {
	shop, worker, shipper, partition int
	version                          string
}

const (
	newWorkers = 2
	zones      = 2
)

func instance(service string, i int) string { return service + "-" + strconv.Itoa(i) }

func versionOf(worker int) string {
	if worker < newWorkers {
		return "2.0.0"
	}
	return "1.9.4"
}

// resources knows the version and the zone of each instance by its number.
func resources(service, name string) Resource {
	i, err := strconv.Atoi(name[len(service)+1:])
	if err != nil {
		return Resource{}
	}
	r := Resource{Version: "5.1", Region: "eu-central-1", Zone: "eu-central-1" + string(rune('a'+i%zones))}
	if service == "worker" {
		r.Version = versionOf(i)
	}
	return r
}

func (w *world) trip() *trip {
	p := w.random.IntN(w.partitions)
	worker := w.random.IntN(w.workers)
	return &trip{
		shop: w.random.IntN(3), partition: p, worker: worker, shipper: w.random.IntN(2), version: versionOf(worker),
	}
}

// operation is a trip as it is seen, and whether it failed at its first hop.
func (w *world) operation(i int, t *trip, failed bool) *Subject {
	at := time.Duration(i) * time.Second
	attempt := operation.Attempt{
		Origin:    operation.Origin{Service: "worker", Instance: instance("worker", t.worker)},
		StartedAt: int64(at) + 1, EndedAt: int64(at) + 2,
	}
	v := &operation.View{
		ID: "op-" + strconv.Itoa(i), Name: "fulfil",
		Hops: []operation.Hop{{
			Destination: "orders", Partition: operation.ParsePartition(strconv.Itoa(t.partition)),
			Sends:     []operation.Send{{Origin: operation.Origin{Service: "shop", Instance: instance("shop", t.shop)}, StartedAt: int64(at)}},
			Consumers: []operation.Consumer{{Group: "workers", Service: "worker"}},
		}},
	}
	s := &Subject{View: v, Name: "fulfil", Hop: -1, Consumer: -1}
	if failed {
		attempt.Outcome, attempt.Error = operation.OutcomeError, &operation.Error{Type: "Timeout"}
		s.Hop, s.Consumer = 0, 0
	} else {
		v.Hops = append(v.Hops, operation.Hop{
			Destination: "shipments",
			Sends:       []operation.Send{{Origin: operation.Origin{Service: "worker", Instance: instance("worker", t.worker)}}},
			Consumers: []operation.Consumer{{Group: "shippers", Service: "shipper", Attempts: []operation.Attempt{{
				Origin: operation.Origin{Service: "shipper", Instance: instance("shipper", t.shipper)}, StartedAt: int64(at) + 3, EndedAt: int64(at) + 4,
			}}}},
		})
	}
	v.Hops[0].Consumers[0].Attempts = []operation.Attempt{attempt}
	return s
}

// run lets operations go by, looks for a cause each time their number has doubled as the tracker does, and returns all hints
// that were ever named first, and those at the end.
func (w *world) run(tb testing.TB, operations int) (first []Hint, last []Hint) {
	table, err := NewTable(DefaultSettings(), resources)
	require.NoError(tb, err)
	var sample Sample
	failures := 0
	for i := range operations {
		t := w.trip()
		p := w.noise
		if w.fails != nil && w.fails(t) {
			p = w.bad
		}
		now := int64(i) * int64(time.Second)
		if w.random.Float64() >= p {
			table.Learn(w.operation(i, t, false), now)
			continue
		}
		table.Fail(&sample, w.operation(i, t, true), now)
		failures++
		last = table.Hints(&sample)
		if len(last) > 0 {
			first = append(first, last[0])
		}
	}
	require.Positive(tb, failures)
	return first, last
}

const (
	runs = 100
	// target is what the issue asks for.
	target = 95
)

func TestTheRightAttributeIsNamedFirst(t *testing.T) {
	for name, c := range map[string]struct {
		want  Trait
		fails func(*trip) bool
		noise float64
	}{
		"instance":                {Trait{AttributeInstance, "worker-3"}, func(t *trip) bool { return t.worker == 3 }, 0.01},
		"instance of new version": {Trait{AttributeInstance, "worker-1"}, func(t *trip) bool { return t.worker == 1 }, 0.01},
		"version":                 {Trait{AttributeVersion, "2.0.0"}, func(t *trip) bool { return t.version == "2.0.0" }, 0.01},
		"instance of the sender":  {Trait{AttributeInstance, "shop-1"}, func(t *trip) bool { return t.shop == 1 }, 0.01},
		"partition":               {Trait{AttributePartition, "4"}, func(t *trip) bool { return t.partition == 4 }, 0.01},
		"zone":                    {Trait{AttributeZone, "eu-central-1b"}, func(t *trip) bool { return t.worker%zones == 1 }, 0.01},
		"much else fails":         {Trait{AttributeInstance, "worker-3"}, func(t *trip) bool { return t.worker == 3 }, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			right := 0
			for seed := range uint64(runs) {
				w := world{random: rand.New(rand.NewPCG(seed, 1)), partitions: 8, workers: 6, bad: 0.8, noise: c.noise, fails: c.fails}
				if _, last := w.run(t, 400); len(last) > 0 && last[0].Trait == c.want {
					right++
				}
			}
			t.Logf("named first in %d of %d runs", right, runs)
			require.GreaterOrEqual(t, right, target)
		})
	}
}

// TestWithoutACauseNothingIsNamed counts a run as wrong if anything was named at any time, though each failure is a look of its own.
func TestWithoutACauseNothingIsNamed(t *testing.T) {
	for name, noise := range map[string]float64{"few fail": 0.02, "many fail": 0.3, "most fail": 0.9} {
		t.Run(name, func(t *testing.T) {
			quiet := 0
			for seed := range uint64(runs) {
				w := world{random: rand.New(rand.NewPCG(seed, 2)), partitions: 8, workers: 6, noise: noise}
				if first, _ := w.run(t, 400); len(first) == 0 {
					quiet++
				}
			}
			t.Logf("nothing named in %d of %d runs", quiet, runs)
			require.GreaterOrEqual(t, quiet, target)
		})
	}
}

func TestHintsSayTheCounts(t *testing.T) {
	w := world{random: rand.New(rand.NewPCG(7, 1)), partitions: 8, workers: 6, bad: 1, fails: func(t *trip) bool { return t.worker == 3 }}
	_, last := w.run(t, 300)
	require.NotEmpty(t, last)
	h := last[0]
	require.Equal(t, Trait{AttributeInstance, "worker-3"}, h.Trait)
	require.Equal(t, SideConsumer, h.Side)
	require.Equal(t, "orders", h.Destination)
	require.Equal(t, "workers", h.Group)
	require.Equal(t, h.FailingOf, h.Failing, "nothing else fails")
	require.Zero(t, h.Healthy, "and it does nothing well")
	require.InDelta(t, 300-h.FailingOf, h.HealthyOf, 30, "a little is forgotten")
	require.Equal(t, fmt.Sprintf("instance worker-3 (%d of %d failing, 0 of %d healthy)", h.Failing, h.FailingOf, h.HealthyOf), h.String())
}

func TestThinEvidenceNamesNothing(t *testing.T) {
	w := world{random: rand.New(rand.NewPCG(1, 1)), partitions: 8, workers: 6}
	table, err := NewTable(DefaultSettings(), resources)
	require.NoError(t, err)
	bad := &trip{worker: 3, version: versionOf(3)}
	var sample Sample
	for i := range 200 {
		table.Fail(&sample, w.operation(i, bad, true), 1)
	}
	require.Empty(t, table.Hints(&sample), "no healthy operation is known")
	for i := range 100 {
		table.Learn(w.operation(i, w.trip(), false), int64(i))
	}
	require.NotEmpty(t, table.Hints(&sample))

	var few Sample
	for i := range 4 {
		table.Fail(&few, w.operation(i, bad, true), 1)
	}
	require.Empty(t, table.Hints(&few), "four failures may be chance")
}

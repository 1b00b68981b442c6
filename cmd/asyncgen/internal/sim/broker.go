package sim

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
)

// message is what a hop hands over to its consumers.
type message struct {
	// producer is the context of the producer span, as the headers of the message would carry it.
	producer trace.SpanContext
	offset   int64
}

// delivery is one handing over of a message to a consumer.
type delivery struct {
	message
	// tag is the RabbitMQ delivery tag, which counts the deliveries of a channel.
	tag int64
}

// broker numbers messages and deliveries. The maps are filled by newBroker and only read afterwards.
type broker struct {
	offsets map[position]*atomic.Int64
	tags    map[string]*atomic.Int64
}

type position struct {
	destination string
	partition   int
}

// newBroker starts the offsets at a number that grows from run to run, because those of a real topic never start again and
// topic, partition and offset identify a message.
func newBroker(workflows []plan.Workflow, now time.Time) *broker {
	b := &broker{offsets: map[position]*atomic.Int64{}, tags: map[string]*atomic.Int64{}}
	for i := range workflows {
		for k := range workflows[i].Stages {
			stage := &workflows[i].Stages[k]
			b.add(stage, now)
			b.add(stage.DeadLetterQueue(), now)
		}
	}
	return b
}

func (b *broker) add(stage *plan.Stage, now time.Time) {
	b.tags[stage.Destination] = &atomic.Int64{}
	for partition := range plan.Partitions {
		offset := &atomic.Int64{}
		offset.Store(now.UnixMicro())
		b.offsets[position{stage.Destination, partition}] = offset
	}
}

func (b *broker) nextOffset(hop *plan.Hop) int64 {
	return b.offsets[position{hop.Stage.Destination, hop.Partition}].Add(1)
}

func (b *broker) deliver(hop *plan.Hop, m message) delivery {
	return delivery{message: m, tag: b.tags[hop.Stage.Destination].Add(1)}
}

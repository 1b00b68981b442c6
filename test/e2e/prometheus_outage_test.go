//go:build e2e

package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// The outage: a queue whose only consumer is away for two minutes while messages keep coming, and then catches up.
const (
	outageQueue = "invoices"
	// beforeOutage and outageLasts are counted from the first message.
	beforeOutage = 20 * time.Second
	outageLasts  = 2 * time.Minute
	// afterOutage is how long messages come after it.
	afterOutage = 40 * time.Second
	// A message is sent with each beat. The consumer takes up to so many with each.
	beat        = 200 * time.Millisecond
	takenAtOnce = 6
	workTakes   = 5 * time.Millisecond
	// lag is how old what Prometheus reads may be. Metrics are emitted once a second and scraped once a second, and so seldom older than
	// 2 s, which the test shows; what is left is for a machine that is busy with other things.
	lag = 20 * time.Second
)

var picturePath = flag.String("picture", "", "draw the queue during the outage into this file (PNG)")

// message is what truly became of one.
type message struct{ sent, taken time.Time }

// outage is a queue with a producer and a consumer that do what they are told and report by OTLP.
type outage struct {
	stand    *stand
	began    time.Time
	messages []message
	// next is the message to be taken next.
	next int
}

// TestQueueOutage compares queue depth and age of the oldest message, as Prometheus has them, with what was truly in the queue
// at each scrape.
func TestQueueOutage(t *testing.T) {
	s := start(t, setup{overlays: []string{prometheusOverlay}})
	p := s.startPrometheus(t)
	o := &outage{stand: s, began: time.Now()}
	o.run(t)
	await(t, prometheusTimeout, "an empty queue", func() error {
		depth, err := p.now(t, `sum(async_queue_depth{messaging_destination_name="`+outageQueue+`"})`)
		if err == nil && depth != 0 {
			err = fmt.Errorf("%v messages wait", depth)
		}
		return err
	})

	depths := p.samples(t, "async_queue_depth", o.began, func(a, b float64) float64 { return a + b })
	ages := p.samples(t, "async_queue_oldest_age_seconds", o.began, math.Max)
	if *picturePath != "" {
		require.NoError(t, o.draw(*picturePath, depths, ages))
	}
	o.compare(t, "depth", depths, o.depth, 0)
	o.compare(t, "age of the oldest message", ages, o.age, 0.5)
	o.checkPeaks(t, depths, ages)
	s.checkHealthy(t)
}

// run sends and takes messages until all is over.
func (o *outage) run(t *testing.T) {
	t.Helper()
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		at := time.Since(o.began)
		away := at >= beforeOutage && at < beforeOutage+outageLasts
		traces := ptrace.NewTraces()
		if at < beforeOutage+outageLasts+afterOutage {
			o.send(traces)
		} else if o.next == len(o.messages) {
			return
		}
		for range takenAtOnce {
			// What is sent is taken with a later beat, so that there is always something in the queue.
			if !away && o.next < len(o.messages) && time.Since(o.messages[o.next].sent) > beat/2 {
				o.take(traces)
			}
		}
		body, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, o.stand.post(t, "traces", protobuf, body))
		<-ticker.C
	}
}

// send puts a message into the queue.
func (o *outage) send(traces ptrace.Traces) {
	n, now := len(o.messages), time.Now()
	o.messages = append(o.messages, message{sent: now})
	span := newSpan(traces, "billing-api", n, 1)
	span.SetName("send " + outageQueue)
	span.SetKind(ptrace.SpanKindProducer)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Millisecond)))
	span.Attributes().PutStr("messaging.operation.type", "send")
	span.Attributes().PutStr("async.operation.name", "invoice")
}

// take takes the oldest message out of the queue.
func (o *outage) take(traces ptrace.Traces) {
	now := time.Now()
	o.messages[o.next].taken = now
	span := newSpan(traces, "billing-worker", o.next, 2)
	o.next++
	span.SetParentSpanID(spanID(1))
	span.SetName("process " + outageQueue)
	span.SetKind(ptrace.SpanKindConsumer)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(workTakes)))
	span.Attributes().PutStr("messaging.operation.type", "process")
	span.Attributes().PutStr("messaging.consumer.group.name", "billing")
}

// newSpan adds a span about the n-th message.
func newSpan(traces ptrace.Traces, service string, n int, id byte) ptrace.Span {
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	var trace pcommon.TraceID
	trace[0] = 0xab
	binary.BigEndian.PutUint64(trace[8:], uint64(n+1))
	span.SetTraceID(trace)
	span.SetSpanID(spanID(id))
	span.Attributes().PutStr("messaging.system", "kafka")
	span.Attributes().PutStr("messaging.destination.name", outageQueue)
	span.Attributes().PutStr("messaging.message.id", "m-"+strconv.Itoa(n))
	span.Attributes().PutStr("messaging.message.conversation_id", "invoice-"+strconv.Itoa(n))
	return span
}

func spanID(id byte) pcommon.SpanID { return pcommon.SpanID{7: id} }

// depth is how many messages truly were in the queue.
func (o *outage) depth(at time.Time) float64 {
	n := 0
	for _, m := range o.messages {
		if !m.sent.After(at) && m.taken.After(at) {
			n++
		}
	}
	return float64(n)
}

// age is how long, in seconds, the oldest message truly had been in the queue, 0 if there was none.
func (o *outage) age(at time.Time) float64 {
	for _, m := range o.messages {
		if !m.sent.After(at) && m.taken.After(at) {
			return at.Sub(m.sent).Seconds()
		}
	}
	return 0
}

// compare checks each sample against what was true at some time within the lag before it.
func (o *outage) compare(t *testing.T, what string, samples []point, truth func(time.Time) float64, tolerance float64) {
	t.Helper()
	require.Greater(t, len(samples), int((outageLasts+afterOutage)/prometheusInterval/4), "%s: too few samples", what)
	const finely = 50 * time.Millisecond
	var worst time.Duration
	for _, sample := range samples {
		least, most := math.Inf(1), math.Inf(-1)
		behind := time.Duration(0)
		for ; behind <= lag; behind += finely {
			value := truth(sample.at.Add(-behind))
			least, most = min(least, value), max(most, value)
			if sample.value >= least-tolerance && sample.value <= most+tolerance {
				break
			}
		}
		require.LessOrEqual(t, behind, lag, "%s at %s from the first message: Prometheus says %v, in truth it was between %v and %v",
			what, sample.at.Sub(o.began).Round(time.Second), sample.value, least, most)
		worst = max(worst, behind)
	}
	t.Logf("%s: %d samples agree with the truth, at most %s behind", what, len(samples), worst)
}

// checkPeaks makes sure that what was compared was an outage: all that came meanwhile waits, the oldest as long as it lasted.
func (o *outage) checkPeaks(t *testing.T, depths, ages []point) {
	t.Helper()
	highest := func(all []point) float64 {
		return slices.MaxFunc(all, func(a, b point) int { return int(1000 * (a.value - b.value)) }).value
	}
	end := o.began.Add(beforeOutage + outageLasts)
	require.InDelta(t, o.depth(end), highest(depths), lag.Seconds()*float64(time.Second/beat))
	require.InDelta(t, outageLasts.Seconds(), highest(ages), lag.Seconds())
	t.Logf("at the end of the outage %v messages waited, the oldest for %.1f s; Prometheus saw up to %v and %.1f s",
		o.depth(end), o.age(end), highest(depths), highest(ages))
}

// point is a sample at the time at which it was scraped.
type point struct {
	at    time.Time
	value float64
}

// now returns the one value that an expression has now.
func (p prometheus) now(t *testing.T, expr string) (float64, error) {
	t.Helper()
	var data struct {
		Result []struct {
			Value [2]json.RawMessage `json:"value"`
		} `json:"result"`
	}
	if err := p.get(t.Context(), "query", url.Values{"query": {expr}}, &data); err != nil {
		return 0, err
	}
	if len(data.Result) != 1 {
		return 0, fmt.Errorf("%s: %d results", expr, len(data.Result))
	}
	one, err := pointOf(data.Result[0].Value)
	return one.value, err
}

// samples returns all that was scraped of a metric of the queue since a time. Series scraped at one time are put together.
func (p prometheus) samples(t *testing.T, name string, since time.Time, together func(a, b float64) float64) []point {
	t.Helper()
	found, err := p.query(t.Context(), fmt.Sprintf("%s{messaging_destination_name=%q}[%ds]", name, outageQueue, int(time.Since(since).Seconds())+1))
	require.NoError(t, err)
	require.NotEmpty(t, found, name)
	at := map[time.Time]float64{}
	for _, series := range found {
		for _, pair := range series.Values {
			one, err := pointOf(pair)
			require.NoError(t, err)
			if value, ok := at[one.at]; ok {
				one.value = together(value, one.value)
			}
			at[one.at] = one.value
		}
	}
	var all []point
	for when, value := range at {
		all = append(all, point{when, value})
	}
	slices.SortFunc(all, func(a, b point) int { return a.at.Compare(b.at) })
	return all
}

func pointOf(pair [2]json.RawMessage) (point, error) {
	var seconds float64
	var text string
	if err := errors.Join(json.Unmarshal(pair[0], &seconds), json.Unmarshal(pair[1], &text)); err != nil {
		return point{}, err
	}
	value, err := strconv.ParseFloat(text, 64)
	return point{time.UnixMilli(int64(math.Round(seconds * 1000))), value}, err
}

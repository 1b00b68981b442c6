package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// shop is one operation: an order is tried twice, its retry in a queue of its own, and nobody takes the gift.
func shop() *Recording {
	done := func(at float64) *float64 { return &at }
	return &Recording{Name: "shop", Truth: Truth{Operations: []Operation{{ID: "o-1", Outcome: "never_consumed", Hops: []Hop{
		{
			Name: "order", Queue: "critical:charge", Sent: []Sent{{At: 100, MessageID: "m1", SpanID: "s1", SpanExported: true}},
			Deliveries: []Delivery{{Service: "biller", ReceivedAt: 101, DoneAt: done(102), Result: resultError, MessageID: "m1", SpanID: "d1", SpanExported: true}},
		},
		{
			Name: "order.retry", Queue: "retry@biller", Sent: []Sent{{At: 102, MessageID: "m2"}},
			Deliveries: []Delivery{{Service: "biller", ReceivedAt: 105, DoneAt: done(106), Result: "ok", MessageID: "m2", SpanID: "d2", SpanExported: true}},
		},
		{Name: "gift", Queue: "gifts", Sent: []Sent{{At: 106, MessageID: "m3"}}},
	}}}}}
}

func after(seconds float64) time.Time { return moment(seconds).Add(time.Hour) }

// judgedShop is what a collector makes of shop, one hour later.
func judgedShop() verdict.Operation {
	wait := 1.25
	return verdict.Operation{ID: "o-1", Hops: []verdict.Hop{
		{Destination: "critical", SendDetails: []verdict.Send{{SpanID: "s1", At: after(100)}}, Consumers: []verdict.Consumer{{
			Service: "biller", Attempts: 2, WaitSeconds: &wait, AttemptDetails: []verdict.Attempt{
				{Service: "biller", SpanID: "d1", ReceivedAt: after(101), EndedAt: after(102.5)},
				{Service: "biller", Name: "process retry", ReceivedAt: after(104), StartedAt: after(105), EndedAt: after(106)},
			},
		}}},
		{Destination: "gifts", SendDetails: []verdict.Send{{At: after(106)}}},
	}}
}

func TestHopsAgree(t *testing.T) {
	r := CompareHops(shop(), []verdict.Operation{judgedShop()}, time.Hour)
	require.Empty(t, r.Unexplained())
	require.Equal(t, []int{2, 2, 2, 2}, []int{r.Consumed, r.Found, r.Named, r.Served})
	require.Equal(t, []int{1, 1}, []int{r.Waiting, r.WaitingFound})
	require.Equal(t, []int{1, 1, 1, 1}, []int{r.Compared, r.Equal, r.Whole, r.WholeEqual}, "the retry queue is one hop with the first")
	require.Equal(t, 250*time.Millisecond, r.Wait.Quantile(1))
	require.Equal(t, 2, r.Processing.Count())
	require.Zero(t, r.Processing.Quantile(0.5), "from when the handler began")
	require.Equal(t, 500*time.Millisecond, r.Processing.Quantile(1))
	require.Contains(t, r.List(), "shop: 1 without wait: "+isLater)
	require.Contains(t, HopTable([]*HopReport{r}), "250.0 ms")
}

func TestHopsDiffer(t *testing.T) {
	judged := judgedShop()
	judged.Hops[1].SendDetails = nil
	consumer := &judged.Hops[0].Consumers[0]
	consumer.Attempts, consumer.AttemptDetails = 3, consumer.AttemptDetails[:1]
	r := CompareHops(shop(), []verdict.Operation{judged}, time.Hour)
	require.Equal(t, []string{"o-1 order: 3, not 1", "1 not found"}, r.Unexplained())
	require.Equal(t, map[string]int{lacksNothing: 1, "nobody consumed it, and " + lacksSend: 1}, r.Missing)
	require.Equal(t, 1, r.Consumed-r.Found)

	judged = judgedShop()
	judged.Hops[0].Destination = "criticals"
	r = CompareHops(shop(), []verdict.Operation{judged}, time.Hour)
	require.Equal(t, map[string]int{"critical:charge": 1}, r.Unnamed)

	judged.Hops[0].Consumers[0].AttemptDetails[0].ReceivedAt = after(90)
	judged.Hops[0].Consumers[0].AttemptDetails[0].SpanID = "other"
	r = CompareHops(shop(), []verdict.Operation{judged}, time.Hour)
	require.Equal(t, 1, r.Found, "too far apart to be the same attempt")
}

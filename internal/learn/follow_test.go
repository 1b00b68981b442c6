package learn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// chain is an operation that goes from orders by payments to shipments; the last hop is left out for "" and so on.
func chain(at int64, destinations ...string) *facts {
	f := started(at)
	parent, service, now := byte(0), "api", int64(0)
	for _, destination := range destinations {
		message := f.send(parent, service, destination, now)
		parent, service = f.process(message, destination+"-worker", destination, now+second, now+3*second), destination+"-worker"
		now += 2 * second
	}
	return f
}

// after returns what always follows a destination in the operations that begin with orders.
func after(b *Book, destination string) []string {
	names := []string{}
	for _, s := range b.Successors("orders", destination, "", nil) {
		names = append(names, s.Destination)
	}
	return names
}

func teach(b *Book, n int, operationAt func(at int64) *facts) {
	for k := range int64(n) {
		at := epoch + k*second
		b.Learn(operationAt(at).view(), at)
	}
}

func TestWhatAlwaysFollows(t *testing.T) {
	b := newBook(t)
	whole := func(at int64) *facts { return chain(at, "orders", "payments", "shipments") }
	teach(b, 199, whole)
	require.Empty(t, after(b, "orders"))
	teach(b, 1, whole)
	require.Equal(t, []string{"payments"}, after(b, "orders"), "and not what comes after that")
	require.Equal(t, []string{"shipments"}, after(b, "payments"))
	require.Empty(t, after(b, "shipments"))
	require.Empty(t, b.Successors("refunds", "orders", "", nil), "of another operation nothing is known")
	require.Empty(t, b.Successors("orders", "orders", "parcel", nil), "nor of another type")
}

func TestOneExceptionTakesTheHabitAway(t *testing.T) {
	b := newBook(t, few)
	whole := func(at int64) *facts { return chain(at, "orders", "payments") }
	teach(b, 100, whole)
	require.Equal(t, []string{"payments"}, after(b, "orders"))
	teach(b, 1, func(at int64) *facts { return chain(at, "orders") })
	require.Empty(t, after(b, "orders"))
	teach(b, 19, whole)
	require.Empty(t, after(b, "orders"))
	teach(b, 1, whole)
	require.Equal(t, []string{"payments"}, after(b, "orders"))
}

func TestAHabitIsForgotten(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments") })
	b.Advance(epoch + 2*day)
	require.Equal(t, []string{"payments"}, after(b, "orders"))
	b.Advance(epoch + 2*day + minute)
	require.Empty(t, after(b, "orders"))
	require.Empty(t, b.Groups("orders", nil))
	require.Empty(t, b.Consumers("orders", nil))
}

// TestDirectSuccessors are the ways in which it is found out who sent a message.
func TestDirectSuccessors(t *testing.T) {
	for name, tc := range map[string]struct {
		operationAt func(at int64) *facts
		want        []string
	}{
		"by a span in between": {func(at int64) *facts {
			f := chain(at, "orders")
			f.send(f.work(f.work(2, "orders-worker", second, 2*second), "orders-worker", second, 2*second), "orders-worker", "payments", 2*second)
			f.process(5, "payer", "payments", 3*second, 4*second)
			return f
		}, []string{"payments"}},
		"several at once": {func(at int64) *facts {
			f := chain(at, "orders", "payments")
			f.process(f.send(2, "orders-worker", "mails", 2*second), "mailer", "mails", 3*second, 4*second)
			return f
		}, []string{"mails", "payments"}},
		"the last is still to be consumed": {func(at int64) *facts {
			f := chain(at, "orders")
			f.send(2, "orders-worker", "payments", 2*second)
			return f
		}, []string{"payments"}},
		"two messages of one request": {func(at int64) *facts {
			f := started(at)
			request := f.work(0, "api", 0, 9*second)
			f.process(f.send(request, "api", "orders", second), "worker", "orders", 2*second, 3*second)
			f.process(f.send(request, "api", "mails", 4*second), "mailer", "mails", 5*second, 6*second)
			return f
		}, []string{}},
		"by the service, where the span between is lost": {func(at int64) *facts {
			f := chain(at, "orders")
			f.process(f.send(99, "orders-worker", "payments", 2*second), "payer", "payments", 3*second, 4*second)
			return f
		}, []string{"payments"}},
		"by time, where the send is lost": {func(at int64) *facts {
			f := chain(at, "orders")
			f.process(99, "payer", "payments", 3*second, 4*second)
			return f
		}, []string{"payments"}},
		"of a service that consumed nothing": {func(at int64) *facts {
			f := chain(at, "orders")
			f.process(f.send(99, "cron", "payments", 2*second), "payer", "payments", 3*second, 4*second)
			return f
		}, []string{}},
		"a dead letter and a retry": {func(at int64) *facts {
			f := chain(at, "orders")
			f.process(f.send(2, "orders-worker", "other.dlq", 2*second), "fixer", "other.dlq", 3*second, 4*second)
			f.process(f.send(2, "orders-worker", "other.retry", 2*second), "other", "other.retry", 3*second, 4*second)
			return f
		}, []string{}},
		"a made-up reply queue": {func(at int64) *facts {
			f := chain(at, "orders")
			f.process(f.send(2, "orders-worker", "amq.gen-x1", 2*second), "api", "amq.gen-x1", 3*second, 4*second)
			return f
		}, []string{}},
	} {
		b := newBook(t, few)
		teach(b, 20, tc.operationAt)
		require.ElementsMatch(t, tc.want, after(b, "orders"), name)
	}
}

func TestEachOfSeveralMessagesMustGoOn(t *testing.T) {
	several := func(goOn int) func(at int64) *facts {
		return func(at int64) *facts {
			f := started(at)
			for n := range 3 {
				from := int64(n) * 10 * second
				attempt := f.process(f.send(0, "api", "orders", from), "worker", "orders", from+second, from+3*second)
				if n < goOn {
					f.process(f.send(attempt, "worker", "payments", from+2*second), "payer", "payments", from+3*second, from+4*second)
				}
			}
			return f
		}
	}
	b := newBook(t, few)
	teach(b, 20, several(3))
	require.Equal(t, []string{"payments"}, after(b, "orders"))
	teach(b, 1, several(2))
	require.Empty(t, after(b, "orders"))
}

// TestWhatAlwaysFollowsByWayOfAnotherIsNoSuccessor though the way is lost now and then.
func TestWhatAlwaysFollowsByWayOfAnotherIsNoSuccessor(t *testing.T) {
	b := newBook(t, few)
	for range 10 {
		teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments", "shipments") })
		teach(b, 1, func(at int64) *facts {
			f := chain(at, "orders")
			f.process(f.send(2, "orders-worker", "shipments", 2*second), "shipper", "shipments", 3*second, 4*second)
			return f
		})
	}
	teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments", "shipments") })
	require.Equal(t, []string{"payments"}, after(b, "orders"))
}

func TestHowLongAfter(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, func(at int64) *facts {
		f := chain(at, "orders")
		f.process(f.send(99, "orders-worker", "payments", 63*second), "payer", "payments", 64*second, 65*second)
		return f
	})
	successors := b.Successors("orders", "orders", "", nil)
	require.Len(t, successors, 1)
	near(t, 60*second, successors[0].Usual.Value)
	near(t, 3*minute, successors[0].Usual.Threshold)
	usual, ok := b.Usual(operation.Stage{Kind: operation.StageFollowing, Operation: "orders", Destination: "orders", Next: "payments"})
	require.True(t, ok)
	require.Equal(t, successors[0].Usual, usual)
	_, ok = b.Usual(operation.Stage{Kind: operation.StageFollowing, Operation: "orders", Destination: "orders", Next: "mails"})
	require.False(t, ok)

	b = newBook(t, few)
	teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments") })
	require.Equal(t, 30*time.Second, threshold(b, operation.Stage{Kind: operation.StageFollowing, Operation: "orders", Destination: "orders", Next: "payments"}),
		"what is sent before the hop ends follows at once")
}

// TestJudgeAgrees: no operation of the kind that was learned from is stalled by what was learned, and one that lacks what follows is.
func TestJudgeAgrees(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, func(at int64) *facts { return chain(at, "orders", "payments", "shipments") })
	policy := operation.DefaultPolicy()
	judge := func(f *facts) operation.Verdict {
		return operation.Judge(f.view(), &policy, &operation.Circumstances{Experience: b}, f.begun+hour)
	}
	require.Equal(t, operation.StateCompleted, judge(chain(epoch, "orders", "payments", "shipments")).State)
	verdict := judge(chain(epoch, "orders", "payments"))
	require.Equal(t, operation.StuckStalled, verdict.Reason)
	require.Equal(t, "shipments", verdict.Awaited)
	require.Equal(t, operation.SourceLearned, verdict.Source)
	require.Equal(t, 20, verdict.Usual.Samples)
}

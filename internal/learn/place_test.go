package learn

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// fanOut is an operation whose message several groups consume, each by the service of its name with -svc.
func fanOut(groups ...string) func(at int64) *facts {
	return func(at int64) *facts {
		f := started(at)
		message := f.send(0, "api", "orders", 0)
		for i, group := range groups {
			f.processIn(group, message, group+"-svc", "orders", int64(i+1)*second, int64(i+2)*second)
		}
		return f
	}
}

func groupsOf(b *Book) []operation.UsualGroup { return b.Groups("orders", nil) }

func TestGroupsThatConsumeEachMessage(t *testing.T) {
	packing, audit := operation.UsualGroup{Group: "packing", Service: "packing-svc"}, operation.UsualGroup{Group: "audit", Service: "audit-svc"}
	b := newBook(t, few)
	teach(b, 19, fanOut("packing", "audit"))
	require.Empty(t, groupsOf(b))
	teach(b, 1, fanOut("packing", "audit"))
	require.ElementsMatch(t, []operation.UsualGroup{packing, audit}, groupsOf(b))
	teach(b, 1, fanOut("packing"))
	require.Equal(t, []operation.UsualGroup{packing}, groupsOf(b))
	teach(b, 19, fanOut("packing", "audit"))
	require.Equal(t, []operation.UsualGroup{packing}, groupsOf(b))
	teach(b, 1, fanOut("packing", "audit"))
	require.ElementsMatch(t, []operation.UsualGroup{packing, audit}, groupsOf(b))
	require.ElementsMatch(t, []string{"packing-svc", "audit-svc"}, b.Consumers("orders", nil))
	require.Empty(t, b.Groups("payments", nil))
	require.Empty(t, b.Consumers("payments", nil))
}

func TestAServiceIsItsOwnGroup(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, func(at int64) *facts { return chain(at, "orders") })
	require.Equal(t, []operation.UsualGroup{{Group: "orders-worker", Service: "orders-worker"}}, groupsOf(b))
}

func TestAMessageThatWasConsumedUnseenTellsNothingOfGroups(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, fanOut("packing", "audit"))
	v := fanOut("packing")(epoch).view()
	v.Hops[0].PresumeConsumed(epoch)
	b.Learn(v, epoch)
	require.Len(t, groupsOf(b), 2)
}

// TestAConsumerThatNamesNoGroupIsOfTheGroupOfItsService: a lone log line, or a consumption that is inferred, names none.
func TestAConsumerThatNamesNoGroupIsOfTheGroupOfItsService(t *testing.T) {
	nameless := func(at int64) *facts {
		f := started(at)
		f.process(f.send(0, "api", "orders", 0), "packing-svc", "orders", second, 2*second)
		return f
	}
	b := newBook(t, few)
	teach(b, 20, fanOut("packing"))
	teach(b, 1, nameless)
	require.Equal(t, []operation.UsualGroup{{Group: "packing", Service: "packing-svc"}}, groupsOf(b))
	for _, kind := range []operation.StageKind{operation.StageWaiting, operation.StageProcessing} {
		require.NotZero(t, threshold(b, operation.Stage{Kind: kind, Operation: "orders", Destination: "orders", Group: "packing-svc"}))
		require.NotZero(t, threshold(b, operation.Stage{Kind: kind, Operation: "new", Destination: "orders", Group: "packing-svc"}))
	}
	require.Zero(t, threshold(b, operation.Stage{Kind: operation.StageProcessing, Operation: "orders", Destination: "orders", Group: "audit-svc"}))

	b = newBook(t, few)
	teach(b, 1, nameless)
	teach(b, 19, fanOut("packing"))
	require.Len(t, groupsOf(b), 1, "and the other way round")
}

func TestGroupsOfOneInstanceAreNoHabit(t *testing.T) {
	b := newBook(t, few)
	teach(b, 20, fanOut("packing", "cache-5f0e7c2a-1b3d-4c5e-8f90-a1b2c3d4e5f6"))
	require.Len(t, groupsOf(b), 1)
	for n := range 100 {
		teach(b, 1, fanOut("packing", fmt.Sprintf("cache-%x", n)))
	}
	require.Len(t, groupsOf(b), 1, "the one that is a habit does not give way")
	require.Len(t, b.destinations["orders"].groups, maxGroups)
	require.Len(t, b.Consumers("orders", nil), maxConsumers)
}

func TestNamesThatChange(t *testing.T) {
	for name, want := range map[string]bool{
		"orders": false, "orders-v2": false, "com.example.OrderPlaced": false, "delay-60000": false, "persistent://public/default/orders": false,
		"feedbeef": false, "decade-facade-accede": false, "arn:aws:sns:us-east-1:123456789012:orders": false,
		"https://sqs.us-east-1.amazonaws.com/123456789012/orders": false, "POST /orders/{id}": false, "": false,
		"reply-5f0e7c2a-1b3d-4c5e-8f90-a1b2c3d4e5f6": true, "amq.gen-x": true, "_INBOX.x": true, "GET /orders/4711004": true,
		"export-20261121": true, "job:507f1f77bcf86cd799439011": true, "4bf92f3577b34da6a3ce929d0e0e4736": true,
		string(make([]byte, maxName+1)): true,
	} {
		require.Equal(t, want, changing(name), name)
	}
}

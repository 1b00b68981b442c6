package grouping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
	"github.com/throughline/throughline/internal/template"
)

// BenchmarkFingerprint measures what one failed operation costs from its error to the ID of its incident: over the whole corpus,
// and for a stack trace as long as the collector keeps any.
func BenchmarkFingerprint(b *testing.B) {
	failures := corpus(b)
	b.Run("corpus", func(b *testing.B) { fingerprint(b, failures) })
	b.Run("long", func(b *testing.B) { fingerprint(b, []failure{throughAFramework()}) })
}

// throughAFramework is a failure whose stack trace fills all the room there is, with the application's call at its end.
func throughAFramework() failure {
	var trace strings.Builder
	trace.WriteString("com.acme.OrderException: order 42 of Alice failed\n")
	for trace.Len() < maxStack-200 {
		fmt.Fprintf(&trace, "\tat org.springframework.kafka.listener.Container%d.invoke(Container.java:%d)\n", trace.Len()%7, trace.Len())
	}
	trace.WriteString("Caused by: java.net.SocketTimeoutException: no answer within 30000 ms\n\tat com.acme.Gateway.charge(Gateway.java:9)\n")
	return failure{Type: "com.acme.OrderException", Message: "order 42 of Alice failed", Stack: trace.String()}
}

func fingerprint(b *testing.B, failures []failure) {
	b.Helper()
	changes := make([]operation.Change, len(failures))
	size := 0
	for i, f := range failures {
		size += len(f.Stack) + len(f.Message)
		changes[i] = operation.Change{
			View: &operation.View{ID: "o", Name: "fulfilment", Hops: []operation.Hop{{
				System: "kafka", Destination: "orders", Consumers: []operation.Consumer{{
					Group: "packers", Attempts: []operation.Attempt{{Error: &operation.Error{Type: f.Type, Message: f.Message, Stack: f.Stack}}},
				}},
			}}},
			Verdict: operation.Verdict{State: operation.StateFailed},
		}
	}
	miner, err := template.NewMiner(template.DefaultSettings())
	require.NoError(b, err)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		key, ok := incident.KeyOf(&changes[i%len(changes)], stack.Rules{})
		if !ok {
			b.Fatal("a failure without a key")
		}
		place := key
		place.Message = ""
		key.Message = miner.Template(place, key.Message)
		key.ID()
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "failures/s")
	b.ReportMetric(float64(size)/float64(len(failures)), "bytes/failure")
}

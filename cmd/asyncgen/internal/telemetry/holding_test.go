package telemetry

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/throughline/throughline/cmd/asyncgen/internal/otlptest"
)

// named makes a span that has ended.
func named(name string) sdktrace.ReadOnlySpan { return tracetest.SpanStub{Name: name}.Snapshot() }

// names are those of the spans that an exporter took, in order.
func names(exporter *tracetest.InMemoryExporter) []string {
	var all []string
	for _, s := range exporter.GetSpans() {
		all = append(all, s.Name)
	}
	return all
}

func TestHeldRequestsOvertakeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		delays := []time.Duration{9 * time.Second, 2 * time.Second}
		held := Service{Delay: func() time.Duration {
			first := delays[0]
			delays = delays[1:]
			return first
		}}.way(exporter)
		batch := []sdktrace.ReadOnlySpan{named("slow")}
		require.NoError(t, held.ExportSpans(t.Context(), batch))
		synctest.Wait()
		// The SDK fills the slice again.
		batch[0] = named("fast")
		require.NoError(t, held.ExportSpans(t.Context(), batch))
		time.Sleep(3 * time.Second) // synctest: fake time
		require.Equal(t, []string{"fast"}, names(exporter))
		time.Sleep(7 * time.Second) // synctest: fake time
		require.Equal(t, []string{"fast", "slow"}, names(exporter))
		require.NoError(t, held.Shutdown(t.Context()))
	})
}

func TestShutdownWaitsForWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &counting{}
		held := Service{Delay: func() time.Duration { return time.Minute }}.way(server)
		require.NoError(t, held.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{named("one")}))
		begun := time.Now()
		require.NoError(t, held.Shutdown(t.Context()))
		require.Equal(t, time.Minute, time.Since(begun))
		require.Equal(t, 1, server.spans)

		held = Service{Delay: func() time.Duration { return time.Minute }}.way(server)
		require.NoError(t, held.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{named("two")}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, held.Shutdown(ctx))
		require.Equal(t, 2, server.spans, "what time is left for is sent at once")
	})
}

// counting is an exporter that counts spans.
type counting struct{ spans int }

func (c *counting) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	c.spans += len(spans)
	return nil
}

func (*counting) Shutdown(context.Context) error { return nil }

func TestVoices(t *testing.T) {
	server := otlptest.Start(t)
	conn, err := Dial(context.Background(), Connection{Endpoint: server.Endpoint, Insecure: true, Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	p, err := New(context.Background(), conn, []Service{
		{Name: "order-api", Instance: "a"}, {Name: "order-api", Instance: "a", Voice: "mute", Mute: true},
		{Name: "order-api", Instance: "a", Voice: "late", Delay: func() time.Duration { return time.Millisecond }},
	})
	require.NoError(t, err)
	for _, voice := range []string{"order-api", "mute", "late"} {
		_, span := p.Tracer(voice).Start(context.Background(), voice)
		span.End()
	}
	require.NoError(t, p.Shutdown(context.Background()))
	require.Equal(t, int64(2), p.Delivery().SpansSent)
	var got []string
	for _, traces := range server.Traces() {
		for _, rs := range traces.ResourceSpans().All() {
			name, _ := rs.Resource().Attributes().Get("service.name")
			require.Equal(t, "order-api", name.Str())
			got = append(got, rs.ScopeSpans().At(0).Spans().At(0).Name())
		}
	}
	slices.Sort(got)
	require.Equal(t, []string{"late", "order-api"}, got)
}

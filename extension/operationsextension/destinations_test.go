package operationsextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/operation"
)

// parse reads a configuration of the extension over the defaults.
func parse(t *testing.T, yaml string) *Config {
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(cfg))
	return cfg
}

const destinationsYAML = `
dead_letter_destinations: [morgue, "lost.*"]
retry_destinations: [nursery, "*.again"]
`

// judged returns the operation of a failed attempt at a message of orders, which was then sent to the destination.
func judged(t *testing.T, cfg *Config, destination string) engine.Snapshot {
	e, err := engine.New(cfg.engineSettings())
	require.NoError(t, err)
	now := time.Unix(1_700_000_000, 0)
	at := func(s int) int64 { return now.UnixNano() + int64(s)*int64(time.Second) }
	in := operation.TraceID{1}
	e.Apply(now.Add(5*time.Second), []operation.Fact{
		{Kind: operation.KindSend, ID: "o-1", Trace: in, Span: operation.SpanID{1}, At: at(0), End: at(1), Service: "api", Destination: "orders"},
		{
			Kind: operation.KindProcess, Consumer: true, Remote: true, Trace: in, Span: operation.SpanID{2}, Parent: operation.SpanID{1}, At: at(1), End: at(3),
			Service: "worker", Destination: "orders", Outcome: operation.OutcomeError,
		},
		{
			Kind: operation.KindSend, Trace: in, Span: operation.SpanID{3}, Parent: operation.SpanID{2}, At: at(2), End: at(3), Service: "worker",
			Destination: destination,
		},
	}, nil)
	e.Sweep(now.Add(20 * time.Second))
	s, known := e.Get("", "o-1")
	require.True(t, known)
	return s
}

func TestNamedDestinations(t *testing.T) {
	cfg := parse(t, destinationsYAML)
	require.NoError(t, xconfmap.Validate(cfg))
	require.Equal(t, []string{"morgue", "lost.*"}, cfg.DeadLetterDestinations)
	require.Equal(t, []string{"nursery", "*.again"}, cfg.RetryDestinations)
	for destination, want := range map[string]struct {
		named, usual operation.State
		hops         int
	}{
		"morgue":       {operation.StateDeadLettered, operation.StateInProgress, 2},
		"lost.orders":  {operation.StateDeadLettered, operation.StateInProgress, 2},
		"orders.dlq":   {operation.StateDeadLettered, operation.StateDeadLettered, 2},
		"nursery":      {operation.StateInProgress, operation.StateInProgress, 1},
		"orders.again": {operation.StateInProgress, operation.StateInProgress, 1},
		"orders.retry": {operation.StateInProgress, operation.StateInProgress, 1},
		"payments":     {operation.StateInProgress, operation.StateInProgress, 2},
	} {
		s := judged(t, cfg, destination)
		require.Equal(t, want.named.String(), s.Verdict.State.String(), destination)
		require.Len(t, s.View.Hops, want.hops, destination)
		usual := judged(t, createDefaultConfig().(*Config), destination)
		require.Equal(t, want.usual.String(), usual.Verdict.State.String(), "%s, without configuration", destination)
	}
	require.Len(t, judged(t, createDefaultConfig().(*Config), "nursery").View.Hops, 2, "no usual name of a retry destination")
}

func TestBadDestinationsAreRefusedByKeyAndValue(t *testing.T) {
	err := xconfmap.Validate(parse(t, `
dead_letter_destinations: [morgue, ""]
retry_destinations: ["**", nursery, "*"]
`))
	for _, want := range []string{
		"`dead_letter_destinations[1]` is empty: name a destination",
		"`retry_destinations[0]` is \"**\": that is every destination",
		"`retry_destinations[2]` is \"*\": that is every destination",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "retry_destinations[1]")
	require.NotContains(t, err.Error(), "dead_letter_destinations[0]")
}

package operationsextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/throughline/throughline/internal/operation"
)

func load(t *testing.T, name string) *Config {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	sub, err := conf.Sub(name)
	require.NoError(t, err)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestEmptyConfigurationIsTheDefaults(t *testing.T) {
	cfg := load(t, "operations")
	require.NoError(t, xconfmap.Validate(cfg))
	require.Equal(t, createDefaultConfig(), component.Config(cfg))
	require.Equal(t, operation.DefaultPolicy(), *cfg.rules().Policy(&operation.View{}))
}

func TestRulesFallBackToTheDefaults(t *testing.T) {
	cfg := load(t, "operations/all")
	require.NoError(t, xconfmap.Validate(cfg))
	v := &operation.View{Name: "order", Hops: []operation.Hop{{
		Destination: "orders", Sends: []operation.Send{{Origin: operation.Origin{Service: "order-api", Name: "send orders"}}},
	}}}
	require.Equal(t, operation.Policy{
		Rule: "order-fulfilment", OperationName: "fulfilment", CompletesOn: "shipments",
		Waiting:    operation.Threshold{Limit: 2 * time.Minute, Source: operation.SourceRule},
		Processing: operation.Threshold{Limit: 20 * time.Second, Source: operation.SourceDefaults},
		Stalled:    operation.Threshold{Limit: time.Minute},
		Deadline:   operation.Threshold{Limit: time.Hour, Source: operation.SourceDefaults}, RetryWithin: time.Minute, RetrySource: operation.SourceRule, Settle: 0,
		Severity: operation.SeverityCritical, Priority: 1, Owner: "team-fulfilment", Runbook: "https://runbooks.example.com/orders",
	}, *cfg.rules().Policy(v))
	require.Equal(t, operation.Policy{
		Waiting:    operation.Threshold{Limit: 10 * time.Second, Source: operation.SourceDefaults},
		Processing: operation.Threshold{Limit: 20 * time.Second, Source: operation.SourceDefaults},
		Stalled:    operation.Threshold{Limit: time.Minute},
		Deadline:   operation.Threshold{Limit: time.Hour, Source: operation.SourceDefaults}, RetryWithin: 5 * time.Second, RetrySource: operation.SourceDefaults, Settle: 2 * time.Second,
		Severity: operation.SeverityWarning, Priority: 4, Owner: "platform", Runbook: "https://runbooks.example.com/default",
	}, *cfg.rules().Policy(&operation.View{Name: "other"}))
}

func TestBadConfigurationIsRefusedByKeyAndValue(t *testing.T) {
	err := xconfmap.Validate(load(t, "operations/bad"))
	for _, want := range []string{
		"`max_operations` is 0: must be at least 1",
		"`sweep_interval` is 1ms: must be between 10ms and 1m",
		"`retention` is -1s: must not be negative",
		"`defaults::severity` is \"terrible\": must be one of info, warning, error, critical",
		"`rules[0]::name` is empty",
		"`rules[0]::match` is empty",
		"`rules[0]::stuck::waiting` is -1s: must not be negative",
		"`rules[1]::priority` is -1",
		"`rules[2]::name` is \"twice\": rules[1] has this name already",
		"`rules[3]::match::destination[1]` is empty: give a name, or * for any",
		"`rules[3]::stuck::deadline` is 900000h0m0s: must be at most 87600h0m0s",
		"`incidents::max` is -5: must be at least 1",
		"`incidents::storm` is 1: must be 0, or at least 2",
		"`incidents::in_app`: exclude[1] is \"\": must be the beginning of a function or of a file",
	} {
		require.ErrorContains(t, err, want)
	}
	err = xconfmap.Validate(load(t, "operations/too_much"))
	for _, want := range []string{
		"`max_waiting` is 1000000000: must be at least 1 and at most 100000000",
		"`arrival_grace` is 100000h0m0s: must be at most 87600h0m0s",
		"`incidents::resolve_failed_after` is 0s: must be positive",
	} {
		require.ErrorContains(t, err, want)
	}
}

// ruled returns the verdict on an operation whose hops are all done long ago, but for what the configuration expects.
func ruled(cfg *Config, v *operation.View) operation.Verdict {
	return operation.Judge(v, cfg.rules().Policy(v), &operation.Circumstances{}, int64(time.Hour))
}

func TestHopsAndDestinations(t *testing.T) {
	cfg := load(t, "operations/hops")
	require.NoError(t, xconfmap.Validate(cfg))
	sent := func(destination string) *operation.View {
		return &operation.View{Name: destination, Hops: []operation.Hop{{
			Destination: destination, Sends: []operation.Send{{StartedAt: int64(59 * time.Minute)}},
		}}}
	}
	require.Equal(t, operation.StateInProgress, ruled(cfg, sent("mails")).State, "a destination that may take longer")
	require.Equal(t, operation.StateStuck, ruled(cfg, sent("other")).State)
	got := ruled(cfg, sent("orders"))
	require.Equal(t, operation.StateStuck, got.State)
	require.Equal(t, operation.SourceHop, got.Source)
	require.Equal(t, int64(10*time.Second), got.Threshold)

	done := sent("orders")
	done.Hops[0].State = operation.HopDone
	done.Hops[0].Consumers = []operation.Consumer{{Group: "payments", State: operation.HopDone, Attempts: []operation.Attempt{{EndedAt: 1}}}}
	got = ruled(cfg, done)
	require.Equal(t, operation.StuckStalled, got.Reason)
	require.Equal(t, "shipments", got.Awaited)
	done.Hops[0].Destination, done.Name = "news", "news"
	got = ruled(cfg, done)
	require.Equal(t, operation.StuckWaiting, got.Reason)
	require.Equal(t, "audit", got.Group)
}

func TestBadHopsAreRefused(t *testing.T) {
	err := xconfmap.Validate(load(t, "operations/bad_hops"))
	for _, want := range []string{
		"`destinations[0]` matches every hop: give at least one of destination, type, group",
		"`destinations[1]` says nothing of the hop: give at least one of stuck, then, groups",
		"`rules[0]::hops[0]::group` is [\"payments\"]: then, groups and stuck::stalled are for all groups",
		"`rules[0]::hops[1]::stuck::waiting` is -1s: must not be negative",
		"`rules[0]::hops[1]::then[0]` is empty: give a name",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestTwoConfigurationsShareNothing(t *testing.T) {
	a, b := createDefaultConfig().(*Config), createDefaultConfig().(*Config)
	*a.Defaults.Settle = time.Hour
	require.Equal(t, operation.DefaultPolicy().Settle, *b.Defaults.Settle)
}

// TestWhateverPassesValidationCanBeCreated: the parts below check bounds of their own and know no YAML key.
func TestWhateverPassesValidationCanBeCreated(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.MaxOperations, cfg.MaxFacts, cfg.MaxWaiting, cfg.Incidents.Max = 1, 1, 1, 1
	cfg.WaitForIdentity, cfg.Retention, cfg.ArrivalGrace, cfg.Incidents.ResolveFailedAfter = 0, 0, 0, 1
	require.NoError(t, xconfmap.Validate(cfg))
	_, err := newOperations(extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
}

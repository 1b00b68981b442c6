package options

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/sim"
)

func TestDefaults(t *testing.T) {
	o, err := Parse(nil)
	require.NoError(t, err)
	require.Equal(t, Options{
		Endpoint: "localhost:4317", Insecure: true, ConnectTimeout: 10 * time.Second,
		Operations: 1000, Rate: 200, Hops: 3, Propagation: sim.PropagationTrace,
		Mix: plan.Mix{78, 8, 4, 4, 2, 2, 2}, TimeScale: 1, Progress: 5 * time.Second,
		Long: 10 * time.Second, GapService: "notify-worker", GapAfter: 30 * time.Second, SkewService: "shipping-worker",
		Instances: 1, Bad: plan.Bad{Share: 0.8},
	}, o)
}

func TestAllFlags(t *testing.T) {
	o, err := Parse([]string{
		"--endpoint", "[::1]:14317", "--insecure=false", "--ca-file", "ca.pem", "--connect-timeout=3s", "--for", "10m",
		"--rate", "0.5", "--seed", "18446744073709551615", "--hops=16", "-propagation", "none", "--mix", "killed=1,failed=3",
		"--time-scale", "0.25", "--recover", "20s", "--truth", "-", "--progress", "0",
		"--long", "9s", "--late", "10s", "--gap-service", "crm-worker", "--gap-after", "1m", "--gap-for", "40s", "--gap-late",
		"--skew-service", "order-api", "--skew", "-3s", "--periodic", "20s", "--periodic-missed", "4",
		"--instances", "6", "--bad", "version=order-api:2", "--bad-share", "0.4", "--bad-from", "30",
	})
	require.NoError(t, err)
	require.Equal(t, Options{
		Endpoint: "[::1]:14317", CAFile: "ca.pem", ConnectTimeout: 3 * time.Second, For: 10 * time.Minute,
		Rate: 0.5, Seed: 1<<64 - 1, Hops: 16, Propagation: sim.PropagationNone,
		Mix:       plan.Mix{plan.ScenarioKilled: 1, plan.ScenarioFailed: 3},
		TimeScale: 0.25, Recover: 20 * time.Second, Truth: "-",
		Long: 9 * time.Second, Late: 10 * time.Second, GapService: "crm-worker", GapAfter: time.Minute, GapFor: 40 * time.Second, GapLate: true,
		SkewService: "order-api", Skew: -3 * time.Second, Periodic: 20 * time.Second, PeriodicMissed: 4,
		Instances: 6, Bad: plan.Bad{Attribute: plan.BadVersion, Of: "order-api", Version: "2", Share: 0.4, From: 30},
	}, o)
}

func TestCAFileImpliesTLS(t *testing.T) {
	o, err := Parse([]string{"--ca-file", "ca.pem"})
	require.NoError(t, err)
	require.False(t, o.Insecure)
	o, err = Parse([]string{"--insecure"})
	require.NoError(t, err)
	require.True(t, o.Insecure)
}

func TestRefused(t *testing.T) {
	const mixNames = "completed, retried, failed, never_consumed, killed, duplicated, dead_lettered, " +
		"stalled, delayed, fanout, group_missing, cancelled, progress, progress_killed"
	const services = "order-api, payment-worker, refund-api, refund-worker, signup-api, account-worker, price-api, search-indexer, cache-warmer, " +
		"price-auditor, scheduler, report-worker"
	for args, want := range map[string]string{
		"--endpoint localhost":             `--endpoint "localhost": want host:port with a port from 1 to 65535, without a scheme`,
		"--endpoint http://localhost:4317": `--endpoint "http://localhost:4317": want host:port with a port from 1 to 65535, without a scheme`,
		"--endpoint http://localhost":      `--endpoint "http://localhost": want host:port with a port from 1 to 65535, without a scheme`,
		"--endpoint :4317":                 `--endpoint ":4317": want host:port with a port from 1 to 65535, without a scheme`,
		"--endpoint a:0":                   `--endpoint "a:0": want host:port with a port from 1 to 65535, without a scheme`,
		"--endpoint a:65536":               `--endpoint "a:65536": want host:port with a port from 1 to 65535, without a scheme`,
		"--insecure=maybe":                 `--insecure "maybe": want true or false`,
		"--ca-file=":                       `--ca-file "": want a path, not nothing`,
		"--connect-timeout 0s":             `--connect-timeout "0s": want a duration such as 10m or 1.5s, from 1ms to 720h0m0s`,
		"--operations 0":                   `--operations "0": want a whole number from 1 to 100000000`,
		"--operations 1.5":                 `--operations "1.5": want a whole number from 1 to 100000000`,
		"--for -1s":                        `--for "-1s": want a duration such as 10m or 1.5s, from 1ms to 720h0m0s`,
		"--for 10":                         `--for "10": want a duration such as 10m or 1.5s, from 1ms to 720h0m0s`,
		"--for 1m --operations 3":          `--operations and --for exclude each other: give one of them`,
		"--rate 0":                         `--rate "0": want a number greater than 0, up to 100000`,
		"--rate NaN":                       `--rate "NaN": want a number greater than 0, up to 100000`,
		"--rate +Inf":                      `--rate "+Inf": want a number greater than 0, up to 100000`,
		"--seed -1":                        `--seed "-1": want a whole number from 0 to 18446744073709551615`,
		"--hops 0":                         `--hops "0": want a whole number from 1 to 16`,
		"--hops 17":                        `--hops "17": want a whole number from 1 to 16`,
		"--propagation both":               `--propagation "both": want trace, link or none`,
		"--mix lost=1":                     `--mix "lost=1": unknown scenario "lost"; allowed are ` + mixNames,
		"--mix killed=0":                   `--mix "killed=0": at least one weight must be greater than 0`,
		"--time-scale 0":                   `--time-scale "0": want a number from 0.0001 to 10000`,
		"--time-scale 1e-5":                `--time-scale "1e-5": want a number from 0.0001 to 10000`,
		"--recover soon":                   `--recover "soon": want a duration such as 10m or 1.5s, from 0s to 720h0m0s`,
		"--late -1s":                       `--late "-1s": want a duration such as 10m or 1.5s, from 0s to 720h0m0s`,
		"--skew 3":                         `--skew "3": want a duration such as -3s or 1.5s, from -720h0m0s to 720h0m0s`,
		"--gap-service=":                   `--gap-service "": want the name of a service, not nothing`,
		"--hops 1 --mix stalled=1":         `--mix with stalled needs --hops 2 or more, not 1: after the last hop nothing follows`,
		"--periodic-missed 3":              `--periodic-missed 3 is of no use without --periodic`,
		"--hops 1 --gap-for 1s":            `--gap-service "notify-worker": does not take part with --hops 1; these do: ` + services,
		"--hops 1 --skew 1s":               `--skew-service "shipping-worker": does not take part with --hops 1; these do: ` + services,
		"--bad instance=x":                 `--bad "instance=x": want instance=service:number, version=service:version or partition=destination:number`,
		"--bad zone=a:1":                   `--bad "zone=a:1": want instance=service:number, version=service:version or partition=destination:number`,
		"--bad partition=orders:6":         `--bad "partition=orders:6": want a number from 0 to 5 behind the colon`,
		"--bad instance=nobody:0 --hops 1": `--bad "nobody": does not take part with --hops 1; these do: ` + services,
		"--bad instance=payment-worker:2":  `--bad "payment-worker:2": with --instances 1 the last one is number 0`,
		"--bad partition=refunds:2":        `--bad "refunds": has no partitions with --hops 3; these have: orders, payments, signups, crm-updates, price-changes`,
		"--bad-from 3":                     `--bad-from is of no use without --bad`,
		"--instances 65":                   `--instances "65": want a whole number from 1 to 64`,
		"--truth=":                         `--truth "": want a path, not nothing`,
		"--progress -1s":                   `--progress "-1s": want a duration such as 10m or 1.5s, from 0s to 720h0m0s`,
		"--rate":                           `flag needs an argument: -rate`,
		"--speed 3":                        `flag provided but not defined: -speed`,
		"now":                              `unexpected argument "now": there are only flags`,
		"--insecure --ca-file x.pem":       `--ca-file "x.pem" is of no use with --insecure`,
	} {
		_, err := Parse(strings.Fields(args))
		require.EqualError(t, err, want, args)
	}
}

func TestBad(t *testing.T) {
	for args, want := range map[string]plan.Bad{
		"--bad instance=payment-worker:2 --instances 3":    {Attribute: plan.BadInstance, Of: "payment-worker", Number: 2, Share: 0.8},
		"--bad-share 0.5 --bad version=payment-worker:1.5": {Attribute: plan.BadVersion, Of: "payment-worker", Version: "1.5", Share: 0.5},
		"--bad partition=orders:5 --bad-from 100":          {Attribute: plan.BadPartition, Of: "orders", Number: 5, Share: 0.8, From: 100},
	} {
		o, err := Parse(strings.Fields(args))
		require.NoError(t, err, args)
		require.Equal(t, want, o.Bad)
	}
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "--help"} {
		_, err := Parse([]string{flag})
		require.ErrorIs(t, err, ErrHelp)
	}
	for _, s := range settings(&Options{}) {
		require.Contains(t, Usage(), "--"+s.name+" ")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("--rate 5 --mix killed=1")
	f.Add("--for 10m --truth -")
	f.Fuzz(func(t *testing.T, line string) {
		o, err := Parse(strings.Fields(line))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.Greater(t, o.Rate, 0.0)
		require.Greater(t, o.TimeScale, 0.0)
		require.NotEqual(t, o.Operations > 0, o.For > 0, "a run ends by number or by time")
	})
}

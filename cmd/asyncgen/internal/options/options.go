package options

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
	"github.com/throughline/throughline/cmd/asyncgen/internal/sim"
)

// Options is a checked command line.
type Options struct {
	Endpoint       string
	Insecure       bool
	CAFile         string
	ConnectTimeout time.Duration
	// Operations is 0 if For is set, and the other way round.
	Operations int
	For        time.Duration
	Rate       float64
	// Seed is 0 if one is to be chosen at random.
	Seed        uint64
	Hops        int
	Propagation sim.Propagation
	Mix         plan.Mix
	TimeScale   float64
	Recover     time.Duration
	// Long is how long an attempt of the progress scenarios takes before it dies or does the rest.
	Long time.Duration
	// Instances is the number of processes of each service, Bad what makes operations fail that come by it.
	Instances int
	Bad       plan.Bad
	// Late is by how much export requests are held back at most.
	Late time.Duration
	// Gap is when telemetry of GapService does not get through: GapFor long, GapAfter the start; with GapLate it comes then.
	GapService       string
	GapAfter, GapFor time.Duration
	GapLate          bool
	// Skew is by how much the clock of SkewService is ahead, negative if it is behind.
	SkewService string
	Skew        time.Duration
	// Periodic is how often the operation begins that runs by the clock, 0 for never; of PeriodicMissed runs the last one does not.
	Periodic       time.Duration
	PeriodicMissed int
	// Truth is a path, "-" for standard output, or empty if no truth is wanted.
	Truth    string
	Progress time.Duration
}

// Bounds of the values.
const (
	maxOperations = 100_000_000
	maxRate       = 100_000
	minTimeScale  = 0.0001
	maxTimeScale  = 10_000
	maxDuration   = 30 * 24 * time.Hour
)

// ErrHelp is returned if the command line asks for help.
var ErrHelp = flag.ErrHelp

// setting is one flag: its name, the default as a user would write it, what it says in the usage text, and how to set it.
type setting struct {
	name, value, usage string
	set                func(string) error
	isBool             bool
}

// Parse reads the arguments after the command's name. An error other than ErrHelp is the user's and says what to change.
func Parse(args []string) (Options, error) {
	var o Options
	flags := flag.NewFlagSet("asyncgen", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	var invalid error
	for _, s := range settings(&o) {
		set := func(value string) error {
			if err := s.set(value); err != nil {
				invalid = fmt.Errorf("--%s %q: %w", s.name, value, err)
			}
			return invalid
		}
		if s.value != "" && set(s.value) != nil {
			panic(fmt.Sprintf("default of %v", invalid))
		}
		if s.isBool {
			flags.BoolFunc(s.name, s.usage, set)
		} else {
			flags.Func(s.name, s.usage, set)
		}
	}
	if err := flags.Parse(args); err != nil {
		return Options{}, cmp.Or(invalid, err)
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q: there are only flags", flags.Arg(0))
	}
	return o, o.settle(flags)
}

// settle checks what concerns more than one flag.
func (o *Options) settle(flags *flag.FlagSet) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["for"] {
		if given["operations"] {
			return errors.New("--operations and --for exclude each other: give one of them")
		}
		o.Operations = 0
	}
	if err := o.services(); err != nil {
		return err
	}
	if o.Mix[plan.ScenarioStalled] > 0 && o.Hops < 2 {
		return fmt.Errorf("--mix with stalled needs --hops 2 or more, not %d: after the last hop nothing follows", o.Hops)
	}
	for _, name := range [...]string{"bad-share", "bad-from"} {
		if given[name] && o.Bad.Attribute == plan.BadNone {
			return fmt.Errorf("--%s is of no use without --bad", name)
		}
	}
	if o.PeriodicMissed > 0 && o.Periodic == 0 {
		return fmt.Errorf("--periodic-missed %d is of no use without --periodic", o.PeriodicMissed)
	}
	if o.CAFile != "" && o.Insecure {
		if given["insecure"] {
			return fmt.Errorf("--ca-file %q is of no use with --insecure", o.CAFile)
		}
		o.Insecure = false
	}
	return nil
}

// services checks that the services that are to be in trouble take part.
func (o *Options) services() error {
	p := plan.New(plan.Settings{Hops: o.Hops, Mix: o.Mix, TimeScale: 1})
	known := p.Services()
	if err := o.bad(p, known); err != nil {
		return err
	}
	for _, s := range []struct {
		flag, name string
		wanted     bool
	}{{"gap-service", o.GapService, o.GapFor > 0}, {"skew-service", o.SkewService, o.Skew != 0}} {
		if s.wanted && !slices.Contains(known, s.name) {
			return fmt.Errorf("--%s %q: does not take part with --hops %d; these do: %s", s.flag, s.name, o.Hops, strings.Join(known, ", "))
		}
	}
	return nil
}

// bad checks that what is to be bad takes part.
func (o *Options) bad(p *plan.Plan, services []string) error {
	b := &o.Bad
	var destinations []string
	for _, workflow := range p.Workflows() {
		for i := range workflow.Stages {
			if workflow.Stages[i].System == plan.SystemKafka {
				destinations = append(destinations, workflow.Stages[i].Destination)
			}
		}
	}
	switch {
	case b.Attribute == plan.BadNone:
	case b.Attribute == plan.BadPartition:
		if !slices.Contains(destinations, b.Of) {
			return fmt.Errorf("--bad %q: has no partitions with --hops %d; these have: %s", b.Of, o.Hops, strings.Join(destinations, ", "))
		}
	case !slices.Contains(services, b.Of):
		return fmt.Errorf("--bad %q: does not take part with --hops %d; these do: %s", b.Of, o.Hops, strings.Join(services, ", "))
	case b.Attribute == plan.BadInstance && b.Number >= o.Instances:
		return fmt.Errorf("--bad \"%s:%d\": with --instances %d the last one is number %d", b.Of, b.Number, o.Instances, o.Instances-1)
	}
	return nil
}

// settings is the table of all flags.
func settings(o *Options) []setting {
	return []setting{
		{"endpoint", "localhost:4317", "OTLP/gRPC server, as `host:port`", endpoint(&o.Endpoint), false},
		{"insecure", "true", "send in clear text; --insecure=false uses TLS", boolean(&o.Insecure), true},
		{"ca-file", "", "PEM `file` with the certificates to trust; implies TLS (default: those of the system)", text(&o.CAFile), false},
		{"connect-timeout", "10s", "how long to wait for the server at the start", duration(&o.ConnectTimeout, time.Millisecond), false},
		{"operations", "1000", "number of operations", integer(&o.Operations, 1, maxOperations), false},
		{"for", "", "steady traffic for a `duration` such as 10m, instead of --operations", duration(&o.For, time.Millisecond), false},
		{"rate", "200", "operations begun per second", number(&o.Rate, 0, maxRate), false},
		{"seed", "0", "the same seed gives the same operations; 0 chooses one and prints it", seed(&o.Seed), false},
		{"hops", "3", "hops of an operation that completes", integer(&o.Hops, 1, plan.MaxHops), false},
		{"propagation", string(sim.PropagationTrace), "how consumer spans relate to producer spans: trace, link or none", propagation(&o.Propagation), false},
		{"mix", "completed=78,retried=8,failed=4,never_consumed=4,killed=2,duplicated=2,dead_lettered=2", "weights of the scenarios", mix(&o.Mix), false},
		{"time-scale", "1", "multiplies all waits, processing times and backoffs", number(&o.TimeScale, minTimeScale, maxTimeScale), false},
		{"recover", "0s", "consume never_consumed messages after all, this long after they were sent; 0 means never", duration(&o.Recover, 0), false},
		{"long", "10s", "how long attempts of progress and progress_killed go on telling of their progress", duration(&o.Long, time.Millisecond), false},
		{"instances", "1", "processes of each service", integer(&o.Instances, 1, plan.MaxInstances), false},
		{"bad", "", "let operations fail that come by `instance=service:number`, version=service:version or partition=destination:number", bad(&o.Bad), false},
		{"bad-share", "0.8", "how many of the operations fail that come by what is bad", number(&o.Bad.Share, 0, 1), false},
		{"bad-from", "0", "number of the first operation after which what is bad is there", integer(&o.Bad.From, 0, maxOperations), false},
		{"late", "0s", "hold each export request back for a random time up to this, so that telemetry is late and out of order", duration(&o.Late, 0), false},
		{"gap-service", "notify-worker", "`service` whose telemetry is held back with --gap-for", service(&o.GapService), false},
		{"gap-after", "30s", "when the gap begins, from the start of the run", duration(&o.GapAfter, 0), false},
		{"gap-for", "0s", "how long the gap lasts; 0 means that there is none", duration(&o.GapFor, 0), false},
		{"gap-late", "false", "deliver what was held back when the gap is over, instead of losing it", boolean(&o.GapLate), true},
		{"skew-service", "shipping-worker", "`service` whose clock is wrong with --skew", service(&o.SkewService), false},
		{"skew", "0s", "by how much that clock is ahead; negative if it is behind", signed(&o.Skew), false},
		{"periodic", "0s", "begin a nightly-report operation every so often; 0 means never", duration(&o.Periodic, 0), false},
		{"periodic-missed", "0", "of so many nightly-report operations the last one does not start; 0 means that all do", integer(&o.PeriodicMissed, 0, maxOperations), false},
		{"truth", "", "write how each operation must be judged to a JSON `file`; - means standard output", text(&o.Truth), false},
		{"progress", "5s", "interval of progress lines on standard error; 0 means none", duration(&o.Progress, 0), false},
	}
}

// Usage is the text for --help.
func Usage() string {
	var out strings.Builder
	out.WriteString("asyncgen sends the telemetry of simulated asynchronous operations and writes down how each must be judged.\n\nFlags:\n")
	for _, s := range settings(&Options{}) {
		usage := strings.ReplaceAll(s.usage, "`", "")
		if s.value != "" {
			usage += " (default " + s.value + ")"
		}
		fmt.Fprintf(&out, "  --%-16s %s\n", s.name, usage)
	}
	return out.String()
}

func text(to *string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("want a path, not nothing")
		}
		*to = value
		return nil
	}
}

func boolean(to *bool) func(string) error {
	return func(value string) error {
		parsed, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("want true or false")
		}
		*to = parsed
		return nil
	}
}

func endpoint(to *string) func(string) error {
	return func(value string) error {
		host, port, err := net.SplitHostPort(value)
		number, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || number == 0 || host == "" || strings.ContainsAny(host, "/ ") {
			return errors.New("want host:port with a port from 1 to 65535, without a scheme")
		}
		*to = value
		return nil
	}
}

func duration(to *time.Duration, least time.Duration) func(string) error {
	return func(value string) error {
		parsed, err := time.ParseDuration(value)
		if err != nil || parsed < least || parsed > maxDuration {
			return fmt.Errorf("want a duration such as 10m or 1.5s, from %s to %s", least, maxDuration)
		}
		*to = parsed
		return nil
	}
}

// signed accepts durations in both directions.
func signed(to *time.Duration) func(string) error {
	return func(value string) error {
		parsed, err := time.ParseDuration(value)
		if err != nil || parsed.Abs() > maxDuration {
			return fmt.Errorf("want a duration such as -3s or 1.5s, from -%s to %s", maxDuration, maxDuration)
		}
		*to = parsed
		return nil
	}
}

// service takes a name; whether such a service takes part depends on other flags.
func service(to *string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("want the name of a service, not nothing")
		}
		*to = value
		return nil
	}
}

func integer(to *int, least, most int) func(string) error {
	return func(value string) error {
		parsed, err := strconv.Atoi(value)
		if err != nil || parsed < least || parsed > most {
			return fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		*to = parsed
		return nil
	}
}

// number accepts what lies above 0, from least up to most.
func number(to *float64, least, most float64) func(string) error {
	return func(value string) error {
		parsed, err := strconv.ParseFloat(value, 64)
		if err != nil || !(parsed > 0 && parsed >= least && parsed <= most) {
			bound := fmt.Sprintf("from %g", least)
			if least == 0 {
				bound = "greater than 0, up"
			}
			return fmt.Errorf("want a number %s to %g", bound, most)
		}
		*to = parsed
		return nil
	}
}

func seed(to *uint64) func(string) error {
	return func(value string) error {
		parsed, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return errors.New("want a whole number from 0 to 18446744073709551615")
		}
		*to = parsed
		return nil
	}
}

func propagation(to *sim.Propagation) func(string) error {
	return func(value string) error {
		if !slices.Contains(sim.Propagations, sim.Propagation(value)) {
			return errors.New("want trace, link or none")
		}
		*to = sim.Propagation(value)
		return nil
	}
}

// bad keeps the share and the beginning, which flags of their own say.
func bad(to *plan.Bad) func(string) error {
	return func(value string) error {
		parsed, err := plan.ParseBad(value)
		if err != nil {
			return err
		}
		parsed.Share, parsed.From = to.Share, to.From
		*to = parsed
		return nil
	}
}

func mix(to *plan.Mix) func(string) error {
	return func(value string) error {
		parsed, err := plan.ParseMix(value)
		if err != nil {
			return err
		}
		*to = parsed
		return nil
	}
}

// Command cmd replays a recording to a running collector and prints the confusion matrix and every difference.
//
// The collector is to be started with `throughline --config embedded:quickstart --config test/replay/config.yaml`, anew for
// each recording. The exit code is 0 whatever the verdicts are, 1 if the replay itself failed, 2 for a wrong command line.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/throughline/throughline/test/replay"
	"github.com/throughline/throughline/test/verdict"
)

type options struct {
	recording, endpoint, console, order string
	seed                                uint64
	speed                               float64
	quiet                               time.Duration
	live, detail                        bool
}

func main() {
	var o options
	flag.StringVar(&o.recording, "recording", "test/conformance/testdata/go-kotel", "folder of the recording")
	flag.StringVar(&o.endpoint, "endpoint", "http://localhost:4318", "OTLP/HTTP end point of the collector")
	flag.StringVar(&o.console, "console", "http://localhost:8321", "console of the collector")
	flag.StringVar(&o.order, "order", string(replay.OrderArrival), "arrival, reversed, shuffled, duplicated or duplicated-shuffled")
	flag.Uint64Var(&o.seed, "seed", 1, "for random orders")
	flag.Float64Var(&o.speed, "speed", 0, "keep the distances in time, divided by this; 0 sends at once")
	flag.BoolVar(&o.live, "live", false, "move the recording to now, so that thresholds matter; use it with --speed 1")
	flag.DurationVar(&o.quiet, "quiet", 4*time.Second, "how long no verdict may change at the end")
	flag.BoolVar(&o.detail, "detail", false, "show every difference in full")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	recording, err := replay.Load(o.recording)
	if err != nil {
		return err
	}
	requests, err := replay.Arrange(recording.Requests, replay.Order(o.order), o.seed)
	if err != nil {
		return err
	}
	if o.live && len(requests) > 0 {
		if requests, err = replay.Shift(requests, time.Since(recording.Requests[0].At)); err != nil {
			return err
		}
	}
	if err := replay.Send(ctx, o.endpoint, requests, o.speed); err != nil {
		return err
	}
	judged, err := replay.Settled(ctx, verdict.Client{BaseURL: o.console}, o.quiet)
	if err != nil {
		return err
	}
	report, err := replay.Compare(&recording.Truth, judged)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d requests: %s\n%s", recording.Name, len(requests), report.Summary(), report.List())
	if !o.detail {
		return nil
	}
	for i := range report.Differences {
		fmt.Fprint(out, "\n", report.Differences[i].Detail())
	}
	return nil
}

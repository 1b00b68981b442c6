// Command asyncgen generates the telemetry of asynchronous operations and the truth about them.
//
// It simulates services that pass messages through several queues, instrumented with the real OpenTelemetry SDK and sending
// by OTLP/gRPC, and lets a chosen share of the operations be retried, fail, be duplicated or get stuck.
// The README beside it documents the flags, what is emitted and the format of the truth.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/throughline/throughline/cmd/asyncgen/internal/options"
)

// Exit codes.
const (
	exitOK = iota
	// exitFailed: the server could not be reached, telemetry was lost, or the truth could not be written.
	exitFailed
	// exitUsage: the command line is wrong.
	exitUsage
)

func main() {
	if os.Getenv("GOGC") == "" {
		// Short-lived spans are all there is on the heap: collecting less often saves a sixth of the CPU, which at high rates
		// decides whether the schedule is kept.
		debug.SetGCPercent(300)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(os.Args[1:], signals, os.Stdout, os.Stderr))
}

// run is main without the process around it.
func run(args []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	o, err := options.Parse(args)
	switch {
	case errors.Is(err, options.ErrHelp):
		fmt.Fprint(stdout, options.Usage())
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "asyncgen: %v\nasyncgen --help lists all flags.\n", err)
		return exitUsage
	}
	abort, stop, release := listen(signals, stderr)
	defer release()
	if err := generate(abort, stop, o, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "asyncgen: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// listen returns a context that ends at the second signal and one that ends at the first.
func listen(signals <-chan os.Signal, stderr io.Writer) (abort, stop context.Context, release func()) {
	abort, abortNow := context.WithCancel(context.Background())
	stop, stopNow := context.WithCancel(abort)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			fmt.Fprintln(stderr, "asyncgen: stopping: operations under way come to their end; a second signal leaves them")
			stopNow()
		case <-abort.Done():
			return
		}
		select {
		case <-signals:
			abortNow()
		case <-abort.Done():
		}
	}()
	return abort, stop, func() {
		abortNow()
		<-done
	}
}

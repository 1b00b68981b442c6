// Command picture draws a derived trace as Jaeger's API returns it: who did what when, what waited in which queue, what
// failed, and which original traces lie behind it.
//
// The pictures are SVG with nothing to load and nothing to run. Whatever comes from telemetry is escaped and bounded. With
// -jaeger and -trace it draws one trace to standard output; otherwise it starts the real servers, lets the workload
// generator have its accidents, and draws a retried, a stuck and a dead-lettered operation (`make pictures`).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

type options struct {
	jaeger, trace  string
	bin, work, out string
}

func main() {
	var opts options
	flag.StringVar(&opts.jaeger, "jaeger", "http://localhost:16686", "base URL of Jaeger, with -trace")
	flag.StringVar(&opts.trace, "trace", "", "ID of the one trace to draw to standard output")
	flag.StringVar(&opts.bin, "bin", "bin", "folder with the built binaries, without -trace")
	flag.StringVar(&opts.work, "work", ".run/pictures", "folder for logs and data, emptied at the start, without -trace")
	flag.StringVar(&opts.out, "out", "docs/images", "folder for the pictures, without -trace")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, opts, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options, out io.Writer) error {
	if opts.trace == "" {
		return stage(ctx, opts, out)
	}
	t, err := get(ctx, opts.jaeger, opts.trace)
	if err != nil {
		return err
	}
	_, err = out.Write(draw(t))
	return err
}

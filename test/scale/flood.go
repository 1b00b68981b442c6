package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/test/stack"
)

const (
	// perFlood are the spans of one request of a flood.
	perFlood = 500
	// sampled is how often memory and files are looked at.
	sampled = 250 * time.Millisecond
	// afterFlood is how long the collector is watched when all was sent: what it keeps must not go on growing.
	afterFlood = 20 * time.Second
)

// floods are the variants of the shipped configuration, with the file of the store in the collector's folder each; "" = none.
var floods = []struct{ name, store string }{{"on", "operations.db"}, {"off", ""}}

// floodName names the figure when so many percent of the flood were sent; past 100 nothing more came.
func floodName(variant, what string, percent int) string {
	return fmt.Sprintf("%s_%s_%d", variant, what, percent)
}

// measureFlood sends spans that each name an operation, a service, a destination and all else that never occurred before to
// the collector as it is shipped, and watches its memory and its files.
func measureFlood(ctx context.Context, o options) (figures, error) {
	found := figures{"ids": float64(o.flood)}
	for _, v := range floods {
		if err := flood(ctx, o, v.name, v.store, found); err != nil {
			return nil, fmt.Errorf("flood, store %s: %w", v.name, err)
		}
		fmt.Fprintf(os.Stderr, "       store %s: at most %.0f MiB resident, %.0f MiB of files\n", v.name, found[v.name+"_rss_most"]/(1<<20), found[v.name+"_disk_most"]/(1<<20))
	}
	return found, nil
}

// flood lets one variant of the collector endure it.
func flood(ctx context.Context, o options, variant, file string, found figures) (err error) {
	work, err := os.MkdirTemp("", "flood")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	originals, err := newSink(ctx)
	if err != nil {
		return err
	}
	defer originals.stop()
	alerts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	}))
	defer alerts.Close()
	servers, err := stack.New(stack.Settings{BinDir: o.bin, WorkDir: work})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	collector, err := servers.StartCollector(ctx, stack.CollectorSettings{
		Configs: []string{"embedded:quickstart", storeAt(work, file)}, JaegerOTLP: originals.address, AlertmanagerURL: alerts.URL,
	})
	if err != nil {
		return err
	}
	junk, err := newTemplate(shapeJunk, perFlood)
	if err != nil {
		return err
	}
	var next atomic.Uint64
	l := &load{template: junk, senders: senders, next: &next, last: uint64(o.flood), patience: time.Minute}
	w := &watch{variant: variant, pid: collector.Pid(), folder: work, load: l, found: found}
	return w.run(ctx, collector.OTLPGRPC)
}

// storeAt is a value of --config that moves the store to a file of the folder, or switches it off.
func storeAt(folder, file string) string {
	if file != "" {
		file = filepath.Join(folder, file)
	}
	return fmt.Sprintf("yaml:extensions::operations::store::path: %q", file)
}

// watch notes memory and files of one collector while a load is sent.
type watch struct {
	variant string
	pid     int
	folder  string
	load    *load
	found   figures
	percent int
}

func (w *watch) run(ctx context.Context, address string) error {
	began := time.Now()
	ended, err := w.load.start(ctx, address)
	if err != nil {
		return err
	}
	over := make(chan error, 1)
	go func() { over <- ended() }()
	told := newProgress("distinct IDs")
	for sending := true; sending; {
		select {
		case err = <-over:
			sending = false
		default:
			sent := min(w.load.next.Load(), w.load.last)
			told.tell(int(sent), int(w.load.last))
			err = errors.Join(w.note(int(sent*100/w.load.last)), wait(ctx, sampled))
		}
		if err != nil {
			return err
		}
	}
	w.found[w.variant+"_rate"] = float64(w.load.last) / time.Since(began).Seconds()
	w.found[w.variant+"_refused"] = float64(w.load.refused.Load())
	for i := range 10 {
		if err := errors.Join(w.note(101+i), wait(ctx, afterFlood/10)); err != nil {
			return err
		}
	}
	_, most, err := residentOf(w.pid)
	w.found[w.variant+"_rss_most"] = most
	return err
}

// note keeps what is seen now as that of the given percentage, and of those before of which nothing is known.
func (w *watch) note(percent int) error {
	rss, _, err := residentOf(w.pid)
	if err != nil {
		return err
	}
	disk, err := sizeOf(w.folder)
	if err != nil {
		return err
	}
	for ; w.percent <= percent; w.percent++ {
		w.found[floodName(w.variant, "rss", w.percent)] = rss
		w.found[floodName(w.variant, "disk", w.percent)] = disk
	}
	w.found[w.variant+"_disk_most"] = max(w.found[w.variant+"_disk_most"], disk)
	return nil
}

// sizeOf is the size of all files in a folder, but for logs. A file that goes away meanwhile does not count.
func sizeOf(folder string) (float64, error) {
	size := int64(0)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".log" {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		size += info.Size()
		return nil
	})
	return float64(size), err
}

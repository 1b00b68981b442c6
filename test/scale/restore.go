package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/throughline/throughline/test/stack"
)

// storeSenders are the connections that send to a collector with a store: one that acknowledges when a batch is committed
// lets many batches wait for the same commit.
const storeSenders = 16

// longestRestart is far beyond the target: a restart that takes too long is a figure too.
const longestRestart = 10 * time.Minute

// restoring is a collector that is killed and started again.
type restoring struct {
	o         options
	servers   *stack.Stack
	set       stack.CollectorSettings
	collector *stack.Collector
	found     figures
	// ready and swept are seconds from the start of the process until it took OTLP, and until its first sweep was over, which is one of several if there is much to judge; busy
	// are the seconds of processor time, on all processors, that it had used when it took OTLP.
	ready, swept, busy []float64
}

// measureRestore fills a collector with open operations, kills it, and measures how soon the next one has them all.
func measureRestore(ctx context.Context, o options) (found figures, err error) {
	work, err := os.MkdirTemp("", "restore")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	originals, err := newSink(ctx)
	if err != nil {
		return nil, err
	}
	defer originals.stop()
	servers, err := stack.New(stack.Settings{BinDir: o.bin, WorkDir: work, Patience: longestRestart})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	configs, err := writeConfigs(work, configCorrelation, configStore, configRestore)
	if err != nil {
		return nil, err
	}
	r := &restoring{o: o, servers: servers, found: figures{"open": float64(o.open)}, set: stack.CollectorSettings{Configs: configs, Env: []string{
		"SCALE_SINK=" + originals.address, "SCALE_COMPRESSION=none", "SCALE_STORE=" + filepath.Join(work, "operations.db"), "SCALE_DURABILITY=batch",
		fmt.Sprintf("SCALE_OPERATIONS=%d", 2*o.open),
	}}}
	if err := r.fill(ctx); err != nil {
		return nil, err
	}
	for round := range o.rounds {
		if err := r.again(ctx); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "       restart %d of %d: took OTLP after %.1f s and %.1f s of processor time, first sweep over after %.1f s\n", round+1, o.rounds,
			r.ready[round], r.busy[round], r.swept[round])
	}
	r.found.note("ready_seconds", r.ready)
	r.found.note("swept_seconds", r.swept)
	r.found.note("busy_seconds", r.busy)
	return r.found, r.idle(ctx, work)
}

// writeConfigs writes configurations to files of the folder, and returns their paths.
func writeConfigs(folder string, configs ...[]byte) ([]string, error) {
	var paths []string
	for i, config := range configs {
		path := filepath.Join(folder, fmt.Sprintf("config-%d.yaml", i))
		if err := os.WriteFile(path, config, 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// fill begins all operations. What was acknowledged was committed.
func (r *restoring) fill(ctx context.Context) (err error) {
	if r.collector, err = r.servers.StartCollector(ctx, r.set); err != nil {
		return err
	}
	r.set = r.collector.Settings
	open, err := newTemplate(shapeOpen, perBatch)
	if err != nil {
		return err
	}
	var next atomic.Uint64
	began := time.Now()
	l := &load{template: open, senders: storeSenders, next: &next, last: uint64(r.o.open / perBatch * perBatch), patience: time.Minute}
	wait, err := l.start(ctx, r.collector.OTLPGRPC)
	if err != nil {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	r.found["fill_rate"] = float64(l.last) / time.Since(began).Seconds()
	return r.complete(ctx)
}

// again kills the collector and measures the next one.
func (r *restoring) again(ctx context.Context) error {
	rss, _, err := residentOf(r.collector.Pid())
	if err != nil {
		return err
	}
	r.found["rss_before"] = max(r.found["rss_before"], rss)
	if err := r.collector.Kill(); err != nil {
		return err
	}
	began := time.Now()
	if r.collector, err = r.servers.StartCollector(ctx, r.set); err != nil {
		return err
	}
	r.ready = append(r.ready, time.Since(began).Seconds())
	cpu, err := cpuOf(r.collector.Pid())
	if err != nil {
		return err
	}
	r.busy = append(r.busy, cpu.Seconds())
	for {
		s, err := r.self(ctx)
		if err != nil {
			return err
		}
		if s.Sweeps.Count > 0 {
			r.found["sweep_longest"] = max(r.found["sweep_longest"], s.Sweeps.Longest)
			break
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	r.swept = append(r.swept, time.Since(began).Seconds())
	_, most, err := residentOf(r.collector.Pid())
	r.found["rss_most"] = max(r.found["rss_most"], most)
	return errors.Join(err, r.complete(ctx))
}

// complete is an error unless the collector has all operations.
func (r *restoring) complete(ctx context.Context) error {
	s, err := r.self(ctx)
	if err != nil {
		return err
	}
	want := int64(r.o.open / perBatch * perBatch)
	for _, room := range s.Rooms {
		if room.Key == "max_operations" && room.Name == "operations" && room.Used != want {
			return fmt.Errorf("the collector has %d operations: must be %d", room.Used, want)
		}
	}
	return nil
}

// idle measures what keeping the operations costs when nothing happens.
func (r *restoring) idle(ctx context.Context, folder string) error {
	disk, err := sizeOf(folder)
	if err != nil {
		return err
	}
	r.found["bytes_per_operation"] = disk / r.found["open"]
	if err := wait(ctx, r.o.calm); err != nil {
		return err
	}
	pid := r.collector.Pid()
	var shares, written []float64
	for range idleWindows {
		cpu, errCPU := cpuOf(pid)
		bytes, errIO := writtenBy(pid)
		began := time.Now()
		if err := errors.Join(errCPU, errIO, wait(ctx, r.o.idle/idleWindows)); err != nil {
			return err
		}
		cpuAfter, errCPU := cpuOf(pid)
		bytesAfter, errIO := writtenBy(pid)
		if err := errors.Join(errCPU, errIO); err != nil {
			return err
		}
		long := time.Since(began)
		shares, written = append(shares, float64(cpuAfter-cpu)/float64(long)), append(written, (bytesAfter-bytes)/long.Seconds())
	}
	r.found.note("idle_cpu", shares)
	r.found.note("idle_written", written)
	r.found["rss_idle"], _, err = residentOf(pid)
	return err
}

// self is what is read of the collector's account of itself.
type self struct {
	Rooms []struct {
		Name string `json:"name"`
		Key  string `json:"key"`
		Used int64  `json:"used"`
	} `json:"rooms"`
	Sweeps struct {
		Count   uint64  `json:"count"`
		Longest float64 `json:"longest_seconds"`
	} `json:"sweeps"`
}

func (r *restoring) self(ctx context.Context) (s self, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.collector.ConsoleURL+"/api/v1/self", http.NoBody)
	if err != nil {
		return s, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s: %s", request.URL, answer.Status)
	}
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

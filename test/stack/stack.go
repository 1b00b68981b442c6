// Package stack starts and stops the real servers around Throughline: Jaeger, Alertmanager, Prometheus, PostgreSQL, the collector
// itself and the workload generator; and it stands for the network between them, which can be slow or cut.
//
// Every server is a child process in a process group of its own, listens on a port that is free or was asked for, writes
// its output to a file, and is ready when its Start method returns. The end-to-end tests and `make run` share it. On Linux
// a child also dies with this process, so that a crashed or timed-out test leaves nothing behind.
package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	host = "localhost"
	// stopGrace is how long a server may take to flush and end after SIGTERM.
	stopGrace = time.Minute
)

// Settings says where the servers come from and where they leave their traces.
type Settings struct {
	// BinDir holds the binaries throughline, asyncgen, jaeger, alertmanager and prometheus, as `make build` puts them there.
	BinDir string
	// WorkDir receives logs, generated configurations and data; it is created when missing.
	WorkDir string
	// ContainerEngine is the command (docker, podman) that runs Jaeger and Alertmanager from their official images.
	// When empty, both come from BinDir.
	ContainerEngine string
	// Patience is how long a server may take until it is ready; 0 = a minute, or five where images have to be fetched.
	Patience time.Duration
}

// Stack is a set of running servers. Its methods are safe for concurrent use.
type Stack struct {
	settings Settings

	mu      sync.Mutex
	running []*Process
	// disks are unmounted and folders removed at the end.
	disks   []func() error
	folders []string
}

// New prepares a stack; nothing is started yet.
func New(set Settings) (*Stack, error) {
	if err := os.MkdirAll(set.WorkDir, 0o750); err != nil {
		return nil, fmt.Errorf("work folder of the stack: %w", err)
	}
	return &Stack{settings: set}, nil
}

// Stop ends every process that still runs, the last started first, and returns what went wrong.
func (s *Stack) Stop() error {
	s.mu.Lock()
	running, disks, folders := s.running, s.disks, s.folders
	s.running, s.disks, s.folders = nil, nil, nil
	s.mu.Unlock()

	var errs []error
	for _, process := range slices.Backward(running) {
		errs = append(errs, process.Stop())
	}
	for _, unmount := range disks {
		errs = append(errs, unmount())
	}
	for _, folder := range folders {
		errs = append(errs, os.RemoveAll(folder))
	}
	return errors.Join(errs...)
}

// command returns the command for a binary of BinDir.
func (s *Stack) command(binary string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(s.settings.BinDir, binary), args...)
}

// launch starts cmd, adds it to the stack and waits until ready reports success. A process that ends before it is
// ready, or is not ready in time, is stopped and reported with the end of its output.
func (s *Stack) launch(ctx context.Context, name string, cmd *exec.Cmd, ready probe) (*Process, error) {
	process, err := startProcess(name, cmd, filepath.Join(s.settings.WorkDir, name+".log"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.running = append(s.running, process)
	s.mu.Unlock()

	timeout := readyTimeout
	if s.settings.ContainerEngine != "" {
		timeout = pullTimeout
	}
	if s.settings.Patience > 0 {
		timeout = s.settings.Patience
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := awaitReady(ctx, process, ready); err != nil {
		stopErr := process.Stop()
		return nil, fmt.Errorf("%s is not ready: %w\n%s", name, errors.Join(err, stopErr), process.logTail())
	}
	return process, nil
}

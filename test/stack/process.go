package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// logTailBytes is how much of its output an error about a process quotes.
const logTailBytes = 4096

// Process is one running server or command.
type Process struct {
	name    string
	logPath string
	pid     int
	// stopSignal asks the process to end.
	stopSignal syscall.Signal

	// exited is closed once the process has ended; exitErr is set before and never written again.
	exited  chan struct{}
	exitErr error
}

// startProcess runs cmd in a process group of its own with all output appended to logPath.
func startProcess(name string, cmd *exec.Cmd, logPath string) (*Process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log file of %s: %w", name, err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	attr := ownGroup()
	if cmd.SysProcAttr != nil {
		attr.Credential = cmd.SysProcAttr.Credential
	}
	cmd.SysProcAttr = attr

	process := &Process{name: name, logPath: logPath, stopSignal: syscall.SIGTERM, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties "die with the parent" to the thread that started the child: keep it until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		process.pid = cmd.Process.Pid
		started <- nil
		process.exitErr = cmd.Wait()
		close(process.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return process, nil
}

// Name is the name under which the process was started.
func (p *Process) Name() string { return p.name }

// Pid is the process ID, which stays the same after the process has ended.
func (p *Process) Pid() int { return p.pid }

// LogPath is the file that holds everything the process wrote to stdout and stderr.
func (p *Process) LogPath() string { return p.logPath }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns when the process has ended by itself: nil for exit code 0, otherwise an error that quotes the end of its
// output; or the error of ctx, and the process goes on.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("%s still runs: %w", p.name, ctx.Err())
	}
	if p.exitErr != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, p.exitErr, p.logTail())
	}
	return nil
}

// Stop asks the process to end, usually by SIGTERM, and kills it when it has not ended after the grace period, which is an error.
// Stopping a process that has already ended does nothing.
func (p *Process) Stop() error {
	return p.stopWithin(stopGrace)
}

func (p *Process) stopWithin(grace time.Duration) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.signal(p.stopSignal); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("%s did not end within %s of %s", p.name, grace, p.stopSignal), p.Kill())
	}
}

// Kill ends the whole process group at once (SIGKILL), as a crash or the out-of-memory killer would, and waits for it.
func (p *Process) Kill() error {
	err := p.signal(syscall.SIGKILL)
	<-p.exited
	return err
}

// signal reaches every process of the group; a group that is gone already is fine.
func (p *Process) signal(sig syscall.Signal) error {
	if err := syscall.Kill(-p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s to %s: %w", sig, p.name, err)
	}
	return nil
}

// logTail is the end of the output, for error messages.
func (p *Process) logTail() string {
	file, err := os.Open(p.logPath)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > logTailBytes {
		if _, err := file.Seek(-logTailBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	tail, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(tail)
}

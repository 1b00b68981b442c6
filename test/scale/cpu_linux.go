package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the processor time that the calling thread has used, which a goroutine can only compare while it is locked to
// its thread. Other programs on the machine do not count, nor do garbage collectors in the background; what this thread
// has to help them does.
func threadCPU() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

// tick is the unit of processor times in /proc, which is 1/100 s on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpuOf is the processor time that another process has used.
func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time of the collector: %w", err)
	}
	return parseStat(stat)
}

// parseStat adds up user and system time of /proc/PID/stat, see proc_pid_stat(5).
func parseStat(stat []byte) (time.Duration, error) {
	// The name of the program, in parentheses, may contain anything; user and system time are the 12th and 13th field after it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("processor time of the collector: %d fields in its stat file", len(fields))
	}
	var used time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of the collector: %w", err)
		}
		used += time.Duration(ticks) * tick
	}
	return used, nil
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// residentOf is the memory that another process has resident now, and the most that it ever had, in bytes.
func residentOf(pid int) (now, most float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("memory of the collector: %w", err)
	}
	return parseStatus(status)
}

// parseStatus finds the resident memory in /proc/PID/status, see proc_pid_status(5).
func parseStatus(status []byte) (now, most float64, err error) {
	for name, to := range map[string]*float64{"\nVmRSS:": &now, "\nVmHWM:": &most} {
		_, after, _ := bytes.Cut(status, []byte(name))
		line, _, _ := bytes.Cut(after, []byte("\n"))
		kibibytes, err := strconv.ParseFloat(string(bytes.TrimSpace(bytes.TrimSuffix(line, []byte("kB")))), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("memory of the collector: %s %q", name[1:], line)
		}
		*to = kibibytes * 1024
	}
	return now, most, nil
}

// writtenBy is how many bytes another process has had written to disks.
func writtenBy(pid int) (float64, error) {
	account, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, fmt.Errorf("writing of the collector: %w", err)
	}
	_, after, _ := bytes.Cut(account, []byte("\nwrite_bytes:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	n, err := strconv.ParseFloat(string(bytes.TrimSpace(line)), 64)
	if err != nil {
		return 0, fmt.Errorf("writing of the collector: write_bytes %q", line)
	}
	return n, nil
}

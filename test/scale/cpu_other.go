//go:build !linux

package main

import (
	"errors"
	"time"
)

var started = time.Now()

// threadCPU is time as it passes: only Linux tells the processor time of a thread.
func threadCPU() time.Duration { return time.Since(started) }

// cpuOf knows nothing of other processes here; their processor time is then left out of the report.
func cpuOf(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// residentOf knows nothing of other processes here either, so that their memory cannot be measured.
func residentOf(int) (now, most float64, err error) { return 0, 0, errors.ErrUnsupported }

// writtenBy does not know either what they write.
func writtenBy(int) (float64, error) { return 0, errors.ErrUnsupported }

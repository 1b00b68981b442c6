package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Disk is a small file system of its own, which can be full or read-only.
type Disk struct {
	// Path is where it is mounted.
	Path string

	unmount func() error
}

// ballast is the file that fills the disk.
const ballast = "ballast"

// MountDisk mounts a file system of that size, which the stack's Stop removes with all that is on it. That takes root.
func (s *Stack) MountDisk(name string, mib int) (*Disk, error) {
	path := filepath.Join(s.settings.WorkDir, name)
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("disk %s: %w", name, err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		return nil, fmt.Errorf("disk %s (mounting takes root): %w", name, err)
	}
	disk := &Disk{Path: path, unmount: sync.OnceValue(func() error { return syscall.Unmount(path, syscall.MNT_DETACH) })}
	s.mu.Lock()
	s.disks = append(s.disks, disk.unmount)
	s.mu.Unlock()
	return disk, nil
}

// Fill leaves no room on the disk.
func (d *Disk) Fill() error {
	file, err := os.OpenFile(filepath.Join(d.Path, ballast), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		// What fits of a piece is written before the error comes.
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Free gives back what Fill took.
func (d *Disk) Free() error { return os.Remove(filepath.Join(d.Path, ballast)) }

// ReadOnly forbids or allows writing. It cannot be forbidden while a file is open for writing.
func (d *Disk) ReadOnly(readOnly bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("tmpfs", d.Path, "tmpfs", flags, ""); err != nil {
		return fmt.Errorf("disk %s: remount: %w", d.Path, err)
	}
	return nil
}

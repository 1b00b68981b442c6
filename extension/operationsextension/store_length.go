package operationsextension

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/throughline/throughline/internal/store"
)

// minRebuild is the length up to which the log is never too long.
const minRebuild = 64 << 20

// length is how long the log is: what it takes to write everything anew is its base, and beyond that it grows.
type length struct {
	// least is the growth up to which it is never too long.
	least int64

	mu sync.Mutex
	// base is how many bytes it took to write everything anew when that was done last, grown how many the log has beside them.
	base, grown int64 // guarded by mu
}

// grow takes note of bytes that came to the log.
func (l *length) grow(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grown += bytes
}

// restored takes note that all there is was read, and so many bytes of that were written when everything was written anew last.
func (l *length) restored(base int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base, l.grown = base, max(0, l.grown-base)
}

// forget begins anew: all there is will be read.
func (l *length) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base, l.grown = 0, 0
}

// seen takes note of the base that is stored: if it is another one, another collector wrote everything anew meanwhile.
func (l *length) seen(base int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if base != l.base {
		l.base, l.grown = base, 0
	}
}

// beyond is how many bytes the log has beside its base.
func (l *length) beyond() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown
}

// rebuilt takes note that everything was written anew, in so many bytes, and that so many are gone which the log had beside its base when that began.
func (l *length) rebuilt(base, before int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base, l.grown = base, max(0, l.grown-before-base)
}

// tooLong reports whether the log is worth being written anew.
func (l *length) tooLong() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown > max(l.least, l.base)
}

// storedBase returns how many bytes it took to write everything anew when that was done last, 0 if it never was.
func storedBase(ctx context.Context, s store.Store) (int64, error) {
	data, err := s.Blob(ctx, keyBase)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	size, _ := binary.Uvarint(data)
	return max(0, int64(size)), err
}

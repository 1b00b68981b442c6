package operationsextension

import (
	"context"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/store"
)

// sizes is how much the store keeps, as it was counted last.
type sizes struct {
	mu   sync.Mutex
	at   time.Time   // guarded by mu; when that was
	last *store.Size // guarded by mu; nil if it is not known
}

const (
	// countEvery is how often it is counted at most how much the store keeps, countTimeout how long somebody waits for that.
	countEvery   = 30 * time.Second
	countTimeout = time.Second
)

// read returns how much the store keeps, -1 for what is not known.
func (z *sizes) read(ctx context.Context, s store.Store) store.Size {
	z.mu.Lock()
	defer z.mu.Unlock()
	if s != nil && (z.at.IsZero() || time.Since(z.at) >= countEvery) {
		ctx, cancel := context.WithTimeout(ctx, countTimeout)
		defer cancel()
		z.at, z.last = time.Now(), nil
		if size, err := s.Size(ctx); err == nil {
			z.last = &size
		}
	}
	if z.last == nil {
		return store.Size{Bytes: -1, Rows: -1, Records: -1}
	}
	return *z.last
}

package checkpoint

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/engine"
	"github.com/throughline/throughline/internal/store"
)

// Rebuilder writes all that the engine holds once more, little by little, so that what was written before can be removed.
type Rebuilder struct {
	Writer *Writer
	// Export yields all that the engine holds.
	Export iter.Seq[engine.Chunk]
	// Sweeping is held while a part is taken from the engine and appended, so that what a sweep finds is appended before it is exported.
	Sweeping sync.Locker
	// Role returns by what the collector judges, and whether it does. If it does not, only facts are written, and nothing is removed.
	Role func() (*store.Tenure, bool)
	// Applied waits until all facts that were appended before the call are applied.
	Applied func()
	// Others are the positions up to which the streams of others are applied.
	Others []store.Position
	// Delay is how long after everything is written what was before is removed: whoever follows must have read it by then, or read everything anew.
	Delay time.Duration
	// Blobs returns what is kept beside so many bytes that were written.
	Blobs func(bytes int64) []store.Blob
}

// rebuiltAtOnce is how many bytes are appended before they are committed, but never more than a part of what may wait: the rest is for telemetry.
const (
	rebuiltAtOnce = 1 << 20
	rebuiltPart   = 4
)

// Run writes everything and, if the collector is the judge throughout, removes what was before. It returns the bytes that were written. An error of
// the store ends it: it is to be run again later.
func (r *Rebuilder) Run(ctx context.Context) (int64, error) {
	_, judged := r.Role()
	own, drops := r.Writer.position()
	r.Applied()
	next, stop := iter.Pull(r.Export)
	defer stop()
	var total, since int64
	for {
		n, more := r.step(next, judged)
		total, since = total+n, since+n
		if !more {
			break
		}
		if since < min(rebuiltAtOnce, r.Writer.settings.MaxBytes/rebuiltPart) {
			continue
		}
		since = 0
		if err := r.Writer.Commit(ctx); err != nil {
			return total, err
		}
	}
	if err := r.Writer.Commit(ctx); err != nil {
		return total, err
	}
	if !judged {
		return total, nil
	}
	select {
	case <-ctx.Done():
		return total, ctx.Err()
	case <-time.After(r.Delay):
	}
	if _, dropped := r.Writer.position(); dropped != drops {
		return total, fmt.Errorf("%w: some of what was written again was dropped", ErrUncommitted)
	}
	if role, still := r.Role(); still {
		r.Writer.Judge(&Judgement{Role: role, Cut: append(r.Others, own), Blobs: r.Blobs(total)})
	}
	return total, r.Writer.Commit(ctx)
}

// step writes a chunk and returns its size.
func (r *Rebuilder) step(next func() (engine.Chunk, bool), judged bool) (int64, bool) {
	r.Sweeping.Lock()
	defer r.Sweeping.Unlock()
	chunk, ok := next()
	if !ok {
		return 0, false
	}
	size := r.Writer.Facts(chunk.At, chunk.Facts)
	if role, judging := r.Role(); judged && judging && len(chunk.States) > 0 {
		size += r.Writer.Judge(&Judgement{Role: role, States: chunk.States})
	}
	return size, true
}

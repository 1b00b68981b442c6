package operationsextension

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/gap"
	"github.com/throughline/throughline/internal/store"
)

// shared is what is needed where several collectors share a database. Its fields are those of one goroutine.
type shared struct {
	role checkpoint.Role
	// followed is when everything was applied last that others had written.
	followed time.Time
	// shown is when the incidents of the collector that judges were read last, spoken when others were told of what only telemetry says.
	shown, spoken time.Time
}

const (
	// roleJudge is the role of the collector that judges.
	roleJudge = "judge"
	// followEvery is how often is looked for what other collectors wrote, showEvery for the incidents of the one that judges, speakEvery how often others
	// are told whose telemetry came here.
	followEvery = 250 * time.Millisecond
	showEvery   = 2 * time.Second
	speakEvery  = time.Second
	// behindLeases is how many leases a collector may be without reading what others wrote; less than cutLeases.
	behindLeases = 2
	// shareTimeout bounds one look at the database.
	shareTimeout = 30 * time.Second
)

// share follows the other collectors until ctx ends, and judges whenever none of them does.
func (d *durable) share(ctx context.Context) {
	d.listen()
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !d.isRestored() {
			continue
		}
		d.speak(time.Now())
		some, cancel := context.WithTimeout(ctx, shareTimeout)
		err := d.shareOnce(some)
		cancel()
		if err != nil && ctx.Err() == nil {
			d.trouble.failed(err)
		}
	}
}

// shareOnce sees to the role, and applies what others wrote.
func (d *durable) shareOnce(ctx context.Context) error {
	if err := d.seekRole(ctx, time.Now()); err != nil {
		return err
	}
	now := time.Now()
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	if err := d.follow(ctx); err != nil {
		return err
	}
	if err := d.catchUp(ctx, now); err != nil {
		return err
	}
	d.shared.followed = now
	if d.judges.Load() {
		return nil
	}
	return d.show(ctx, now)
}

// catchUp begins anew if the collector has not followed the others for so long that rows may have been removed that it never read: it would not find out
// of which operations the end was told. What it took in itself is committed before. It is called when the log can be read. Called with operations.sweeping held.
func (d *durable) catchUp(ctx context.Context, now time.Time) error {
	if !d.fellBehind(now) {
		return nil
	}
	if d.incomplete.Load() || d.writer.Status().Incomplete {
		// The engine has what the log lacks; it is written first.
		return errIncomplete
	}
	d.o.logger.Warn("This collector has not followed the others for long; it reads everything anew", zap.Duration("since", now.Sub(d.shared.followed)))
	if err := d.reset(ctx); err != nil {
		return err
	}
	d.follower.Restart()
	d.length.forget()
	return d.followAll(ctx)
}

// errIncomplete says that the log lacks what the engine has.
var errIncomplete = fmt.Errorf("%w: what was dropped is not written again yet", store.ErrUnavailable)

// reset empties the engine when all that came to it is committed. Nobody may apply anything in between, or it would be lost.
func (d *durable) reset(ctx context.Context) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	if err := d.writer.Commit(ctx); err != nil {
		return err
	}
	d.o.engine.Reset()
	return nil
}

// fellBehind reports whether rows may have been removed that the collector never read.
func (d *durable) fellBehind(now time.Time) bool {
	return !d.judges.Load() && !d.shared.followed.IsZero() && now.Sub(d.shared.followed) > behindLeases*d.config.Lease
}

// seekRole claims or renews the role of the judge. The role is not claimed while there is something in the log that only a later version can read.
func (d *durable) seekRole(ctx context.Context, now time.Time) error {
	s := &d.shared
	s.role.Roles, s.role.Name, s.role.Collector, s.role.Lease = d.place.get(), roleJudge, d.collector, d.config.Lease
	d.o.sweeping.Lock()
	newer := d.follower.Stats().Newer
	d.o.sweeping.Unlock()
	if d.lost.Swap(false) {
		s.role.Lost()
		d.handOver(now)
	}
	if !d.judges.Load() && (newer || d.fellBehind(now)) {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, d.config.Lease/2)
	defer cancel()
	tenure, err := s.role.Step(asking, now)
	switch {
	case tenure == nil && err == nil:
		d.stepDown("another one claimed the role")
	case tenure != nil && d.judges.Load():
		d.tenure.Store(tenure)
	case tenure != nil:
		if err := d.becomeJudge(ctx, now); err != nil {
			return err
		}
		d.tenure.Store(tenure)
		d.judges.Store(true)
		d.o.logger.Info("This collector judges from now on", zap.String("collector", d.collector), zap.Int64("epoch", tenure.Epoch))
	}
	return err
}

// becomeJudge applies all that the judge before committed, and goes on from there.
func (d *durable) becomeJudge(ctx context.Context, now time.Time) error {
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	if err := d.follow(ctx); err != nil {
		return err
	}
	return d.takeOver(ctx, now)
}

// handOver tells outputs that another collector tells of incidents from now on.
func (d *durable) handOver(now time.Time) {
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	d.o.feed.publish(Output{Incidents: d.o.incidents.HandOver(now.UnixNano())})
}

// show lets the API show the incidents of the collector that judges. Called with operations.sweeping held.
func (d *durable) show(ctx context.Context, now time.Time) error {
	if now.Sub(d.shared.shown) < showEvery {
		return nil
	}
	d.shared.shown = now
	base, err := storedBase(ctx, d.place.get())
	if err != nil {
		return err
	}
	d.length.seen(base)
	saved, err := d.place.get().Incidents(ctx, 0, d.o.config.Incidents.Max)
	if err != nil {
		return err
	}
	if err := d.o.incidents.Restore(savedOf(saved), d.outputs.told); err != nil {
		d.o.partFailed(ctx, "incidents", "Some incidents of the collector that judges cannot be read", err)
	}
	return nil
}

// listen lets what others heard count here too.
func (d *durable) listen() {
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	if m := d.o.gaps.monitor; m != nil {
		m.Heard() // From now on it is kept for others.
		d.follower.Heard = func(data []byte) error {
			heard, err := gap.DecodeHeard(data)
			if err == nil {
				m.Hear(heard, time.Now().UnixNano())
			}
			return err
		}
	}
}

// speak tells others whose telemetry came here, and what is new of the attributes of services.
func (d *durable) speak(now time.Time) {
	if now.Sub(d.shared.spoken) < speakEvery {
		return
	}
	d.shared.spoken = now
	if m := d.o.gaps.monitor; m != nil {
		if heard := m.Heard(); len(heard) > 0 {
			d.writer.Append(checkpoint.KindHeard, gap.AppendHeard(nil, heard))
		}
	}
	d.o.originals.Tell(d.tellResources)
}

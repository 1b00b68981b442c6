package operationsextension

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/gap"
)

// shared is what is needed where several collectors share a database. Its fields are those of one goroutine.
type shared struct {
	role checkpoint.Role
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
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	if err := d.follow(ctx); err != nil || d.judges.Load() {
		return err
	}
	return d.show(ctx, time.Now())
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
	if newer && !d.judges.Load() {
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

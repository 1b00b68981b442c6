package operationsextension

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/checkpoint"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
)

// outputs are the numbers of outputs, as they are stored: that of the last one, and of the last one up to which everybody has dealt with all.
type outputs struct{ last, told int64 }

const (
	// keyOutputs, keyBase and keyPart are keys of blobs; that of a part follows the latter.
	keyOutputs = "outputs"
	keyBase    = "base"
	keyPart    = "part/"
)

func (u outputs) encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{outputsVersion}, uint64(u.last)), uint64(u.told))
}

// outputsVersion is the version of their encoding.
const outputsVersion = 1

func decodeOutputs(data []byte) (outputs, error) {
	if len(data) == 0 || data[0] != outputsVersion {
		return outputs{}, fmt.Errorf("%w: the numbers of outputs", store.ErrNewer)
	}
	last, n := binary.Uvarint(data[1:])
	told, m := binary.Uvarint(data[1+max(n, 0):])
	if n <= 0 || m <= 0 || told > last || int64(last) < 0 {
		return outputs{}, fmt.Errorf("%w: the numbers of outputs", store.ErrCorrupt)
	}
	return outputs{int64(last), int64(told)}, nil
}

// pieceOf is how many changes are told at once at most. What was told is noted piece by piece, so that a kill soon after a start that has much to tell
// again does not make all of it come yet again.
const pieceOf = 512

// record appends what a sweep found to what is to be committed, numbers it, and waits for the commit, but not for long: if it cannot be committed it is told
// nevertheless. It returns what is to be told: nothing if another collector judges by now. Called with operations.sweeping held.
func (d *durable) record(now time.Time, out *Output) []Output {
	if d.unusable.Load() {
		return []Output{*out}
	}
	before := d.outputs
	d.outputs.told = max(d.outputs.told, d.o.feed.told())
	var pieces []Output
	if out.size() > 0 {
		pieces = out.pieces(pieceOf, d.outputs.last+1)
		d.outputs.last += int64(len(pieces))
	}
	d.o.expected.numbered(d.outputs.last, d.outputs.told)
	role, _ := d.role()
	j := checkpoint.Judgement{Role: role}
	for _, p := range pieces {
		j.States = append(j.States, d.o.engine.States(p.Changes, p.number, func(i int) string {
			id, _ := d.o.incidents.Of(p.Changes[i].View)
			return id
		})...)
	}
	d.o.engine.Adopt(nil, d.outputs.told)
	j.Incidents = d.incidents(d.outputs.last)
	j.Records, j.Forget = d.records(out)
	if d.outputs != before {
		j.Blobs = append(j.Blobs, store.Blob{Key: keyOutputs, Data: d.outputs.encode()})
	}
	if now.Sub(d.alive) >= aliveEvery {
		d.alive = now
		j.Blobs = append(j.Blobs, d.parts(now, keyAlive)...)
	}
	if len(out.Gaps) > 0 || hasMissed(out.Changes) || d.o.expected.changed() {
		j.Blobs = append(j.Blobs, d.parts(now, "services", "expectations")...)
	}
	if len(j.States)+len(j.Incidents)+len(j.Records)+len(j.Forget)+len(j.Blobs) == 0 {
		return nil
	}
	d.writer.Judge(&j)
	if len(pieces) == 0 {
		return nil
	}
	// Trouble is told of by whoever commits.
	_ = d.writer.Commit(context.Background())
	if !d.judges.Load() {
		return nil
	}
	return pieces
}

// keepTold commits which outputs were told, soon after they were.
func (d *durable) keepTold(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.o.feed.moved:
		}
		if d.noteTold() {
			// Trouble is told of by whoever commits.
			_ = d.writer.Commit(ctx)
		}
	}
}

// noteTold appends to what is to be committed which outputs were told, and reports whether these are more than before.
func (d *durable) noteTold() bool {
	d.o.sweeping.Lock()
	defer d.o.sweeping.Unlock()
	told := d.o.feed.told()
	role, judges := d.role()
	if !judges || !d.restored || d.unusable.Load() || told <= d.outputs.told {
		return false
	}
	d.outputs.told = told
	d.writer.Judge(&checkpoint.Judgement{Role: role, Blobs: []store.Blob{{Key: keyOutputs, Data: d.outputs.encode()}}})
	return true
}

// tidy is what takes the place of a sweep while another collector judges. Called with operations.sweeping held.
func (d *durable) tidy(now time.Time) {
	d.o.engine.Tidy(now)
	d.o.learning.sweep(now, nil)
	if m := d.o.gaps.monitor; m != nil {
		m.Follow(now.UnixNano())
	}
}

func hasMissed(changes []operation.Change) bool {
	for i := range changes {
		if changes[i].View.Missed > 0 {
			return true
		}
	}
	return false
}

// incidents returns those that changed.
func (d *durable) incidents(output int64) []store.Incident {
	saved, err := d.o.incidents.Save(max(output, 1), d.outputs.told)
	if err != nil {
		d.trouble.failed(store.ErrInvalid)
		d.o.logger.Error("Incidents cannot be saved; it will be tried again", zap.Error(err))
		return nil
	}
	incidents := make([]store.Incident, len(saved))
	for i, s := range saved {
		incidents[i] = store.Incident{ID: s.ID, Open: s.Open, Revision: s.Revision, UpdatedAt: s.UpdatedAt, Data: s.Data}
	}
	return incidents
}

// savedOf turns stored incidents into what the tracker saved.
func savedOf(incidents []store.Incident) []incident.Saved {
	saved := make([]incident.Saved, len(incidents))
	for i, s := range incidents {
		saved[i] = incident.Saved{ID: s.ID, Open: s.Open, Revision: s.Revision, UpdatedAt: s.UpdatedAt, Data: s.Data}
	}
	return saved
}

// parts returns the parts of the state with these keys, all of them for none, as blobs.
func (d *durable) parts(now time.Time, keys ...string) []store.Blob {
	var blobs []store.Blob
	for _, p := range d.o.parts() {
		if len(keys) > 0 && !slices.Contains(keys, p.key) {
			continue
		}
		d.o.guard(stepSave, func() {
			data, err := p.save(now)
			if err != nil {
				d.o.partFailed(context.Background(), p.key, "The state cannot be saved; it will be tried again", err)
				return
			}
			blobs = append(blobs, store.Blob{Key: keyPart + p.key, Data: data})
			d.o.saves.saved(p.key, now, len(data))
		})
	}
	return blobs
}

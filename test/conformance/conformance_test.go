package conformance

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/test/replay"
	"github.com/throughline/throughline/test/verdict"
)

func recordings(t *testing.T) []string {
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// load returns a recording that begins when the fake clock does.
func load(t *testing.T, name string) *replay.Recording {
	r, err := replay.Load(filepath.Join("testdata", name))
	require.NoError(t, err)
	return r
}

// settling is how long after the last request every threshold has passed.
const settling = 3 * time.Minute

// judged is what a pipeline made of one replay.
type judged struct {
	report *replay.Report
	// operations are as the API lists them, or as it shows each alone if that was asked for.
	operations []verdict.Operation
	changes    []operation.Change
	// shift is by how much the recording was moved.
	shift time.Duration
}

// observe replays a recording to a new pipeline. Send has to wait for whatever is to arrive later.
func observe(t *testing.T, r *replay.Recording, detailed bool, send func(p *pipeline, requests []replay.Request)) judged {
	var j judged
	synctest.Test(t, func(t *testing.T) {
		// The clock in here begins in the year 2000, the earliest that telemetry can have.
		time.Sleep(time.Hour) // synctest: fake time
		j.shift = time.Since(r.Requests[0].At) + time.Minute
		requests, err := replay.Shift(r.Requests, j.shift)
		require.NoError(t, err)
		p := newPipeline(t)
		defer p.close()
		send(p, requests)
		time.Sleep(settling) // synctest: fake time
		j.operations = p.operations()
		if detailed {
			p.detail(j.operations)
		}
		j.changes = p.heard()
		j.report, err = replay.Compare(&r.Truth, j.operations)
		require.NoError(t, err)
	})
	return j
}

func judge(t *testing.T, r *replay.Recording, send func(p *pipeline, requests []replay.Request)) *replay.Report {
	return observe(t, r, false, send).report
}

// late sends requests one after another when all of them have arrived.
func late(p *pipeline, requests []replay.Request) {
	last := requests[0].At
	for i := range requests {
		if requests[i].At.After(last) {
			last = requests[i].At
		}
	}
	time.Sleep(time.Until(last)) // synctest: fake time
	p.sendAll(requests)
}

package conformance

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/replay"
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

func judge(t *testing.T, r *replay.Recording, send func(p *pipeline, requests []replay.Request)) *replay.Report {
	var report *replay.Report
	synctest.Test(t, func(t *testing.T) {
		// The clock in here begins in the year 2000, the earliest that telemetry can have.
		time.Sleep(time.Hour) // synctest: fake time
		requests, err := replay.Shift(r.Requests, time.Since(r.Requests[0].At)+time.Minute)
		require.NoError(t, err)
		p := newPipeline(t)
		defer p.close()
		send(p, requests)
		time.Sleep(settling) // synctest: fake time
		report, err = replay.Compare(&r.Truth, p.operations())
		require.NoError(t, err)
	})
	return report
}

func TestOrders(t *testing.T) {
	for _, name := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			r := load(t, name)
			for _, order := range []replay.Order{replay.OrderArrival, replay.OrderReversed, replay.OrderShuffled} {
				report := judge(t, r, func(p *pipeline, requests []replay.Request) {
					arranged, err := replay.Arrange(requests, order, 1)
					require.NoError(t, err)
					time.Sleep(time.Until(requests[len(requests)-1].At)) // synctest: fake time
					p.sendAll(arranged)
				})
				t.Logf("%s %s\n%s%s", name, order, report.Summary(), report.List())
				if len(report.Differences) > 0 { t.Errorf("%s %s: %d differences", name, order, len(report.Differences)) }
			}
		})
	}
}

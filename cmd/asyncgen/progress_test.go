package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/cmd/asyncgen/internal/sim"
	"github.com/throughline/throughline/cmd/asyncgen/internal/telemetry"
)

// steady pretends a run of 100 operations a second.
type steady struct{ begin time.Time }

func (s steady) Stats() sim.Stats {
	return sim.Stats{Started: int(time.Since(s.begin).Seconds() * 100), Finished: 40, Aborted: 1, Behind: 99 * time.Millisecond}
}

func (steady) Delivery() telemetry.Delivery { return telemetry.Delivery{SpansSent: 7, LogsSent: 5} }

func TestProgressLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		from := steady{time.Now()}
		p := startProgress(2*time.Second, from, from, &out)
		<-time.After(5 * time.Second)
		p.stop()
		<-time.After(5 * time.Second)
		require.Equal(t, []string{
			"    2s  200 started (100.0/s), 40 finished, 159 under way; 7 spans, 5 log records sent",
			"    4s  400 started (100.0/s), 40 finished, 359 under way; 7 spans, 5 log records sent", "",
		}, strings.Split(out.String(), "\n"))
		silent := startProgress(0, from, from, &out)
		silent.stop()
	})
}

func TestLineWarns(t *testing.T) {
	text := line(time.Minute, 10, sim.Stats{Behind: 1234567 * time.Microsecond}, telemetry.Delivery{LogsLost: 3})
	require.Equal(t, "  1m0s  0 started (10.0/s), 0 finished, 0 under way; 0 spans, 0 log records sent; 0 and 3 LOST; 1.235s behind schedule", text)
}

func TestErrorsArePrintedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		p := &errorPrinter{out: &out}
		for range 25 {
			p.Handle(errTest)
			<-time.After(100 * time.Millisecond)
		}
		require.Equal(t, strings.Repeat("asyncgen: collector is away\n", 3), out.String())
	})
}

type testError string

func (e testError) Error() string { return string(e) }

const errTest = testError("collector is away")

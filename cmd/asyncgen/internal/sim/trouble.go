package sim

import (
	"strings"
	"time"

	"github.com/throughline/throughline/cmd/asyncgen/internal/plan"
)

// Gap is a time in which the telemetry of one service does not get through, though the service works on.
type Gap struct {
	Service     string
	From, Until time.Time
	// Late says that it comes when the gap is over; else it is lost.
	Late bool
}

// heldBack is appended to the name of a service for the SDK whose telemetry does not get through.
const heldBack = "\x00held back"

// Voice is the name under which the telemetry of the service is held back, for [Telemetry].
func (g Gap) Voice() string { return g.Service + heldBack }

// voice returns the name of the SDK for a piece of work of the service: what falls into the gap by any part of it does not
// get through as a whole, so that the truth is one or the other.
func (g Gap) voice(process plan.Process, at time.Time, takes time.Duration) string {
	if process.Service != g.Service || g.Service == "" || at.After(g.Until) || at.Add(takes).Before(g.From) {
		return process.Voice()
	}
	return g.Voice()
}

// Skew is a clock that is wrong: that of one service shows By more than the time, less if negative.
type Skew struct {
	Service string
	By      time.Duration
}

// of returns a time by the clock of the service of a voice.
func (s Skew) of(voice string, at time.Time) time.Time {
	service, _, _ := strings.Cut(voice, "\x00")
	if s.Service == "" || service != s.Service {
		return at
	}
	return at.Add(s.By)
}

// negative reports whether the receiver's clock is behind the sender's.
func (s Skew) negative(sender, receiver string) bool {
	return sender != receiver && s.Service != "" && (receiver == s.Service && s.By < 0 || sender == s.Service && s.By > 0)
}

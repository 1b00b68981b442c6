package incident

import (
	"strings"
	"unicode/utf8"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
)

// The bounds in bytes of what is kept of attacker-controlled text.
const (
	maxName    = 256
	maxMessage = 1024
	maxStack   = 4096
)

// Hop is where operations got stuck or failed: the first hop, in order of time, that explains the verdict.
type Hop struct {
	// Index is the hop's place in the operation, from 0 in order of time; -1 if no hop is to blame.
	Index               int
	System, Destination string
	// Group and Service are the consuming side, Producer is the service that sent; "" while unknown.
	Group, Service, Producer string
	// DeadLetter is the dead-letter destination in which the message is known to be, "" if none is.
	DeadLetter string
}

// HopOf returns the first failing hop of a change: the one that decides the verdict, or, where the operation as a whole
// was judged, the first one that is not done. For a message in a dead-letter destination it is the hop it was given up on,
// if that is known.
func HopOf(c *operation.Change) Hop {
	index, consumer := blame(c)
	if index < 0 {
		return Hop{Index: -1}
	}
	h := &c.View.Hops[index]
	hop := Hop{Index: index, System: clip(h.System, maxName), Destination: clip(h.Destination, maxName)}
	if len(h.Sends) > 0 {
		hop.Producer = clip(h.Sends[0].Service, maxName)
	}
	if consumer >= 0 {
		hop.Group = clip(h.Consumers[consumer].Group, maxName)
		hop.Service = clip(h.Consumers[consumer].Service, maxName)
	}
	if c.Verdict.State == operation.StateDeadLettered {
		hop.DeadLetter = clip(deadletter.Destination(c.View, deadletter.Place{Hop: index, Consumer: consumer}), maxName)
	}
	return hop
}

func blame(c *operation.Change) (hop, consumer int) {
	if at := deadletter.Deciding(c.View, &c.Verdict); at.Hop >= 0 {
		return at.Hop, at.Consumer
	}
	return firstOpen(c.View)
}

// firstOpen returns the first hop that is not done and the first of its consumer groups that is not.
func firstOpen(v *operation.View) (hop, consumer int) {
	for i := range v.Hops {
		if v.Hops[i].State == operation.HopDone {
			continue
		}
		for k := range v.Hops[i].Consumers {
			if v.Hops[i].Consumers[k].State != operation.HopDone {
				return i, k
			}
		}
		return i, -1
	}
	return -1, -1
}

// ErrorOf returns the error that best explains the verdict of a change, cut to the bounds of this package; nil without one.
func ErrorOf(c *operation.Change) *operation.Error {
	e := errorOf(c)
	if e == nil {
		return nil
	}
	return &operation.Error{
		Type: clip(e.Type, maxName), Message: clip(e.Message, maxMessage), Stack: clip(e.Stack, maxStack), At: e.At,
	}
}

func errorOf(c *operation.Change) *operation.Error {
	if hop, consumer := blame(c); hop >= 0 {
		if e := hopError(&c.View.Hops[hop], consumer); e != nil {
			return e
		}
	}
	if !c.Verdict.State.Bad() || c.Verdict.Hop >= 0 {
		return nil
	}
	return latestError(c.View)
}

// hopError returns the last error of the hop's consumer group, or of all of its groups if consumer is -1.
func hopError(h *operation.Hop, consumer int) *operation.Error {
	var last *operation.Error
	for k := range h.Consumers {
		if consumer >= 0 && k != consumer {
			continue
		}
		for a := range h.Consumers[k].Attempts {
			last = later(last, h.Consumers[k].Attempts[a].Error)
		}
	}
	if last == nil {
		for s := range h.Sends {
			last = later(last, h.Sends[s].Error)
		}
	}
	return last
}

// latestError is the last error anywhere in the operation: what stands beside a failure that the application declared.
func latestError(v *operation.View) *operation.Error {
	var last *operation.Error
	for i := range v.Notes {
		last = later(last, v.Notes[i].Error)
	}
	for i := range v.Works {
		last = later(last, v.Works[i].Error)
	}
	if last != nil {
		return last
	}
	for i := range v.Hops {
		last = later(last, hopError(&v.Hops[i], -1))
	}
	return last
}

func later(a, b *operation.Error) *operation.Error {
	if a == nil || (b != nil && b.At >= a.At) {
		return b
	}
	return a
}

// clip returns the beginning of s as valid UTF-8, in memory of its own if it was cut.
func clip(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = strings.Clone(s[:cut])
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

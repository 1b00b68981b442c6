package stitch

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/operation"
)

// drawTime draws times that are unknown, plausible or absurd.
func drawTime(t *rapid.T, label string) int64 {
	return rapid.OneOf(
		rapid.SampledFrom([]int64{0, 0, -1, 1, 1<<63 - 1, -1 << 63}),
		rapid.Int64Range(midnight, midnight+100),
	).Draw(t, label)
}

var texts = []string{"", "a", "b", "orders", "amq.gen-1", "\xff\xfe", "two\nlines\x00", strings.Repeat("long ", 1000)}

func drawText(t *rapid.T, label string) string { return rapid.SampledFrom(texts).Draw(t, label) }

func drawOrigin(t *rapid.T) operation.Origin {
	o := operation.Origin{
		Service: drawText(t, "service"), Instance: drawText(t, "instance"), Name: drawText(t, "name"),
		JoinedBy: operation.Reason(rapid.IntRange(0, 5).Draw(t, "reason")),
	}
	o.Trace[0] = byte(rapid.IntRange(0, 3).Draw(t, "trace"))
	o.Span[0] = byte(rapid.IntRange(0, 8).Draw(t, "span"))
	o.Parent[0] = byte(rapid.IntRange(0, 8).Draw(t, "parent"))
	return o
}

func drawError(t *rapid.T) *operation.Error {
	if rapid.Bool().Draw(t, "no error") {
		return nil
	}
	return &operation.Error{Type: drawText(t, "type"), Message: drawText(t, "message"), Stack: drawText(t, "stack"), At: drawTime(t, "error at")}
}

func drawNotes(t *rapid.T) []operation.Note {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) operation.Note {
		return operation.Note{
			Origin: drawOrigin(t), At: drawTime(t, "at"), Severity: uint8(rapid.IntRange(0, 255).Draw(t, "severity")),
			Body: drawText(t, "body"), Error: drawError(t),
		}
	}), 0, 4).Draw(t, "notes")
}

func drawOutcome(t *rapid.T) operation.Outcome {
	return operation.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome"))
}

func drawAttempt(t *rapid.T) operation.Attempt {
	return operation.Attempt{
		Origin: drawOrigin(t), ReceivedAt: drawTime(t, "received"), StartedAt: drawTime(t, "started"), EndedAt: drawTime(t, "ended"),
		Outcome: drawOutcome(t), Destination: drawText(t, "destination"), Inferred: rapid.Bool().Draw(t, "inferred"),
		Error: drawError(t), Notes: drawNotes(t),
		ProgressAt: drawTime(t, "progress at"), Progress: uint16(rapid.IntRange(0, 1001).Draw(t, "progress")), AliveAt: drawTime(t, "alive"),
	}
}

func drawHop(t *rapid.T) operation.Hop {
	return operation.Hop{
		System: drawText(t, "system"), Destination: drawText(t, "destination"), MessageID: drawText(t, "message"),
		State:   operation.HopState(rapid.IntRange(0, 4).Draw(t, "state")),
		Awaited: rapid.SliceOfN(rapid.SampledFrom(texts), 0, 2).Draw(t, "awaited"), DueAt: drawTime(t, "due"),
		Sends: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) operation.Send {
			return operation.Send{Origin: drawOrigin(t), StartedAt: drawTime(t, "started"), EndedAt: drawTime(t, "ended"), Error: drawError(t)}
		}), 0, 2).Draw(t, "sends"),
		Consumers: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) operation.Consumer {
			return operation.Consumer{
				Group: drawText(t, "group"), Service: drawText(t, "service"),
				Attempts:    rapid.SliceOfN(rapid.Custom(drawAttempt), 0, 3).Draw(t, "attempts"),
				WaitedNanos: rapid.Int64Range(-1, 100).Draw(t, "waited"), Skewed: rapid.Bool().Draw(t, "skewed"),
			}
		}), 0, 2).Draw(t, "consumers"),
	}
}

// drawAnyChange draws a change whose parts need not fit together, as no reduction of facts would give it.
func drawAnyChange(t *rapid.T) *operation.Change {
	v := &operation.View{
		ID: drawText(t, "id"), Aliases: rapid.SliceOfN(rapid.SampledFrom(texts), 0, 20).Draw(t, "aliases"),
		Namespace: drawText(t, "namespace"), Name: drawText(t, "name"), StartedAt: drawTime(t, "started"), LastAt: drawTime(t, "last"),
		Hops: rapid.SliceOfN(rapid.Custom(drawHop), 0, 3).Draw(t, "hops"), Notes: drawNotes(t),
		Works: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) operation.Work {
			return operation.Work{
				Origin: drawOrigin(t), StartedAt: drawTime(t, "started"), EndedAt: drawTime(t, "ended"), Outcome: drawOutcome(t),
				Error: drawError(t), Notes: drawNotes(t),
			}
		}), 0, 5).Draw(t, "works"),
		Traces:   []operation.TraceID{{}, {1}, {2}, {3}},
		Declared: drawOutcome(t), DeclaredAt: drawTime(t, "declared"),
	}
	c := &operation.Change{View: v, Revision: 3, WasStuck: rapid.Uint64().Draw(t, "was stuck"), At: drawTime(t, "at")}
	c.Verdict = operation.Verdict{
		State:  rapid.SampledFrom([]operation.State{operation.StateCompleted, operation.StateFailed, operation.StateStuck, operation.StateDeadLettered, operation.StateCancelled}).Draw(t, "state"),
		Reason: operation.StuckReason(rapid.IntRange(0, 6).Draw(t, "reason")), Flags: operation.Flags(rapid.IntRange(0, 31).Draw(t, "flags")),
		Hop: rapid.IntRange(-1, 3).Draw(t, "hop"), Consumer: rapid.IntRange(-1, 2).Draw(t, "consumer"),
		Group: drawText(t, "verdict group"), Awaited: drawText(t, "verdict awaited"),
		Source: operation.ThresholdSource(rapid.IntRange(0, 7).Draw(t, "source")), Since: drawTime(t, "since"), Threshold: drawTime(t, "threshold"), EndedAt: drawTime(t, "ended"),
	}
	c.Seen = operation.Sighting{Group: drawText(t, "seen group"), Service: drawText(t, "seen service"), At: drawTime(t, "seen at")}
	c.FinalRevision = uint32(rapid.IntRange(0, 3).Draw(t, "final"))
	if rapid.Bool().Draw(t, "policy") {
		p := policy()
		c.Policy = &p
	}
	return c
}

// drawFact draws a record over few traces, spans and names, so that they meet.
func drawFact(t *rapid.T) operation.Fact {
	at := sec(float64(rapid.IntRange(1, 60).Draw(t, "at")))
	f := operation.Fact{
		Kind:    operation.Kind(rapid.IntRange(int(operation.KindSend), int(operation.KindCount)-1).Draw(t, "kind")),
		Outcome: drawOutcome(t), Remote: rapid.Bool().Draw(t, "remote"), JoinedBy: operation.ReasonTrace,
		At: at, End: at + rapid.Int64Range(-1, 5e9).Draw(t, "length"), ID: "order-1",
		Service: rapid.SampledFrom(texts[:4]).Draw(t, "service"), Name: drawText(t, "name"),
		Destination: rapid.SampledFrom(texts[:5]).Draw(t, "destination"), Group: rapid.SampledFrom(texts[:3]).Draw(t, "group"),
		MessageID: rapid.SampledFrom(texts[:3]).Draw(t, "message"), ErrorType: drawText(t, "error"), Detail: drawText(t, "detail"),
	}
	f.Trace[0] = byte(rapid.IntRange(1, 3).Draw(t, "trace"))
	f.Span[0] = byte(rapid.IntRange(1, 9).Draw(t, "span"))
	f.Parent[0] = byte(rapid.IntRange(0, 9).Draw(t, "parent"))
	return f
}

// drawChange draws either a judged set of facts or a change of anything.
func drawChange(t *rapid.T) *operation.Change {
	if rapid.Bool().Draw(t, "anything") {
		return drawAnyChange(t)
	}
	facts := rapid.SliceOfN(rapid.Custom(drawFact), 1, 40).Draw(t, "facts")
	return change(facts, float64(rapid.SampledFrom([]int{70, 200, 400}).Draw(t, "now")))
}

func drawSettings(t *rapid.T) Settings {
	if rapid.Bool().Draw(t, "default") {
		return DefaultSettings()
	}
	return Settings{
		Snapshots: rapid.Bool().Draw(t, "snapshots"),
		MaxSpans:  rapid.IntRange(0, 8).Draw(t, "spans"), MaxEvents: rapid.IntRange(0, 3).Draw(t, "events"),
		MaxLinks: rapid.IntRange(0, 2).Draw(t, "links"), MaxBytes: rapid.IntRange(0, 20_000).Draw(t, "bytes"),
		MaxValue: rapid.IntRange(0, 50).Draw(t, "value"), MaxStack: rapid.IntRange(0, 100).Draw(t, "stack"),
	}
}

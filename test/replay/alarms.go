package replay

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Thresholds are those of config.yaml.
type Thresholds struct {
	Waiting, Processing time.Duration
	// Delayed is for both, in the queues that the configuration says deliver late.
	Delayed       time.Duration
	DelayedQueues []string
}

// Alarm is a time during which an operation was called stuck.
type Alarm struct {
	// IDs are the operation's ID and its aliases.
	IDs    []string
	Reason string
	Raised time.Time
	// Resolved is zero for one that stands at the end.
	Resolved time.Time
}

// AlarmReport sets the alarms of a replay in true time beside the truth.
type AlarmReport struct {
	Name string
	// Stuck counts operations that really got stuck, Noticed those of them whose alarm stands at the end.
	Stuck, Noticed int
	// Delays are from when the threshold passed to the standing alarm.
	Delays Errors
	// Waited counts alarms that were right when they were raised and were resolved: the message waited, or its handler ran,
	// for longer than the threshold.
	Waited int
	// Undue counts alarms for a message that was not due yet, when neither telemetry nor configuration says that it was
	// scheduled. The threshold had passed, and they were resolved.
	Undue int
	// Late names alarms that were raised after the threshold had passed, but when the message had been taken, or its handler
	// had ended, and that telemetry had not yet arrived. They were resolved.
	Late []string
	// Wrong names what is neither, and what should have been resolved or noticed.
	Wrong []string
}

// CompareAlarms judges the alarms. Shift is by how much the recording was moved.
func CompareAlarms(recording *Recording, alarms []Alarm, thresholds Thresholds, shift time.Duration) *AlarmReport {
	r := &AlarmReport{Name: recording.Name}
	known := make([]bool, len(alarms))
	for i := range recording.Truth.Operations {
		o := &recording.Truth.Operations[i]
		keys := o.keys()
		var own []Alarm
		for k := range alarms {
			if slices.ContainsFunc(alarms[k].IDs, func(id string) bool { return slices.Contains(keys, id) }) {
				own, known[k] = append(own, alarms[k]), true
			}
		}
		r.operation(o, own, situations(o, thresholds, shift))
	}
	for k := range alarms {
		if !known[k] {
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s: %s, no such operation took place", alarms[k].IDs[0], alarms[k].Reason))
		}
	}
	return r
}

// situation is a message on its way: from when its threshold has passed it is right to call the operation stuck.
type situation struct {
	reason string
	passed time.Time
	// over is when it was taken or done, zero if it never was; due is when it was to be taken at the earliest.
	over, due time.Time
}

func situations(o *Operation, thresholds Thresholds, shift time.Duration) []situation {
	var all []situation
	for _, w := range passages(o) {
		threshold := thresholds.Waiting
		if slices.Contains(thresholds.DelayedQueues, w.hop.Queue) {
			threshold = thresholds.Delayed
		}
		if len(w.sent) > 0 && w.hop.Outcome != "sink" {
			sent := w.sent[0]
			s := situation{reason: "waiting", passed: moment(sent.At).Add(shift + threshold), due: moment(sent.At + sent.DueIn).Add(shift)}
			if len(w.deliveries) > 0 {
				s.over = moment(w.deliveries[0].ReceivedAt).Add(shift)
			}
			all = append(all, s)
		}
		all = append(all, handled(w, max(thresholds.Processing, threshold), shift)...)
	}
	return all
}

// handled are the situations of a message within its consumers. A killed attempt is over when another one begins.
func handled(w *passage, threshold, shift time.Duration) []situation {
	var all []situation
	for i, d := range w.deliveries {
		s := situation{reason: "processing", passed: moment(d.ReceivedAt).Add(shift + threshold)}
		switch {
		case d.Result != "killed" && d.DoneAt != nil:
			s.over = moment(*d.DoneAt).Add(shift)
		case i+1 < len(w.deliveries):
			s.over = moment(w.deliveries[i+1].ReceivedAt).Add(shift)
		}
		all = append(all, s)
	}
	return all
}

func (r *AlarmReport) operation(o *Operation, alarms []Alarm, all []situation) {
	expected, err := o.Expect()
	stuck := err == nil && expected.State == stateStuck
	noticed := false
	for _, a := range alarms {
		standing := a.Resolved.IsZero()
		switch {
		case standing && stuck:
			noticed = r.standing(o, a, all)
		case standing:
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s: %s was never resolved", o.ID, a.Reason))
		case slices.ContainsFunc(all, func(s situation) bool { return s.rightAt(a.Raised) && !s.due.After(a.Raised) }):
			r.Waited++
		case slices.ContainsFunc(all, func(s situation) bool { return s.rightAt(a.Raised) }):
			r.Undue++
		case slices.ContainsFunc(all, func(s situation) bool { return !s.passed.After(a.Raised) }):
			r.Late = append(r.Late, o.ID+": "+a.Reason)
		default:
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s: %s before any threshold had passed", o.ID, a.Reason))
		}
	}
	if stuck {
		r.Stuck++
		r.Noticed += one(noticed)
		if !noticed {
			r.Wrong = append(r.Wrong, o.ID+": nobody was told that it is stuck")
		}
	}
}

// rightAt reports whether it was right to raise an alarm.
func (s situation) rightAt(raised time.Time) bool {
	return !s.passed.After(raised) && (s.over.IsZero() || s.over.After(raised))
}

// standing measures how late an alarm came that is true: after the first threshold that passed for good.
func (r *AlarmReport) standing(o *Operation, a Alarm, all []situation) bool {
	var passed time.Time
	for _, s := range all {
		if s.over.IsZero() && s.reason == a.Reason && (passed.IsZero() || s.passed.Before(passed)) {
			passed = s.passed
		}
	}
	switch {
	case passed.IsZero():
		r.Wrong = append(r.Wrong, fmt.Sprintf("%s: %s, but it is not", o.ID, a.Reason))
	case a.Raised.Before(passed):
		r.Wrong = append(r.Wrong, fmt.Sprintf("%s: %s, %s too early", o.ID, a.Reason, passed.Sub(a.Raised)))
	default:
		r.Delays.add(a.Raised.Sub(passed), o.ID)
		return true
	}
	return false
}

// AlarmTable is a table with a row for each recording.
func AlarmTable(reports []*AlarmReport) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "recording\tstuck\tnoticed\tdelay: median\tworst\tright, then resolved\tnot due, resolved\tlate telemetry, resolved\twrong\t")
	for _, r := range reports {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f s\t%.1f s\t%d\t%d\t%d\t%d\t\n", r.Name, r.Stuck, r.Noticed,
			r.Delays.Quantile(0.5).Seconds(), r.Delays.Quantile(1).Seconds(), r.Waited, r.Undue, len(r.Late), len(r.Wrong))
	}
	w.Flush()
	return text.String()
}

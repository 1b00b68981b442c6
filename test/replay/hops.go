package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/throughline/throughline/test/verdict"
)

// HopReport sets the hops of one recording beside the truth.
type HopReport struct {
	// Name is that of the recording.
	Name string
	// Consumed counts messages by queue and consumer group, of those that somebody consumed; Found those of which the
	// collector knows an attempt; Named and Served those whose destination and service it shows right.
	Consumed, Found, Named, Served int
	// Waiting counts messages that nobody consumed, WaitingFound those that the collector shows as a hop without consumers
	// or as dead-lettered.
	Waiting, WaitingFound int
	// Missing counts what was not found, by what telemetry lacks, Unnamed what has another destination, by its queue.
	Missing, Unnamed map[string]int
	// Compared counts consumer groups whose attempts were compared, Equal those with the true number of them. Whole and
	// WholeEqual are those of which every attempt's span was exported.
	Compared, Equal, Whole, WholeEqual int
	// Miscounted names those with another number of attempts, by what telemetry lacks.
	Miscounted map[string][]string
	// Wait and Processing are the errors of the times in queues and in handlers.
	Wait, Processing Errors
	// Untimed counts times that could not be compared, by why.
	Untimed map[string]int
}

// Errors are absolute differences between judged and true times.
type Errors struct {
	all   []time.Duration
	worst string
}

// add keeps which the worst one was.
func (e *Errors) add(off time.Duration, what string) {
	off = off.Abs()
	if len(e.all) == 0 || off > slices.Max(e.all) {
		e.worst = what
	}
	e.all = append(e.all, off)
}

// Count is how many times were compared.
func (e *Errors) Count() int { return len(e.all) }

// Quantile is the error that the given share of all does not exceed: 0.5 for the median, 1 for the worst.
func (e *Errors) Quantile(share float64) time.Duration {
	if len(e.all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(e.all))
	return sorted[int(share*float64(len(sorted)-1))]
}

// The reasons why something was not found or is not equal.
const (
	lacksSpans    = "its spans were not exported"
	lacksConsumer = "its consumer makes no spans"
	lacksNothing  = "telemetry has all of it"
	lacksIdentity = "inferred: nothing leads from its spans to the operation"
	lacksSend     = "no record of sending"
	lacksDue      = "telemetry does not say when it was due"
	lacksEnd      = "telemetry has no end of it"
	isBatch       = "its span is that of its batch"
	isHeld        = "its consumer fetched it before it was due"
	isLater       = "not the first attempt that telemetry knows of its hop"
)

// CompareHops sets the operations, each asked for alone, beside the truth. Operations that are missing or in pieces are
// left to Compare. Shift is by how much the recording was moved.
func CompareHops(recording *Recording, judged []verdict.Operation, shift time.Duration) *HopReport {
	r := &HopReport{Name: recording.Name, Missing: map[string]int{}, Unnamed: map[string]int{}, Miscounted: map[string][]string{}, Untimed: map[string]int{}}
	byKey := map[string]*verdict.Operation{}
	for i := range judged {
		op := &judged[i]
		for _, key := range append([]string{op.ID}, op.Aliases...) {
			byKey[key] = op
		}
	}
	for i := range recording.Truth.Operations {
		o := &recording.Truth.Operations[i]
		for _, key := range o.keys() {
			if op := byKey[key]; op != nil {
				r.operation(o, op, shift)
				break
			}
		}
	}
	return r
}

func (r *HopReport) operation(o *Operation, judged *verdict.Operation, shift time.Duration) {
	all := passages(o)
	pairs := pair(judged, all, shift)
	for _, w := range all {
		if len(w.deliveries) == 0 {
			r.waiting(w, judged, shift)
			continue
		}
		r.consumed(o, w, pairs, judged)
	}
	r.attempts(o, all, pairs)
}

// waiting looks for a message that nobody consumed, by its sending.
func (r *HopReport) waiting(w *passage, judged *verdict.Operation, shift time.Duration) {
	r.Waiting++
	for i := range judged.Hops {
		hop := &judged.Hops[i]
		if (len(hop.Consumers) == 0 || hop.State == "dead_lettered") && w.sentAs(hop, shift) {
			r.WaitingFound++
			return
		}
	}
	r.Missing["nobody consumed it, and "+w.lacks()]++
}

// sentAs reports whether a judged hop was sent as the message was.
func (w *passage) sentAs(hop *verdict.Hop, shift time.Duration) bool {
	for _, send := range hop.SendDetails {
		for _, s := range w.sent {
			if send.SpanID == s.SpanID && s.SpanID != "" || send.At.Sub(moment(s.At).Add(shift)).Abs() <= nearby {
				return true
			}
		}
	}
	return false
}

// inferred reports whether the message is shown as consumed by nobody knows whom.
func (w *passage) inferred(judged *verdict.Operation, shift time.Duration) bool {
	for i := range judged.Hops {
		hop := &judged.Hops[i]
		for k := range hop.Consumers {
			for _, a := range hop.Consumers[k].AttemptDetails {
				if a.Inferred && a.Service == "" && w.sentAs(hop, shift) {
					return true
				}
			}
		}
	}
	return false
}

func (r *HopReport) consumed(o *Operation, w *passage, pairs *pairing, judged *verdict.Operation) {
	r.Consumed++
	var found, named, served bool
	for _, d := range w.deliveries {
		a := pairs.of[d]
		if a == nil {
			continue
		}
		found = true
		named = named || a.names(w.hop.Queue)
		served = served || a.attempt.Service == d.Service && a.consumer.Service == d.Service
		r.processing(o, w, d, a, pairs.shift)
	}
	switch {
	case found:
		r.Found++
		r.Served += one(served)
		r.Named += one(named)
		if !named {
			r.Unnamed[w.hop.Queue]++
		}
		r.wait(o, w, pairs)
	case w.lacks() == lacksNothing && w.inferred(judged, pairs.shift):
		r.Missing[lacksIdentity]++
	default:
		r.Missing[w.lacks()]++
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// lacks says what telemetry lacks of a message.
func (w *passage) lacks() string {
	traced := false
	for _, d := range w.deliveries {
		traced = traced || d.SpanID != "" || d.BatchSpanID != ""
		if d.SpanExported {
			return lacksNothing
		}
	}
	switch {
	case len(w.deliveries) > 0 && traced:
		return lacksSpans
	case len(w.deliveries) > 0:
		return lacksConsumer
	case len(w.sent) > 0 && w.sent[0].SpanExported:
		return lacksNothing
	}
	return lacksSend
}

// wait compares the time in the queue: from the first send, or when it was due, to the beginning of the first handler.
func (r *HopReport) wait(o *Operation, w *passage, pairs *pairing) {
	first := w.deliveries[0]
	a := pairs.of[first]
	switch {
	case a == nil || !a.first:
		r.Untimed["wait: "+isLater]++
		return
	case first.BatchSize > 0:
		r.Untimed["wait: "+isBatch]++
		return
	case len(w.sent) == 0 || a.consumer.WaitSeconds == nil:
		r.Untimed["wait: "+lacksSend]++
		return
	case w.held(a, pairs.shift):
		r.Untimed["wait: "+isHeld]++
		return
	}
	got := time.Duration(*a.consumer.WaitSeconds*float64(time.Second)) + a.begun().Sub(a.attempt.ReceivedAt)
	sent := w.sent[0]
	queued := moment(first.ReceivedAt).Sub(moment(sent.At))
	due := time.Duration(sent.DueIn * float64(time.Second))
	if due > 0 && (got-queued).Abs() < (got-(queued-due)).Abs() {
		r.Untimed["wait: "+lacksDue]++
		return
	}
	r.Wait.add(got-max(0, queued-due), o.ID+" "+w.hop.Name)
}

// held reports whether a scheduled message was fetched early, to wait in the consumer.
func (w *passage) held(a *tried, shift time.Duration) bool {
	if len(w.sent) == 0 || w.sent[0].DueIn == 0 {
		return false
	}
	return a.begun().Add(nearby).Before(moment(w.sent[0].At + w.sent[0].DueIn).Add(shift))
}

// processing compares the time in the handler.
func (r *HopReport) processing(o *Operation, w *passage, d *Delivery, a *tried, shift time.Duration) {
	switch {
	case d.DoneAt == nil || d.Result != "ok" && d.Result != resultError:
	case a.attempt.EndedAt.IsZero() || a.attempt.Inferred:
		r.Untimed["processing: "+lacksEnd]++
	case d.BatchSize > 0:
		r.Untimed["processing: "+isBatch]++
	case w.held(a, shift):
		r.Untimed["processing: "+isHeld]++
	default:
		took := moment(*d.DoneAt).Sub(moment(d.ReceivedAt))
		r.Processing.add(a.attempt.EndedAt.Sub(a.begun())-took, o.ID+" "+w.hop.Name)
	}
}

// tries is how often one consumer group tried, and what telemetry lacks of it.
type tries struct {
	hop   string
	want  int
	lacks string
}

// attempts compares, for each consumer group that was found, how often it tried: for a retry topic, here and there together.
// A delivery that left nothing belongs to the group that the rest of the message belongs to.
func (r *HopReport) attempts(o *Operation, all []*passage, pairs *pairing) {
	groups := map[*verdict.Consumer]*tries{}
	for _, w := range all {
		of := w.consumer(pairs)
		for _, d := range w.deliveries {
			if a := pairs.of[d]; a != nil {
				of = a.consumer
			}
			if of == nil {
				continue
			}
			g := groups[of]
			if g == nil {
				g = &tries{hop: w.hop.Name}
				groups[of] = g
			}
			g.want++
			switch {
			case d.SpanID == "" && d.BatchSpanID == "":
				g.lacks = lacksConsumer
			case d.SpanID != "" && !d.SpanExported:
				g.lacks = lacksSpans
			}
		}
	}
	for consumer, g := range groups {
		equal, whole := consumer.Attempts == g.want, g.lacks == ""
		r.Compared++
		r.Equal += one(equal)
		r.Whole += one(whole)
		r.WholeEqual += one(whole && equal)
		if equal {
			continue
		}
		if whole {
			g.lacks = lacksNothing
		}
		r.Miscounted[g.lacks] = append(r.Miscounted[g.lacks], fmt.Sprintf("%s %s: %d, not %d", o.ID, g.hop, consumer.Attempts, g.want))
	}
}

// consumer is the first of the judged groups that the message was delivered to, nil without one.
func (w *passage) consumer(pairs *pairing) *verdict.Consumer {
	for _, d := range w.deliveries {
		if a := pairs.of[d]; a != nil {
			return a.consumer
		}
	}
	return nil
}

// HopTable is a table with a row for each recording.
func HopTable(reports []*HopReport) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "recording\tconsumed\tfound\tdestination\tservice\tnot consumed\tfound\tattempts\tif all exported\twait: n\tmedian\tp99\tworst\tprocessing: n\tmedian\tp99\tworst\t")
	for _, r := range reports {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d of %d\t%d of %d\t", r.Name, r.Consumed, r.Found, r.Named, r.Served,
			r.Waiting, r.WaitingFound, r.Equal, r.Compared, r.WholeEqual, r.Whole)
		for _, e := range []*Errors{&r.Wait, &r.Processing} {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t", e.Count(), milli(e.Quantile(0.5)), milli(e.Quantile(0.99)), milli(e.Quantile(1)))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return text.String()
}

func milli(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// List says what was not found, what was counted otherwise, what has no times, and where the worst errors are.
func (r *HopReport) List() string {
	var text strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(r.Missing)) {
		fmt.Fprintf(&text, "%s: %d not found: %s\n", r.Name, r.Missing[reason], reason)
	}
	for _, queue := range slices.Sorted(maps.Keys(r.Unnamed)) {
		fmt.Fprintf(&text, "%s: %d under another destination than %s\n", r.Name, r.Unnamed[queue], queue)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Miscounted)) {
		slices.Sort(r.Miscounted[reason])
		fmt.Fprintf(&text, "%s: %d with another number of attempts, %s: %s\n", r.Name, len(r.Miscounted[reason]), reason, strings.Join(cut(r.Miscounted[reason], 12), ", "))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Untimed)) {
		fmt.Fprintf(&text, "%s: %d without %s\n", r.Name, r.Untimed[reason], reason)
	}
	fmt.Fprintf(&text, "%s: worst: wait %s, processing %s\n", r.Name, r.Wait.worst, r.Processing.worst)
	return text.String()
}

// Unexplained are the differences for which telemetry has no excuse.
func (r *HopReport) Unexplained() []string {
	all := slices.Clone(r.Miscounted[lacksNothing])
	if n := r.Missing[lacksNothing]; n > 0 {
		all = append(all, fmt.Sprintf("%d not found", n))
	}
	return all
}

// cut says how many more there are.
func cut(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	return append(slices.Clone(all[:most]), fmt.Sprintf("and %d more", len(all)-most))
}

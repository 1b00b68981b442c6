package expect

import "time"

// expectation is what is known of one rule. Times are nanoseconds since 1970.
type expectation struct {
	rule     string
	schedule *Schedule
	// starts are those that undecided due times may need. Of an interval, the first run is the unbroken series from whose
	// end the interval counts; it is the time since which the tracker watches as long as there was no start.
	starts runs
	// lastStarted is the newest start of all, 0 without any.
	lastStarted int64
	// due is the earliest due time that is not decided, early how long before it a start counts for it.
	due, early int64
	// open is the miss that has not recovered yet; its Count is 0 when there is none.
	open miss
}

// miss is a row of missed due times.
type miss struct {
	first, last, early int64
	count              int
	// recovered is the start that ended it, 0 while there is none.
	recovered int64
	// news says that the caller has not been told of the miss as it is now.
	news bool
}

// begin lets the expectation count from the given time.
func (e *expectation) begin(since int64) {
	if e.schedule.spec == nil {
		e.starts = runs{{since, since}}
		e.due = since + int64(e.schedule.every)
		return
	}
	e.due = e.next(since)
	e.early = e.tolerance(e.due, e.next(e.due))
}

// never is the due time of a schedule that has come to its end.
const never = 1<<63 - 1

func (e *expectation) next(after int64) int64 {
	if after == never {
		return never
	}
	next := e.schedule.Next(time.Unix(0, after))
	if next.IsZero() || next.Year() > lastYear {
		return never
	}
	return next.UnixNano()
}

// lastYear is the last of which all times plus the longest durations are within 64 bits.
const lastYear = 2230

// tolerance is how long before a due time a start counts for it: as long as the grace, but not nearer to the one before.
func (e *expectation) tolerance(before, due int64) int64 {
	return min(int64(e.schedule.grace), (due-before)/2)
}

func (e *expectation) grace() int64 { return int64(e.schedule.grace) }

// distance is how far apart starts may be within a run.
func (e *expectation) distance() int64 {
	if e.schedule.spec == nil {
		return int64(e.schedule.every) + e.grace()
	}
	return e.grace()
}

// started takes a start.
func (e *expectation) started(at int64) {
	e.lastStarted = max(e.lastStarted, at)
	if e.schedule.spec != nil {
		if at >= e.due-e.early {
			e.starts = e.starts.add(at, e.distance())
		}
		if e.open.count > 0 && at >= e.open.last-e.open.early {
			e.end(at)
		}
		return
	}
	before := e.starts[0]
	if at <= before.last {
		return
	}
	e.starts = e.starts.add(at, e.distance())
	if last := e.starts[0].last; last != before.last {
		// The series goes on after all: what was missed since was not.
		e.due = last + int64(e.schedule.every)
		if e.open.count > 0 {
			e.recover(at)
		}
	}
}

// mark tells whether a start made a difference: it moves nothing but the ends of runs.
type mark struct {
	due  int64
	open miss
	runs int
	ends int64
}

func (e *expectation) mark() mark {
	m := mark{due: e.due, open: e.open, runs: len(e.starts)}
	for _, r := range e.starts {
		// It may overflow, which makes no difference.
		m.ends += r.last - r.first + 31*r.first
	}
	return m
}

// maxSteps bounds the due times that one call decides, so that it returns soon even after years; the next call goes on.
const maxSteps = 1000

// decide goes through the due times that can be decided, and hands every change of the open miss to tell.
func (e *expectation) decide(now, arrival int64, tell func(*miss)) {
	e.resume()
	for step := 0; step < maxSteps && e.due != never && now > e.due+e.grace()+arrival; step++ {
		if e.schedule.spec == nil {
			e.decideInterval(tell)
		} else {
			e.decideCron(tell)
		}
	}
	if e.open.news {
		e.tell(tell)
	}
}

func (e *expectation) decideCron(tell func(*miss)) {
	due := e.due
	if !e.starts.within(due-e.early, due+e.grace()) {
		e.miss(due, tell)
	}
	e.due = e.next(due)
	e.early = 0
	if e.due != never {
		e.early = e.tolerance(due, e.due)
	}
	if e.open.count > 0 {
		if at, ok := e.starts.firstAfter(e.open.last + e.grace()); ok {
			e.end(at)
		}
	}
	e.starts = e.starts.prune(e.due - e.early)
}

// end ends the open row by a start, unless due times before it are still to be decided: they may belong to the row.
func (e *expectation) end(at int64) {
	if e.due == never || at <= e.due+e.grace() {
		e.recover(at)
	}
}

// decideInterval counts the next due time as missed: a start in time would have put it off.
func (e *expectation) decideInterval(tell func(*miss)) {
	e.miss(e.due, tell)
	e.due += int64(e.schedule.every)
	e.resume()
}

// resume lets the interval count from a later start, once all due times before that have been counted.
func (e *expectation) resume() {
	if e.schedule.spec != nil || e.open.count == 0 || len(e.starts) < 2 || e.starts[1].first > e.due+e.grace() {
		return
	}
	e.recover(e.starts[1].first)
	e.starts = e.starts[1:]
	e.due = e.starts[0].last + int64(e.schedule.every)
}

// miss counts a missed due time. One that recovered is over and told of first.
func (e *expectation) miss(due int64, tell func(*miss)) {
	if e.open.recovered != 0 {
		e.tell(tell)
	}
	if e.open.count == 0 {
		e.open.first = due
	}
	e.open.last, e.open.early, e.open.news = due, e.early, true
	e.open.count++
}

func (e *expectation) recover(at int64) {
	if e.open.recovered == 0 || at < e.open.recovered {
		e.open.recovered, e.open.news = at, true
	}
}

func (e *expectation) tell(tell func(*miss)) {
	told := e.open
	e.open.news = false
	if told.recovered != 0 {
		e.open = miss{}
	}
	tell(&told)
}

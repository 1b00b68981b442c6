// Package expect tells when an operation that should have started did not: a nightly job, an hourly import.
//
// A [Schedule] says when starts are due (an interval or a cron expression in a time zone), a [Tracker] is told of starts and
// asked, as time goes on, which due times passed without one. It is pure: time is passed in, and which operations count as a
// start of which expectation is the caller's business.
package expect

// Package alert tells alerting backends about incidents: what is true now, not what happened on the way.
//
// A [Book] holds the present truth of each incident and says what a backend must still be told or told again; an [Alert] is
// that truth in words that no backend owns, and a [Notifier] brings alerts to one backend. Backends are in sub-packages,
// and package alerttest holds what all of them must pass.
package alert

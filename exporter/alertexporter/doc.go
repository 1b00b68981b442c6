//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package alertexporter turns events of incidents into alerts and brings them to alerting backends.
//
// It is level-triggered: an event only tells it what is true now, and the backend is told that, at once and again while it
// lasts. So events may come twice, late or out of order, and a backend that was down learns the present truth instead of
// what it missed. The rules are in internal/alert; this package joins them with the collector's queue and retries.
package alertexporter

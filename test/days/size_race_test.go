//go:build race

package days

// The race detector makes everything ten times as slow, and finds as much in less traffic and fewer sweeps.
const (
	traffic      = 0.4
	sweepSeconds = 10
)

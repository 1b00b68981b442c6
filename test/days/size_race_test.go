//go:build race

package days

// The race detector makes everything ten times as slow, and finds as much in less traffic and fewer sweeps. The days with a store are left to
// `make days`, which has no such detector: SQLite, which is translated from C, is slower still, and one connection writes at a time.
const (
	traffic      = 0.3
	sweepSeconds = 20
)

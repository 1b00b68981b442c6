//go:build !race

package days

// traffic is the share of the traffic that takes place; sweepSeconds is how far apart sweeps are.
const (
	traffic      = 1.0
	sweepSeconds = 1
)

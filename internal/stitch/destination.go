package stitch

import "github.com/throughline/throughline/internal/operation"

// Temporary is the name that all temporary destinations share, so that they make one service and one series.
const Temporary = "temporary"

// unknownDestination stands for a destination that no record names.
const unknownDestination = "unknown"

// Destination returns the name under which a destination is grouped: its own, "temporary" for one whose name was made up
// (amq.gen-*, a UUID, ...) and "unknown" if it has none.
func Destination(name string) string {
	switch {
	case name == "":
		return unknownDestination
	case operation.TemporaryName(name):
		return Temporary
	}
	return name
}

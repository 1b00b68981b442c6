// Package truth records what generated operations did and says how each of them must be judged.
//
// The simulator fills in an [Operation] while it works, with the times it really acted at; [Operation.Settle] then derives
// state, reason and flags from that record, not from the plan and not from the telemetry.
// A [Writer] streams the operations to a JSON array on disk, so that a run of any length needs no memory for them.
package truth

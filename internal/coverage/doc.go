// Package coverage counts, for each service, how much of its messaging telemetry found its operation, by what, and what is
// missing from the rest, so that a team sees why an operation is not whole.
//
// A [Ledger] is told of each fact once, and of each operation when it is over; a [Report] is what it says at one moment, and
// [WriteText] shows that to people. Everything is bounded: services and destinations beyond the bound are counted together
// under [Overflow].
package coverage

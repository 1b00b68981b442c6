// Package measure turns changes of verdict, and a look at what is open, into metrics.
//
// A [Meter] counts for one reader, with cumulative or delta temporality; the age and depth of what is open are
// read afresh for each collection from [Gauges], so that they move even when nothing completes. A [Board] keeps what they need
// of each open operation, so that a collection costs little however many there are.
// All attribute values come from telemetry, so the series of each metric are bounded: what exceeds the bound is counted in
// one overflow series, and no observation is lost. Series that were idle for long leave and begin anew when they are back.
//
// docs/metrics.md has the table of all metrics, and a test compares it with what is emitted.
//
// What is counted when, so that each thing counts once although verdicts change:
//   - duration, waits, attempts and their durations: when the operation becomes final for the first time. What late
//     evidence adds afterwards is not counted, nor is what never became final.
//   - outcomes: for each final verdict; one that corrects an earlier one carries async.operation.corrected.
//   - duplicates: when the verdict first has the flag, final or not.
//   - dead letters: each message once for each group that gave up on it, when a change of verdict says dead_lettered. One
//     that is given up again after a further attempt is the same message and does not count again.
package measure

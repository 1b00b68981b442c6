// Package gap tells where telemetry is lacking, so that an end that was not seen is not taken for one that did not come.
//
// A [Monitor] learns by [Monitor.Seen] how long each service usually lets one wait for something new, for its traces and its
// logs apart, and [Monitor.Silent] says once when a service has been silent for several times that long, or sends nothing
// but old telemetry, and once when that is over. [Monitor.Covers] says whether the telemetry of a service is incomplete
// between two times; what comes late fills the gap, and then it is complete.
//
// # What is silent, and what is only idle
//
// The wait that is usual is the one that the service spends 90 % of its time in or below, so a service that works in bursts is
// judged by the pauses between them. Silent is who makes one wait three times as long, but at least 30 seconds. A gap counts
// little in what is usual, so an outage teaches nothing; what recurs is learned by the clock instead: a service that was
// silent at the same time yesterday or a week ago, and did not make up for it, is idle (at night, on Sundays, between the
// runs of a daily job) and has no gap until it fails to come back when it did then. The first idle night of a service is
// a gap. Whether a silent service is dead or its telemetry is lost cannot be told by its telemetry, but [Monitor.Find] tells
// whether the gap is still open.
//
// If all services that should have been heard of fall silent together, that is one gap without a service. If nobody asked
// [Monitor.Silent] for a while, the collector itself was not running, and that is one gap for all as well.
//
// All times are nanoseconds since 1970 UTC by the clock of the collector; times of events are shifted by the least delay
// of their service, so that a clock that is behind does not make a service late.
package gap

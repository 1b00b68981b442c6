// Package judged runs generated workloads through the components of the collector and compares the verdicts with the truth.
//
// Everything happens in one process and in simulated time: half an hour of traffic takes a minute, and a slow machine cannot
// make telemetry later than it is meant to be. There is nothing here but tests; `make e2e` does the same over the network.
package judged

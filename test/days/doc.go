// Package days runs nine simulated days of a shop through the components of the collector and compares what it says with the truth, and
// one day and a half of a smaller one with a store, in which restarts must show nowhere.
//
// Rates follow the hour and the weekday, jobs run at night, messages are due hours later, services are deployed, break and lose
// their telemetry, and the collector is restarted; nothing is declared that a collector can find out by itself. Everything happens in one process and in
// simulated time, with less traffic and without the store under the race detector; there is nothing here but tests.
package days

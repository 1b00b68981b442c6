// Package sim carries plans out in real time, as services instrumented with OpenTelemetry would.
//
// Every operation is a goroutine and so is every message under way; each records in a truth what it really did and when, and
// the spans carry exactly those times.
// The only state that operations share is the broker's offsets, so that the rate holds however many of them are open.
package sim

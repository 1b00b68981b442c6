// Package conformance replays telemetry recorded from real applications through the real pipeline and compares every
// verdict with what really happened.
//
// Each folder of testdata is one recording: other libraries, another broker, another way to propagate the ID. One
// configuration serves all of them. Time is fake, so that also replays in true time take seconds.
package conformance

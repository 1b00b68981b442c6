// Package chaos takes servers away from under Throughline while traffic flows, and checks that nothing was forgotten.
//
// The workload generator sends through a [Relay], which spreads requests over the collectors and knows what they acknowledged; collectors
// tell a [Ledger] what they derive, beside the real Jaeger and Alertmanager, and Alertmanager tells a [Pager]. At the end all of them are
// compared with what the generator did.
// The scenarios themselves need the built binaries and have the build tag e2e; `make chaos` runs them in full length.
package chaos

// Package grouping measures how well failures are grouped by their cause.
//
// The records in testdata/failures are what programs of seven languages (testdata/programs) really failed with, each cause several
// times: with other values, in other builds, in other threads, wrapped and unwrapped. A cause that falls into two groups costs
// recall, a group of two causes precision; both are counted over all pairs of records.
package grouping

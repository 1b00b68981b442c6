// Package grouping measures how well failures are grouped by their cause.
//
// The records in testdata/failures are what programs of seven languages (testdata/programs) really failed with, each cause several
// times: with other values, in other builds, in other threads, wrapped and unwrapped. A cause that falls into two groups costs
// recall, a group of two causes precision; both are counted over all pairs of records.
//
// Recorded with Go 1.26, Java 17, .NET Core 3.1 (compiled by mcs 6.8), Python 3.11, Node.js 20, Ruby 3.1 and PHP 8.2; `make failures`
// records again. The label is the place in the program that is to blame. The causes were written before
// the rules for messages, and every second one was left out of account while these were made.
package grouping

// Package activity remembers who consumed from each destination last, and when, whatever operation the message belonged to.
//
// A [Log] is told of every operation whose verdict changed by [Log.Observe], and [Log.Last] answers for what is waiting: that a
// group has not been seen for an hour says more than that a message waits. It knows no clock, holds a bounded number of names
// and forgets first who has not been seen for long.
package activity

// Package deadletter tells who gave up on a message, and where the message went then.
//
// Where a message is seen to arrive in a dead-letter destination, the judge points at that destination; whoever is told
// wants to know which consumer gave up on it, and why. All outputs ask here, so that the event, the incident, the metric
// and the derived trace of one operation agree.
package deadletter

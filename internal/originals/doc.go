// Package originals keeps what derived traces show of the originals beyond facts: what is known of each service, and the spans
// inside of attempts, until their operation is final.
//
// A [Store] keeps nothing until somebody asks for it by [Store.Ask], and then no more than the bounds given there: spans as
// bytes, by trace, cut to what can be shown. The spans of traces in which no operation was recognised give way first, then those
// of the operations that were quiet for longest, and whatever is let go is counted.
package originals

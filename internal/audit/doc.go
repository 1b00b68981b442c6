// Package audit is the journal of what people did: notes they left, and actions with who asked, why, until when, and what became of them.
//
// A [Journal] keeps its latest lines in memory, and all of them in a store once it has one. An action takes two lines: the request,
// written before anything is done, and the result, written after; reading joins them, so that what was asked for and never done shows as such.
package audit

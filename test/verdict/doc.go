// Package verdict reads the verdicts of a running collector and sets them beside what really happened.
//
// A [Client] pages through the console's API as any client would. [Compare] sets what it says beside the truth, and a [Matrix] counts how often which truth was judged as
// what; the end-to-end tests and the replay of recordings both report by it.
package verdict

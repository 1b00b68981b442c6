// Package template finds what messages have in common that differ in the values they tell.
//
// [Normalize] replaces what can be told for a value by its shape: numbers, identifiers, quoted text, addresses, paths, times,
// names; its result depends on nothing but the message. A [Miner] finds the values that look like any other word, as
// Drain does (He et al., 2017): messages of one place that have the same length and differ in few words are one template. Both
// read what strangers wrote, in time proportional to its length, and everything a miner holds is bounded.
package template

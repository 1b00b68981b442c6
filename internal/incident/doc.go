// Package incident groups operations that are stuck or failed in the same way, because two thousand operations behind one
// dead consumer are one thing to tell somebody about.
//
// A [Key] says what "the same way" means, and its [Key.ID] names the incident wherever it is computed. A [Tracker] follows
// the changes of verdict, keeps who is affected, and returns what is to be told: opened, updated, resolved. It knows no
// clock, no I/O and no collector type, and everything it holds is bounded.
package incident

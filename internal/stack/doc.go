// Package stack reads stack traces as runtimes write them: Go, the JVM, .NET, Python, V8, Ruby and PHP.
//
// [Parse] makes of a text the exceptions it tells of, each with its type, its message and its calls, and [Rules] tell the
// application's own calls from those of the libraries it uses. Whoever sends telemetry writes these texts, so reading one
// takes time and memory in proportion to its length, which is bounded, and a text that is no stack trace is no error.
package stack

// Package checkpoint keeps what the engine knows in the log of a store, and brings it back.
//
// A [Writer] gathers facts and what was judged of them, and commits them in rows of its own stream: many at a time, at intervals or as soon as somebody
// waits. A [Follower] reads the streams of all others and applies them, in whatever order they come, because facts merge. A [Rebuilder] writes all that the engine
// holds once more, so that older rows can be removed.
package checkpoint

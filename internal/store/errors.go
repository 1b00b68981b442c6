package store

import "errors"

// What can be wrong with a store. Errors of a [Store] wrap one of these where it applies; the text says more. None of them is a
// reason to stop: whoever meets one goes on with what it has in memory, tells it, and tries again.
var (
	// ErrNotFound: there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrNewer: a later version of this program wrote it. Trying again does not help, a newer program does.
	ErrNewer = errors.New("written by a newer version")
	// ErrCorrupt: the bytes are not what was written.
	ErrCorrupt = errors.New("corrupt")
	// ErrFull: there is no room left on the device, or no more is allowed.
	ErrFull = errors.New("no space left")
	// ErrReadOnly: nothing can be written there.
	ErrReadOnly = errors.New("read-only")
	// ErrUnavailable: the database does not answer, is too busy, or the connection was lost. What was under way is undone,
	// unless it was the commit: then it may be either, and writing the same again does no harm.
	ErrUnavailable = errors.New("unavailable")
	// ErrInUse: another process has it, and only one may.
	ErrInUse = errors.New("in use")
	// ErrLost: somebody else has the role by which it was to be done.
	ErrLost = errors.New("the role is somebody else's")
	// ErrInvalid: what was asked for makes no sense, as a cursor that this store did not give.
	ErrInvalid = errors.New("invalid")
)

package learn

// link chains the entries of a list in order of use; it is part of each of them.
type link[T any] struct {
	newer, older *T
	in           *recent[T]
}

// recent is a list in order of use. An entry is in one list at most.
type recent[T any] struct {
	newest, oldest *T
	size           int
	linkOf         func(*T) *link[T]
}

// touch makes the entry the most recently used, taking it out of the list it was in.
func (r *recent[T]) touch(t *T) {
	if r.newest == t {
		return
	}
	l := r.linkOf(t)
	if l.in != nil {
		l.in.remove(t)
	}
	l.in, l.older, l.newer = r, r.newest, nil
	if r.newest != nil {
		r.linkOf(r.newest).newer = t
	} else {
		r.oldest = t
	}
	r.newest = t
	r.size++
}

func (r *recent[T]) remove(t *T) {
	l := r.linkOf(t)
	if l.newer != nil {
		r.linkOf(l.newer).older = l.older
	} else {
		r.newest = l.older
	}
	if l.older != nil {
		r.linkOf(l.older).newer = l.newer
	} else {
		r.oldest = l.newer
	}
	*l = link[T]{}
	r.size--
}

package engine

// index finds nodes by their keys. It is a hash table that grows by one bucket at a time (linear hashing), so that no fact has
// to wait while all others move, and holds no pointer to a node, so that the garbage collector need not look at any.
type index struct {
	// chunks hold the nodes by their numbers, from 1. They are never moved, so that pointers to nodes stay good.
	chunks []*[nodeChunk]node
	// unused is the first of the nodes that can be used again, used how many numbers were ever given out.
	unused, used uint32
	// buckets hold the number of the first node of each chain. There are size of them, between base and twice that, which is a
	// power of two: the first size-base ones are split already.
	buckets    []*[bucketChunk]uint32
	base, size uint32
	live       int
}

const (
	nodeChunk   = 1024
	bucketChunk = 1024
	// perBucket is how many nodes there are to a bucket.
	perBucket = 2
)

func (x *index) init() {
	x.buckets, x.base, x.size = []*[bucketChunk]uint32{{}}, 1, 1
}

// at returns the node with that number.
func (x *index) at(number uint32) *node {
	number--
	return &x.chunks[number/nodeChunk][number%nodeChunk]
}

func (x *index) bucket(k key) *uint32 {
	i := k[0] & (2*x.base - 1)
	if i >= x.size {
		i &= x.base - 1
	}
	return &x.buckets[i/bucketChunk][i%bucketChunk]
}

// find returns the node with that key, nil if there is none.
func (x *index) find(kind nodeKind, k key) *node {
	for number := *x.bucket(k); number != 0; {
		n := x.at(number)
		if n.key == k && n.isFor(kind) {
			return n
		}
		number = n.next
	}
	return nil
}

// numberOf returns the number of a node that is in the index.
func (x *index) numberOf(n *node) uint32 {
	number := *x.bucket(n.key)
	for x.at(number) != n {
		number = x.at(number).next
	}
	return number
}

// add puts in a node for a key that has none.
func (x *index) add(kind nodeKind, k key) *node {
	if x.live >= perBucket*int(x.size) {
		x.split()
	}
	number := x.unused
	if number == 0 {
		if int(x.used) == len(x.chunks)*nodeChunk {
			x.chunks = append(x.chunks, new([nodeChunk]node))
		}
		x.used++
		number = x.used
	}
	n, first := x.at(number), x.bucket(k)
	if number == x.unused {
		x.unused = n.next
	}
	*n = node{key: k, next: *first, bits: uint32(kind)}
	*first = number
	x.live++
	return n
}

// remove takes a node out; it must not be used any more.
func (x *index) remove(n *node) {
	at := x.bucket(n.key)
	for x.at(*at) != n {
		at = &x.at(*at).next
	}
	number := *at
	*at = n.next
	*n = node{next: x.unused}
	x.unused = number
	x.live--
}

// split adds a bucket and moves to it what belongs there, which lies in one other bucket.
func (x *index) split() {
	from, to := x.size-x.base, x.size
	if int(to) == len(x.buckets)*bucketChunk {
		x.buckets = append(x.buckets, new([bucketChunk]uint32))
	}
	x.size++
	number := x.buckets[from/bucketChunk][from%bucketChunk]
	var stay, move uint32
	for number != 0 {
		n := x.at(number)
		next := n.next
		if n.key[0]&(2*x.base-1) == to {
			n.next, move = move, number
		} else {
			n.next, stay = stay, number
		}
		number = next
	}
	x.buckets[from/bucketChunk][from%bucketChunk] = stay
	x.buckets[to/bucketChunk][to%bucketChunk] = move
	if x.size == 2*x.base {
		x.base = x.size
	}
}

// each calls see for all nodes, in no particular order.
func (x *index) each(see func(*node)) {
	for _, chunk := range x.chunks {
		for i := range chunk {
			if chunk[i].kind() != 0 {
				see(&chunk[i])
			}
		}
	}
}

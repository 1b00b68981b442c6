package engine

import (
	"encoding/binary"
	"math/bits"
)

// index finds nodes by their keys. It is a hash table that grows by one bucket at a time (linear hashing), so that no fact has
// to wait while all others move, and holds no pointer to a node, so that the garbage collector need not look at any.
type index struct {
	// chunks hold the nodes by their numbers, from 1. They are never moved, so that pointers to nodes stay good.
	chunks []*[nodeChunk]node
	// unused is the first of the nodes that can be used again, used how many numbers were ever given out.
	unused, used uint32
	// buckets are size many, between base and twice that, which is a power of two: the first size-base ones are split already.
	buckets    buckets
	base, size uint32
	// further take what has no room in its bucket, by numbers from 1: so many were ever used, and the first that is not.
	further                    buckets
	usedFurther, unusedFurther uint32
	live                       int
}

// bucket fills a cache line: nearly every key is found, or found missing, by a look at one. It has the numbers of nodes, 0
// for an empty place, a byte of each node's key, and the number of a further bucket, 0 for none.
type bucket struct {
	tags    [perBucket]uint8
	numbers [perBucket]uint32
	more    uint32
}

type buckets []*[bucketChunk]bucket

const (
	nodeChunk   = 1024
	bucketChunk = 256
	perBucket   = 12
	// loadedBy is how many nodes there are to a bucket. Those that are not split yet have up to twice as many.
	loadedBy = 8
)

func (b buckets) at(i uint32) *bucket { return &b[i/bucketChunk][i%bucketChunk] }

// reach makes room for the bucket with that number.
func (b *buckets) reach(i uint32) {
	if int(i) == len(*b)*bucketChunk {
		*b = append(*b, new([bucketChunk]bucket))
	}
}

func (x *index) init() {
	x.buckets.reach(0)
	x.base, x.size = 1, 1
}

// at returns the node with that number.
func (x *index) at(number uint32) *node {
	number--
	return &x.chunks[number/nodeChunk][number%nodeChunk]
}

func (x *index) bucket(k key) *bucket {
	i := k[0] & (2*x.base - 1)
	if i >= x.size {
		i &= x.base - 1
	}
	return x.buckets.at(i)
}

// tag is a byte of a key, other than those by which its bucket is found; 0 is an empty place.
func (k key) tag() uint8 { return max(1, uint8(k[2])) }

// with returns a bit for each place that has the tag, and perhaps for some that do not.
func (b *bucket) with(tag uint8) uint32 {
	each := uint64(tag) * ones
	return zeros(binary.LittleEndian.Uint64(b.tags[:])^each) | zeros(uint64(binary.LittleEndian.Uint32(b.tags[8:]))^each|0xffffffff<<32)<<8
}

// ones has a 1 in each byte.
const ones = 0x0101010101010101

// zeros returns a bit for each byte that is 0, and perhaps for some above one that is.
func zeros(v uint64) uint32 {
	v = (v - ones) &^ v & (0x80 * ones) >> 7
	return uint32(v * 0x0102040810204080 >> 56)
}

// find returns the node with that key, nil if there is none.
func (x *index) find(kind nodeKind, k key) *node {
	for b := x.bucket(k); ; b = x.further.at(b.more - 1) {
		for places := b.with(k.tag()); places != 0; places &= places - 1 {
			if number := b.numbers[bits.TrailingZeros32(places)]; number != 0 {
				if n := x.at(number); n.key == k && n.isFor(kind) {
					return n
				}
			}
		}
		if b.more == 0 {
			return nil
		}
	}
}

// place returns where a node that is in the index has its number.
func (x *index) place(n *node) (*bucket, int) {
	for b := x.bucket(n.key); ; b = x.further.at(b.more - 1) {
		for places := b.with(n.key.tag()); places != 0; places &= places - 1 {
			i := bits.TrailingZeros32(places)
			if number := b.numbers[i]; number != 0 && x.at(number) == n {
				return b, i
			}
		}
	}
}

// numberOf returns the number of a node that is in the index.
func (x *index) numberOf(n *node) uint32 {
	b, i := x.place(n)
	return b.numbers[i]
}

// add puts in a node for a key that has none, and returns its number as well.
func (x *index) add(kind nodeKind, k key) (*node, uint32) {
	if x.live >= loadedBy*int(x.size) {
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
	n := x.at(number)
	if number == x.unused {
		x.unused = n.sibling
	}
	*n = node{key: k, bits: uint32(kind)}
	x.put(x.bucket(k), k, number)
	x.live++
	return n, number
}

// put writes a number into the first empty place of a bucket or of those that follow it.
func (x *index) put(b *bucket, k key, number uint32) {
	for {
		if empty := b.with(0); empty != 0 {
			// The lowest bit is always right.
			i := bits.TrailingZeros32(empty)
			b.tags[i], b.numbers[i] = k.tag(), number
			return
		}
		if b.more == 0 {
			b.more = x.takeFurther()
		}
		b = x.further.at(b.more - 1)
	}
}

// takeFurther returns the number of an empty bucket.
func (x *index) takeFurther() uint32 {
	if number := x.unusedFurther; number != 0 {
		b := x.further.at(number - 1)
		x.unusedFurther, b.more = b.more, 0
		return number
	}
	x.further.reach(x.usedFurther)
	x.usedFurther++
	return x.usedFurther
}

// remove takes a node out; it must not be used any more.
func (x *index) remove(n *node) {
	b, i := x.place(n)
	number := b.numbers[i]
	b.tags[i], b.numbers[i] = 0, 0
	*n = node{sibling: x.unused}
	x.unused = number
	x.live--
}

// split adds a bucket and moves to it what belongs there, which lies in one other bucket and those that follow it.
func (x *index) split() {
	from, to := x.size-x.base, x.size
	x.buckets.reach(to)
	x.size++
	old := x.buckets.at(from)
	first := *old
	*old = bucket{}
	for b, further := &first, uint32(0); ; {
		for _, number := range b.numbers {
			if number != 0 {
				x.put(x.bucket(x.at(number).key), x.at(number).key, number)
			}
		}
		next := b.more
		if further != 0 {
			*b = bucket{more: x.unusedFurther}
			x.unusedFurther = further
		}
		if next == 0 {
			break
		}
		b, further = x.further.at(next-1), next
	}
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

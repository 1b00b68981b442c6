package engine

// roster gives entries small numbers, from 1, by which nodes refer to them.
type roster struct {
	chunks []*[rosterChunk]*entry
	used   uint32
	unused []uint32
}

const rosterChunk = 1024

func (r *roster) slot(number uint32) **entry {
	number--
	return &r.chunks[number/rosterChunk][number%rosterChunk]
}

// at returns the entry with that number.
func (r *roster) at(number uint32) *entry { return *r.slot(number) }

// add gives an entry its number.
func (r *roster) add(n *entry) {
	if last := len(r.unused) - 1; last >= 0 {
		n.number, r.unused = r.unused[last], r.unused[:last]
	} else {
		if int(r.used) == len(r.chunks)*rosterChunk {
			r.chunks = append(r.chunks, new([rosterChunk]*entry))
		}
		r.used++
		n.number = r.used
	}
	*r.slot(n.number) = n
}

// remove takes the number of an entry back; no node may have it any more.
func (r *roster) remove(n *entry) {
	*r.slot(n.number) = nil
	r.unused = append(r.unused, n.number)
	n.number = 0
}

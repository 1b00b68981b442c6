package engine

// deadlines is a heap of the times at which operations are to be judged, the next one first. Each node has four children,
// which lie side by side: of millions of deadlines, few have to be looked at when one changes.
type deadlines []deadline

type deadline struct {
	due   int64
	entry *entry
}

const (
	heapChildren = 4
	// heapShare is the share by which the room for deadlines grows and that may lie idle, as one in so many.
	heapShare = 4
	// heapLeast is the room that is always kept.
	heapLeast = 64
)

// set changes when an entry is due, 0 for never.
func (d *deadlines) set(n *entry, due int64) {
	switch {
	case due == 0 && n.place >= 0:
		d.remove(n)
	case due != 0 && n.place >= 0:
		i, before := int(n.place), (*d)[n.place].due
		(*d)[i].due = due
		if due < before {
			d.up(i)
		} else {
			d.down(i)
		}
	case due != 0:
		if len(*d) == cap(*d) {
			d.resize(len(*d) + max(heapLeast, len(*d)/heapShare))
		}
		*d = append(*d, deadline{due, n})
		n.place = int32(len(*d) - 1)
		d.up(len(*d) - 1)
	}
}

func (d *deadlines) remove(n *entry) {
	i, last := int(n.place), len(*d)-1
	moved := (*d)[last]
	(*d)[last] = deadline{}
	*d = (*d)[:last]
	n.place = -1
	if i < last {
		(*d)[i] = moved
		moved.entry.place = int32(i)
		d.up(i)
		d.down(int(moved.entry.place))
	}
	if cap(*d) > 2*heapLeast && last < cap(*d)/2 {
		d.resize(last + last/heapShare)
	}
}

// resize moves the heap to room for so many.
func (d *deadlines) resize(room int) {
	*d = append(make(deadlines, 0, max(heapLeast, room)), *d...)
}

func (d deadlines) up(i int) {
	moving := d[i]
	for i > 0 {
		parent := (i - 1) / heapChildren
		if d[parent].due <= moving.due {
			break
		}
		d[i] = d[parent]
		d[i].entry.place = int32(i)
		i = parent
	}
	d[i] = moving
	moving.entry.place = int32(i)
}

func (d deadlines) down(i int) {
	moving := d[i]
	for {
		least := i*heapChildren + 1
		if least >= len(d) {
			break
		}
		for k := least + 1; k < min(least+heapChildren, len(d)); k++ {
			if d[k].due < d[least].due {
				least = k
			}
		}
		// The first child was taken for the least.
		if d[least].due >= moving.due {
			break
		}
		d[i] = d[least]
		d[i].entry.place = int32(i)
		i = least
	}
	d[i] = moving
	moving.entry.place = int32(i)
}

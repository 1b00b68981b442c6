package operation

import "strconv"

// Partition is the number of a partition of a destination plus 1; 0 where no record says. Partitions that are not numbered, or
// beyond 65,534, are not told apart.
type Partition uint16

// ParsePartition returns the partition with that number in decimal digits, 0 if it is none.
func ParsePartition(text string) Partition {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n >= 1<<16-1 {
		return 0
	}
	return Partition(n + 1)
}

// String returns the number in decimal digits, "" for 0.
func (p Partition) String() string {
	if p == 0 {
		return ""
	}
	return strconv.Itoa(int(p) - 1)
}

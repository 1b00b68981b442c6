package operation

import "encoding/hex"

// Message IDs are hexadecimal digits in groups, mostly: UUIDs above all. Their digits are stored two to a byte, after the
// lengths of the groups.

// uuidGroups are the lengths of the groups of a UUID, for which a single byte stands.
const uuidGroups = "\x08\x04\x04\x04\x0c"

// maxGroups bounds the groups of a packed text.
const maxGroups = 8

// pack appends the packed text to b; false if that would not make it shorter.
func pack(b []byte, text string) ([]byte, bool) {
	var lengths [maxGroups]byte
	groups, digits := 0, 0
	for from := 0; from <= len(text); groups++ {
		if groups == maxGroups {
			return b, false
		}
		n := hexDigits(text[from:])
		if from += n + 1; from <= len(text) && text[from-1] != '-' {
			return b, false
		}
		lengths[groups] = byte(n)
		digits += n
	}
	if string(lengths[:groups]) == uuidGroups {
		b = append(b, 0)
	} else {
		if 1+groups+digits/2+digits%2 >= len(text) {
			return b, false
		}
		b = append(append(b, byte(groups)), lengths[:groups]...)
	}
	half, even := byte(0), true
	for i := range len(text) {
		if text[i] == '-' {
			continue
		}
		if half = half<<4 | digit(text[i]); !even {
			b = append(b, half)
		}
		even = !even
	}
	if !even {
		b = append(b, half<<4)
	}
	return b, true
}

// hexDigits counts the lower-case hexadecimal digits at the beginning of a text, as far as a byte counts.
func hexDigits(text string) int {
	for i := range min(len(text), 255) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return i
		}
	}
	return min(len(text), 255)
}

func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// unpack returns the text that was packed.
func unpack(b []byte) string {
	var room [3 * maxAgain]byte
	lengths := []byte(uuidGroups)
	if groups := int(b[0]); groups != 0 {
		lengths, b = b[1:1+groups], b[groups:]
	}
	digits := hex.AppendEncode(room[maxAgain:maxAgain], b[1:])
	text := room[:0]
	for i, n := range lengths {
		if i > 0 {
			text = append(text, '-')
		}
		text = append(text, digits[:n]...)
		digits = digits[n:]
	}
	return string(text)
}

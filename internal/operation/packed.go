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
	groups, digits, began := 0, 0, 0
	for i := range len(text) {
		switch d := hexDigits[text[i]]; {
		case d < hyphen:
			digits++
		case d == noDigit || groups == maxGroups-1 || i-began > maxAgain:
			return b, false
		default:
			lengths[groups] = byte(i - began)
			groups++
			began = i + 1
		}
	}
	if len(text)-began > maxAgain {
		return b, false
	}
	lengths[groups] = byte(len(text) - began)
	groups++
	if string(lengths[:groups]) == uuidGroups {
		b = append(b, 0)
	} else {
		if 1+groups+(digits+1)/2 >= len(text) {
			return b, false
		}
		b = append(append(b, byte(groups)), lengths[:groups]...)
	}
	return packDigits(b, text), true
}

func packDigits(b []byte, text string) []byte {
	half, even := byte(0), true
	for i := range len(text) {
		d := hexDigits[text[i]]
		if d == hyphen {
			continue
		}
		if half = half<<4 | d; !even {
			b = append(b, half)
		}
		even = !even
	}
	if !even {
		b = append(b, half<<4)
	}
	return b
}

// hexDigits are the values of the characters.
var hexDigits = func() (values [256]byte) {
	for c := range values {
		values[c] = noDigit
	}
	for i, c := range "0123456789abcdef" {
		values[c] = byte(i)
	}
	values['-'] = hyphen
	return values
}()

const (
	hyphen  = 16
	noDigit = 17
)

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

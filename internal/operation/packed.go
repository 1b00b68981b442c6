package operation

import (
	"encoding/binary"
	"encoding/hex"
)

// Message IDs are hexadecimal digits in groups, mostly: UUIDs above all. Their digits are stored two to a byte, after the
// lengths of the groups.

// uuidGroups are the lengths of the groups of a UUID, for which a single byte stands.
const uuidGroups = "\x08\x04\x04\x04\x0c"

// maxGroups bounds the groups of a packed text.
const maxGroups = 8

// pack appends the packed text to b; false if that would not make it shorter.
func pack(b []byte, text string) ([]byte, bool) {
	if len(text) == uuidLength {
		if packed, ok := packUUID(b, text); ok {
			return packed, true
		}
	}
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

// packUUID is pack for a UUID, eight digits at a time; false if the text is none.
func packUUID(b []byte, text string) ([]byte, bool) {
	if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return b, false
	}
	first, ok1 := fromHex(eight(text, 0, 4))
	second, ok2 := fromHex(eight(text, 9, 14))
	third, ok3 := fromHex(eight(text, 19, 24))
	fourth, ok4 := fromHex(eight(text, 28, 32))
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return b, false
	}
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, first)
	b = binary.LittleEndian.AppendUint32(b, second)
	b = binary.LittleEndian.AppendUint32(b, third)
	return binary.LittleEndian.AppendUint32(b, fourth), true
}

// eight returns four characters from each of two places, the first in the lowest byte.
func eight(s string, at, then int) uint64 {
	return uint64(four(s[at:at+4])) | uint64(four(s[then:then+4]))<<32
}

func four(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// ones has a 1 in each byte.
const ones = 0x0101010101010101

// fromHex returns the four bytes that eight hexadecimal digits in small letters stand for, the first in the lowest byte; false
// if they are none. All bytes are dealt with at once: none is above 0x7f, so that the sums stay within theirs, and their
// highest bits say how the characters compare.
func fromHex(text uint64) (uint32, bool) {
	const high = 0x80 * ones
	digits := (text + (0x80-'0')*ones) &^ (text + (0x80-'9'-1)*ones)
	letters := (text + (0x80-'a')*ones) &^ (text + (0x80-'f'-1)*ones)
	if text&high != 0 || (digits|letters)&high != high {
		return 0, false
	}
	v := text&(0x0f*ones) + letters&high>>7*9
	v = (v<<4 | v>>8) & 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return uint32(v | v>>16), true
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

// unpack appends the text that was packed.
func unpack(text, b []byte) []byte {
	var room [2 * maxAgain]byte
	lengths := []byte(uuidGroups)
	if groups := int(b[0]); groups != 0 {
		lengths, b = b[1:1+groups], b[groups:]
	}
	digits := hex.AppendEncode(room[:0], b[1:])
	for i, n := range lengths {
		if i > 0 {
			text = append(text, '-')
		}
		text = append(text, digits[:n]...)
		digits = digits[n:]
	}
	return text
}

// Package smswire reads and writes what the simulated SMS centre and phones
// exchange: the GSM 03.38 alphabet, the segments of long messages and the PDUs
// of SMPP 3.4. It is written apart from the server's own codec on purpose, so
// that the two cannot share a mistake.
package smswire

import (
	"strings"
	"unicode/utf16"
)

// The room in one SMS: septets of GSM-7 and code units of UCS-2, alone and as
// a part of a longer message with a 6-octet header (3GPP TS 23.040, 9.2.3.24).
const (
	gsmSingle = 160
	gsmPart   = 153
	ucsSingle = 70
	ucsPart   = 67
)

// gsmBasic is the default alphabet, gsmExtended what follows an escape (3GPP
// TS 23.038, 6.2.1).
var (
	gsmBasic = []rune("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
	gsmExtended = map[byte]rune{
		0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\',
		0x3C: '[', 0x3D: '~', 0x3E: ']', 0x40: '|', 0x65: '€',
	}
	gsmCodes = reverseGSM()
)

const gsmEscape = 0x1B

func reverseGSM() map[rune][]byte {
	m := make(map[rune][]byte, len(gsmBasic)+len(gsmExtended))
	for i, r := range gsmBasic {
		if i != gsmEscape {
			m[r] = []byte{byte(i)}
		}
	}
	for b, r := range gsmExtended {
		m[r] = []byte{gsmEscape, b}
	}
	return m
}

// EncodeGSM7 writes text one septet per octet and reports whether every
// character is in the alphabet.
func EncodeGSM7(text string) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		code, ok := gsmCodes[r]
		if !ok {
			return nil, false
		}
		out = append(out, code...)
	}
	return out, true
}

// DecodeGSM7 reads text of one septet per octet. What is not in the alphabet
// becomes a space after an escape, as phones do, and U+FFFD otherwise.
func DecodeGSM7(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == gsmEscape && i+1 < len(b):
			i++
			r, ok := gsmExtended[b[i]]
			if !ok {
				r = ' '
			}
			out.WriteRune(r)
		case c == gsmEscape:
			out.WriteByte(' ')
		case int(c) < len(gsmBasic):
			out.WriteRune(gsmBasic[c])
		default:
			out.WriteRune('\uFFFD')
		}
	}
	return out.String()
}

// EncodeUCS2 writes text as UTF-16, big endian.
func EncodeUCS2(text string) []byte {
	units := utf16.Encode([]rune(text))
	out := make([]byte, 0, 2*len(units))
	for _, u := range units {
		out = append(out, byte(u>>8), byte(u)) //nolint:gosec // the low octet is meant
	}
	return out
}

// DecodeUCS2 reads UTF-16, big endian; an odd last octet is dropped.
func DecodeUCS2(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return string(utf16.Decode(units))
}

// DecodeLatin1 reads ISO 8859-1.
func DecodeLatin1(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
	}
	return string(out)
}

// IsGSM7 tells whether text can be sent in the GSM alphabet.
func IsGSM7(text string) bool {
	for _, r := range text {
		if gsmCodes[r] == nil {
			return false
		}
	}
	return true
}

// Segments is the number of SMS text takes; an empty one takes one.
func Segments(text string) int { return len(Split(text)) }

// Split cuts text into what fits one SMS each. An escape sequence or a
// surrogate pair is never divided.
func Split(text string) []string { return split(text, IsGSM7(text)) }

// SplitUCS2 is Split for text sent in UCS-2 whatever it holds.
func SplitUCS2(text string) []string { return split(text, false) }

func split(text string, gsm bool) []string {
	single, part, size := room(gsm)
	if head := prefix(text, single, size); head == text {
		return []string{text}
	}
	var out []string
	for text != "" {
		head := prefix(text, part, size)
		out = append(out, head)
		text = text[len(head):]
	}
	return out
}

// Truncate cuts text to what fits the given number of SMS.
func Truncate(text string, parts int) string {
	single, part, size := room(IsGSM7(text))
	if parts == 1 {
		return prefix(text, single, size)
	}
	return prefix(text, parts*part, size)
}

// room is how much text fits an SMS, alone and as a part, and in which units.
func room(gsm bool) (single, part int, size func(rune) int) {
	if gsm {
		return gsmSingle, gsmPart, func(r rune) int { return len(gsmCodes[r]) }
	}
	return ucsSingle, ucsPart, utf16.RuneLen
}

// prefix is as much of text as fits most units.
func prefix(text string, most int, size func(rune) int) string {
	for i, r := range text {
		if most -= size(r); most < 0 {
			return text[:i]
		}
	}
	return text
}

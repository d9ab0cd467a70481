package sms

import (
	"strings"
	"unicode/utf8"
)

// An alphabet is what data_coding 0 means to an SMSC, which SMPP leaves open.
type alphabet string

const (
	alphabetGSM7   alphabet = "gsm7"        // one septet an octet: nearly all
	alphabetPacked alphabet = "gsm7_packed" // eight septets in seven octets
	alphabetLatin1 alphabet = "latin1"
	alphabetASCII  alphabet = "ascii"
	alphabetUTF8   alphabet = "utf8"

	alphabetUCS2 alphabet = "ucs2" // never the meaning of data_coding 0
)

// Values of data_coding (SMPP 3.4, section 5.2.19; 0x10 and 0xF0 groups from
// 3GPP TS 23.038, section 4).
const (
	codingDefault   = 0x00
	codingASCII     = 0x01
	codingLatin1    = 0x03
	codingUCS2      = 0x08
	codingFlashGSM7 = 0x10
	codingFlashUCS2 = 0x18
)

// encode returns text in a, and false if a character is not in it. headerSize
// is the octets of the user data header before it, for the packed form.
func (a alphabet) encode(text string, headerSize int) ([]byte, bool) {
	switch a {
	case alphabetLatin1:
		return encodeLatin1(text, 0xFF)
	case alphabetASCII:
		return encodeLatin1(text, 0x7F)
	case alphabetUTF8:
		return []byte(text), true
	case alphabetPacked:
		septets, ok := encodeGSM7(text)
		return packGSM7(septets, fillAfter(headerSize)), ok
	case alphabetUCS2:
		return encodeUCS2(text), true
	case alphabetGSM7:
	}
	return encodeGSM7(text)
}

// decode is the reverse of encode.
func (a alphabet) decode(data []byte, headerSize int) string {
	switch a {
	case alphabetLatin1, alphabetASCII:
		return decodeLatin1(data)
	case alphabetUTF8:
		return strings.ToValidUTF8(string(data), string(utf8.RuneError))
	case alphabetPacked:
		return decodeGSM7(unpackGSM7(data, fillAfter(headerSize)))
	case alphabetUCS2:
		return decodeUCS2(data)
	case alphabetGSM7:
	}
	return decodeGSM7(data)
}

func fillAfter(headerSize int) int {
	if headerSize == 0 {
		return 0
	}
	return packingFill(headerSize)
}

func encodeLatin1(text string, highest rune) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > highest {
			return nil, false
		}
		out = append(out, byte(r)) //nolint:gosec // at most 0xFF
	}
	return out, true
}

func decodeLatin1(data []byte) string {
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}

// A coding is what a data_coding octet says about the user data.
type coding struct {
	alphabet alphabet // unless ucs2 or binary
	ucs2     bool
	binary   bool
}

// codingOf reads data_coding; def is what the SMSC's default alphabet is.
func codingOf(dcs byte, def alphabet) coding {
	switch {
	case dcs == codingASCII:
		return coding{alphabet: alphabetASCII}
	case dcs == codingLatin1:
		return coding{alphabet: alphabetLatin1}
	case dcs == codingUCS2:
		return coding{ucs2: true}
	case dcs == 2 || dcs == 4:
		return coding{binary: true}
	case dcs >= 0x10 && dcs < 0x40: // general data coding, alphabet in bits 2 and 3
		return coding{alphabet: def, binary: dcs&0x0C == 0x04, ucs2: dcs&0x0C == 0x08}
	case dcs >= 0xF0: // message class, bit 2 for 8-bit data
		return coding{alphabet: def, binary: dcs&0x04 != 0}
	default:
		return coding{alphabet: def}
	}
}

package sms

import (
	"slices"
	"strings"
)

// The alphabet of 3GPP TS 23.038, section 6.2.1. A rune's index is its septet;
// index 0x1B is the escape to the extension table and stands for no character.
const gsm7Basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" +
	" !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmnopqrstuvwxyzäöñüà"

const gsm7Escape = 0x1B

var (
	// gsm7Runes is the basic table by septet.
	gsm7Runes = [128]rune([]rune(gsm7Basic))

	// gsm7Extension is the table reached through the escape (section
	// 6.2.1.1); its characters take two septets.
	gsm7Extension = map[byte]rune{
		0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\',
		0x3C: '[', 0x3D: '~', 0x3E: ']', 0x40: '|', 0x65: '€',
	}

	gsm7Codes = buildGSM7Codes()
)

// A gsm7Code is how a character is written: one septet, or the escape and one.
type gsm7Code struct {
	septet  byte
	escaped bool
}

func (c gsm7Code) septets() int {
	if c.escaped {
		return 2
	}
	return 1
}

func buildGSM7Codes() map[rune]gsm7Code {
	codes := make(map[rune]gsm7Code, len(gsm7Runes)+len(gsm7Extension))
	for i, r := range gsm7Runes {
		if i != gsm7Escape {
			codes[r] = gsm7Code{septet: byte(i)}
		}
	}
	for b, r := range gsm7Extension {
		codes[r] = gsm7Code{septet: b, escaped: true}
	}
	return codes
}

// fitsGSM7 reports whether every character of text is in the basic or the
// extension table.
func fitsGSM7(text string) bool {
	for _, r := range text {
		if _, ok := gsm7Codes[r]; !ok {
			return false
		}
	}
	return true
}

// encodeGSM7 returns text as one septet an octet, and false if a character
// is in neither table.
func encodeGSM7(text string) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		c, ok := gsm7Codes[r]
		if !ok {
			return nil, false
		}
		if c.escaped {
			out = append(out, gsm7Escape)
		}
		out = append(out, c.septet)
	}
	return out, true
}

// decodeGSM7 reads one septet an octet. As section 6.2.1.1 asks, an escape
// that leads nowhere shows the basic character, and a lone one a space.
func decodeGSM7(septets []byte) string {
	var b strings.Builder
	for i := 0; i < len(septets); i++ {
		s := septets[i] & 0x7F
		if s != gsm7Escape {
			b.WriteRune(gsm7Runes[s])
			continue
		}
		i++
		if i == len(septets) || septets[i]&0x7F == gsm7Escape {
			b.WriteByte(' ')
			continue
		}
		s = septets[i] & 0x7F
		if r, ok := gsm7Extension[s]; ok {
			b.WriteRune(r)
		} else {
			b.WriteRune(gsm7Runes[s])
		}
	}
	return b.String()
}

// packGSM7 packs septets into octets, least significant bit first, after
// fill zero bits. A user data header of n octets needs fill = (7 - 8n mod 7)
// mod 7, so that the text starts on a septet boundary. Seven spare bits at the
// end would read as an '@', so they hold a <CR> (section 6.1.2.3.1).
func packGSM7(septets []byte, fill int) []byte {
	if (len(septets)*7+fill)%8 == 1 {
		septets = append(slices.Clip(septets), '\r')
	}
	out := make([]byte, (len(septets)*7+fill+7)/8)
	for i, s := range septets {
		bit := fill + i*7
		v := uint16(s&0x7F) << (bit % 8)
		out[bit/8] |= byte(v & 0xFF)
		if v > 0xFF {
			out[bit/8+1] |= byte(v >> 8)
		}
	}
	return out
}

// unpackGSM7 is the reverse of packGSM7. SMPP does not say the number of
// septets, so a last septet that can be padding, <CR> or zero bits, is taken
// for padding.
func unpackGSM7(octets []byte, fill int) []byte {
	n := max(0, (len(octets)*8-fill)/7)
	out := make([]byte, n)
	for i := range out {
		bit := fill + i*7
		v := uint16(octets[bit/8])
		if bit/8+1 < len(octets) {
			v |= uint16(octets[bit/8+1]) << 8
		}
		out[i] = byte(v >> (bit % 8) & 0x7F)
	}
	if n > 0 && (len(octets)*8-fill)%7 == 0 && (out[n-1] == 0 || out[n-1] == '\r') {
		out = out[:n-1]
	}
	return out
}

// packingFill is the number of zero bits between a user data header of n
// octets, its length octet included, and packed text.
func packingFill(headerOctets int) int {
	return (7 - headerOctets*8%7) % 7
}

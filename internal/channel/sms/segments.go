package sms

import (
	"encoding/binary"
	"hash/fnv"
	"strings"
	"unicode/utf16"
)

// An encoding is how the characters of a short message are coded.
type encoding string

const (
	gsm7 encoding = "gsm7" // 3GPP TS 23.038 default alphabet, seven bits a septet
	ucs2 encoding = "ucs2" // UTF-16 big endian
)

// maxSegments is what the one-octet total of a concatenation header can say.
const maxSegments = 255

// Limits of a short message in the unit of its encoding (septets, UTF-16
// code units): 140 octets alone, and less the concatenation header in parts.
// The header takes 6 octets with an 8-bit reference and 7 with a 16-bit one.
const (
	gsm7Single, gsm7Part8, gsm7Part16 = 160, 153, 152
	ucs2Single, ucs2Part8, ucs2Part16 = 70, 67, 66
)

// encodingOf returns GSM-7 when text fits it, otherwise UCS-2.
func encodingOf(text string) encoding {
	if fitsGSM7(text) {
		return gsm7
	}
	return ucs2
}

// units is the length of r in e: septets or UTF-16 code units.
func (e encoding) units(r rune) int {
	if e == gsm7 {
		return gsm7Codes[r].septets()
	}
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// limits returns how many units fit a message alone and each of several.
func (e encoding) limits(wideReference bool) (single, part int) {
	switch {
	case e == gsm7 && wideReference:
		return gsm7Single, gsm7Part16
	case e == gsm7:
		return gsm7Single, gsm7Part8
	case wideReference:
		return ucs2Single, ucs2Part16
	default:
		return ucs2Single, ucs2Part8
	}
}

// splitSegments cuts text into what each short message carries. It never cuts
// inside a character, so an escape stays with its septet and a surrogate with
// its pair. Empty text is one empty segment. wideReference makes room for the
// 16-bit concatenation reference.
func splitSegments(text string, e encoding, wideReference bool) []string {
	single, part := e.limits(wideReference)
	total := 0
	for _, r := range text {
		total += e.units(r)
	}
	if total <= single {
		return []string{text}
	}
	segments := make([]string, 0, total/part+1)
	start, used := 0, 0
	for i, r := range text {
		n := e.units(r)
		if used+n > part {
			segments = append(segments, text[start:i])
			start, used = i, 0
		}
		used += n
	}
	return append(segments, text[start:])
}

// countSegments is how many short messages text takes, with the shorter
// concatenation header every provider bills by.
func countSegments(text string) int {
	return len(splitSegments(text, encodingOf(text), false))
}

// concatenation says which part of a longer message a segment is.
type concatenation struct {
	reference uint16 // the same for all parts, and their only common mark
	wide      bool   // written with 16 bits
	total     byte
	number    byte // from 1
}

// header is the user data header of 3GPP TS 23.040 section 9.2.3.24.1 or, for
// a wide reference, 9.2.3.24.8, including its length octet.
func (c concatenation) header() []byte {
	if c.wide {
		return append(binary.BigEndian.AppendUint16([]byte{6, 0x08, 4}, c.reference), c.total, c.number)
	}
	return []byte{5, 0x00, 3, byte(c.reference & 0xFF), c.total, c.number}
}

// parameters is the same as optional parameters (SMPP 3.4, 5.3.2.22 to 24).
func (c concatenation) parameters() tlvs {
	return tlvs{
		{tagSarMsgRefNum, binary.BigEndian.AppendUint16(nil, c.reference)},
		{tagSarTotalSegments, []byte{c.total}},
		{tagSarSegmentSeqnum, []byte{c.number}},
	}
}

// parseHeader splits data into its user data header and the rest, and returns
// the concatenation the header states, if any. Data too short for its header
// is all text.
func parseHeader(data []byte) (c concatenation, header, rest []byte, ok bool) {
	if len(data) == 0 || int(data[0])+1 > len(data) {
		return c, nil, data, false
	}
	end := int(data[0]) + 1
	header, rest = data[:end], data[end:]
	for ie := header[1:]; len(ie) >= 2 && int(ie[1])+2 <= len(ie); ie = ie[int(ie[1])+2:] {
		v := ie[2 : 2+int(ie[1])]
		switch {
		case ie[0] == 0x00 && len(v) == 3:
			c = concatenation{reference: uint16(v[0]), total: v[1], number: v[2]}
		case ie[0] == 0x08 && len(v) == 4:
			c = concatenation{reference: uint16(v[0])<<8 | uint16(v[1]), wide: true, total: v[2], number: v[3]}
		default:
			continue
		}
		// A part outside its own total is to be ignored (9.2.3.24.1).
		ok = c.number >= 1 && c.number <= c.total
	}
	return c, header, rest, ok
}

// referenceFor derives the concatenation reference from what identifies the
// message. Every attempt at it then has the same reference, so a handset
// that gets a part twice puts both in the same place.
func referenceFor(key string, wide bool) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	sum := h.Sum32()
	v := uint16(sum>>16) ^ uint16(sum) //nolint:gosec // folding is the point
	if !wide {
		v = v>>8 ^ v&0xFF
	}
	return v
}

// encodeUCS2 returns text as UTF-16 big endian.
func encodeUCS2(text string) []byte {
	out := make([]byte, 0, 2*len(text))
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}

// decodeUCS2 reads UTF-16 big endian; an odd last octet is dropped and a
// surrogate without its other half becomes U+FFFD.
func decodeUCS2(data []byte) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
	}
	return string(utf16.Decode(units))
}

// typography is the punctuation that word processors and phones put in place
// of what GSM-7 has. Letters are not in it: é for ê changes a word.
var typography = strings.NewReplacer(
	"“", `"`, "”", `"`, "„", `"`, "‟", `"`, "″", `"`, "«", `"`, "»", `"`,
	"‘", "'", "’", "'", "‚", "'", "‛", "'", "′", "'", "‹", "<", "›", ">", "`", "'", "´", "'",
	"‐", "-", "‑", "-", "‒", "-", "–", "-", "—", "-", "―", "-", "−", "-",
	"…", "...", "•", "*", "·", ".", "⁄", "/",
	"\u00a0", " ", "\u2002", " ", "\u2003", " ", "\u2009", " ", "\u200a", " ", "\u202f", " ", "\t", " ",
	"\u200b", "", "\u2060", "", "\ufeff", "", "\u00ad", "",
)

// simplifyTypography replaces typographic punctuation when that makes text
// fit GSM-7; otherwise it would lose the punctuation and gain nothing.
func simplifyTypography(text string) string {
	if fitsGSM7(text) {
		return text
	}
	if plain := typography.Replace(text); fitsGSM7(plain) {
		return plain
	}
	return text
}

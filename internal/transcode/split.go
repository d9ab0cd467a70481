package transcode

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-im/parley/internal/channel"
)

// Length returns the length of text in unit.
func Length(text string, unit channel.Unit) int {
	switch unit {
	case channel.Characters:
		return utf8.RuneCountInString(text)
	case channel.Bytes:
		return len(text)
	case channel.UTF16:
		n := 0
		for _, r := range text {
			n += utf16.RuneLen(r)
		}
		return n
	}
	return len(text)
}

// Split cuts text into pieces of at most limit units; limit 0 means none. It
// cuts between lines where that leaves the piece at least half full, else
// between words, and inside a word only when the word is too long; never
// inside what the reader sees as one character, unless that alone is over the
// limit. White space at a cut is lost, all else is kept. Only empty text
// has no pieces.
func Split(text string, limit int, unit channel.Unit) []string {
	if text == "" {
		return nil
	}
	var pieces []string
	whole := text
	for limit > 0 {
		hard := prefix(text, limit, unit)
		if hard == len(text) {
			break
		}
		at := cut(text, hard)
		if piece := strings.TrimRightFunc(text[:at], unicode.IsSpace); piece != "" {
			pieces = append(pieces, piece)
		}
		text = strings.TrimLeftFunc(text[at:], unicode.IsSpace)
	}
	if text != "" {
		pieces = append(pieces, text)
	}
	if len(pieces) == 0 { // nothing but white space
		return []string{whole[:prefix(whole, limit, unit)]}
	}
	return pieces
}

// cut returns where the first piece of text best ends, given that it must end
// at hard.
func cut(text string, hard int) int {
	// A line or word that ends right at the limit is a good end, too.
	reach := text[:hard]
	if r, n := utf8.DecodeRuneInString(text[hard:]); unicode.IsSpace(r) {
		reach = text[:hard+n]
	}
	if at := strings.LastIndexByte(reach, '\n'); at > 0 && at >= hard/2 {
		return at
	}
	if at := strings.LastIndexFunc(reach, unicode.IsSpace); at > 0 {
		return at
	}
	return hard
}

// Truncate returns text cut to at most limit units, with an ellipsis in place
// of what is missing; limit 0 means none.
func Truncate(text string, limit int, unit channel.Unit) string {
	if limit <= 0 || Length(text, unit) <= limit {
		return text
	}
	const ellipsis = "…"
	room := limit - Length(ellipsis, unit)
	if room <= 0 {
		return text[:prefix(text, limit, unit)]
	}
	end := prefix(text, room, unit)
	if Length(text[:end], unit) > room { // a first character that is wider than the room
		return ellipsis
	}
	return strings.TrimRightFunc(text[:end], unicode.IsSpace) + ellipsis
}

// prefix returns the number of bytes of the longest start of text that is
// within limit units and ends between characters. It is never 0: a first
// character that is too long is cut between its code points, and a first code
// point that is too long is returned whole.
func prefix(text string, limit int, unit channel.Unit) int {
	end, used := 0, 0
	for end < len(text) {
		n := character(text[end:])
		used += Length(text[end:end+n], unit)
		if used > limit {
			break
		}
		end += n
	}
	if end > 0 {
		return end
	}
	used = 0
	for end < len(text) {
		_, n := utf8.DecodeRuneInString(text[end:])
		used += Length(text[end:end+n], unit)
		if used > limit && end > 0 {
			break
		}
		end += n
		if used > limit {
			break
		}
	}
	return end
}

// character returns the number of bytes of the first thing in text that the
// reader sees as one character: a letter with its accents, an emoji with its
// colour, sequence or flag. It follows the rules of Unicode's extended
// grapheme clusters (UAX #29) as far as messages need them.
func character(text string) int {
	first, end := utf8.DecodeRuneInString(text)
	if first == '\r' && strings.HasPrefix(text[end:], "\n") {
		return end + 1
	}
	if regional(first) {
		if r, n := utf8.DecodeRuneInString(text[end:]); regional(r) {
			end += n
		}
	}
	const joiner = '\u200d'
	const most = 32 // code points; no real character has as many
	glued := false  // the last code point joins the next to it
	for i := 0; i < most && end < len(text); i++ {
		r, n := utf8.DecodeRuneInString(text[end:])
		if !extends(r) && (!glued || unicode.IsSpace(r)) {
			break
		}
		glued = r == joiner
		end += n
	}
	return end
}

func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// extends reports whether r belongs to the character before it: an accent, a
// joiner, a variation selector, a skin colour or an emoji tag.
func extends(r rune) bool {
	switch {
	case r == 0x200C, r == 0x200D:
		return true
	case r >= 0x1F3FB && r <= 0x1F3FF:
		return true
	case r >= 0xE0020 && r <= 0xE007F:
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc)
}

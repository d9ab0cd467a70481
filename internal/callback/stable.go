package callback

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// stable returns compact JSON the way JavaScript's JSON.stringify writes what
// JSON.parse reads from it. Receivers that parse a callback before they check
// its signature write it again for that (the Node SDK does when it is given an
// object): the bytes must come out the same. What clients and providers put
// into a callback may be written otherwise, with escapes that are not needed
// or numbers such as 55.0; numbers keep the precision of a double, as in the
// hosted API. Mostly there is nothing to do, and text is returned as it is.
func stable(text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	var out []byte
	done := 0 // how much of text is in out
	for i := 0; i < len(text); {
		end, same := i+1, true
		var token []byte
		switch b := text[i]; {
		case b == '"':
			end, same = pastString(text, i)
			if !same {
				token = stableString(text[i:end])
			}
		case b == '-' || isDigit(b):
			end, same = pastNumber(text, i)
			if !same {
				token = stableNumber(text[i:end])
			}
		}
		if !same {
			out = append(append(out, text[done:i]...), token...)
			done = end
		}
		i = end
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// pastString returns where the string that begins at i ends, and whether it is
// without escapes.
func pastString(text []byte, i int) (end int, plain bool) {
	plain = true
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			plain = false
			i++
		}
	}
	return min(i+1, len(text)), plain
}

// pastNumber returns where the number that begins at i ends, and whether it is
// an integer that every reader writes the same.
func pastNumber(text []byte, i int) (end int, plain bool) {
	const exact = 15 // digits a double has in any case
	end = i
	for plain = true; end < len(text); end++ {
		if b := text[end]; b == '.' || b == 'e' || b == 'E' || b == '+' {
			plain = false
		} else if b != '-' && !isDigit(b) {
			break
		}
	}
	return end, plain && end-i <= exact && string(text[i:end]) != "-0"
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// stableNumber writes a number as a double.
func stableNumber(text []byte) []byte {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return []byte("null") // it is too great, for which JSON.stringify has no number
	}
	if f == 0 {
		return []byte("0") // of -0, too
	}
	out, err := json.Marshal(f) // the same rules (ECMA-262, Number::toString)
	if err != nil {
		return text // a finite number can be encoded
	}
	return out
}

// stableString writes a string with the escapes it needs. Half a surrogate
// pair is replaced.
func stableString(text []byte) []byte {
	var s string
	if json.Unmarshal(text, &s) != nil {
		return text // it was encoded, so it can be decoded
	}
	out := make([]byte, 0, len(text))
	out = append(out, '"')
	for _, r := range s {
		short := bytes.IndexRune([]byte("\"\\\b\f\n\r\t"), r)
		switch {
		case short >= 0:
			out = append(out, '\\', `"\bfnrt`[short])
		case r < ' ':
			out = append(out, `\u00`...)
			out = append(out, "01"[r>>4], "0123456789abcdef"[r&0xf])
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}

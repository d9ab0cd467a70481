package parley

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// MaxVariable is how many characters the name of a template's variable may
// have: our choice, the API documents none.
const MaxVariable = 128

// Fill returns a copy of m in which each ${name} in a string is replaced by
// the parameter of that name, and the names that have none, sorted. A value is
// put in as it is: a placeholder in it is not replaced in turn. In a channel's
// native JSON (explicit_channel_message) values are escaped as JSON needs.
// Names of members stay. The error is that of a value in a place that takes no
// text, such as a time.
func (m *AppMessage) Fill(parameters map[string]string) (filled *AppMessage, missing []string, err error) {
	filled, err = m.mapStrings(func(s string) string {
		return expand(s, func(name string) string {
			v, ok := parameters[name]
			if !ok && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
			return v
		})
	})
	slices.Sort(missing)
	return filled, missing, err
}

// masked returns m with something in the place of each placeholder that makes
// it valid if any value could: where a string starts with one, it may well be
// an address.
func (m *AppMessage) masked() (*AppMessage, error) {
	return m.mapStrings(func(s string) string {
		out := expand(s, func(string) string { return "x" })
		if out != s && strings.HasPrefix(s, "${") {
			return "https://example.com/"
		}
		return out
	})
}

// mapStrings returns a copy of m with f applied to every string in it.
func (m *AppMessage) mapStrings(f func(string) string) (*AppMessage, error) {
	shallow := *m
	shallow.ExplicitChannel = nil
	raw, err := Marshal(&shallow)
	if err != nil {
		return nil, err
	}
	decoded := new(AppMessage)
	if err := Decode(mapText(raw, f), decoded); err != nil {
		return nil, err
	}
	out := *decoded
	for ch, native := range m.ExplicitChannel {
		if out.ExplicitChannel == nil {
			out.ExplicitChannel = map[Channel]string{}
		}
		if json.Valid([]byte(native)) {
			out.ExplicitChannel[ch] = string(mapText([]byte(native), f))
		} else {
			out.ExplicitChannel[ch] = f(native)
		}
	}
	return &out, nil
}

// mapText applies f to the strings of valid JSON text that are values. All
// else keeps its bytes.
func mapText(text []byte, f func(string) string) []byte {
	if !bytes.Contains(text, []byte("${")) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for {
		start := bytes.IndexByte(text, '"')
		if start < 0 {
			return append(out, text...)
		}
		end := start + stringLen(text[start:])
		out = append(out, text[:start]...)
		out = append(out, mapString(text[start:end], isName(text[end:]), f)...)
		text = text[end:]
	}
}

// mapString applies f to a JSON string.
func mapString(literal []byte, name bool, f func(string) string) []byte {
	var s string
	if name || !bytes.Contains(literal, []byte("${")) || json.Unmarshal(literal, &s) != nil {
		return literal
	}
	mapped, err := Marshal(f(s))
	if err != nil {
		return literal
	}
	return mapped
}

// stringLen returns the length of the JSON string that text starts with.
func stringLen(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// isName reports whether what follows a string makes it the name of a member.
func isName(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// expand replaces the placeholders of a text. What value returns is not looked
// at again.
func expand(s string, value func(name string) string) string {
	if !strings.Contains(s, "${") {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, closed := strings.Cut(after, "}")
		if closed && isVariable(name) {
			b.WriteString(value(name))
			s = rest
		} else {
			b.WriteString("${")
			s = after
		}
	}
}

// isVariable reports whether a variable can be called name.
func isVariable(name string) bool {
	return name != "" && len([]rune(name)) <= MaxVariable &&
		!strings.ContainsFunc(name, func(r rune) bool { return strings.ContainsRune("${}", r) || unicode.IsControl(r) })
}

package parley

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// verbatim is the JSON text a body was decoded from. What a client sends is
// kept and given back as that text, so that nothing is lost or altered:
// unknown members, nulls and the digits of numbers included.
//
// It is good for one value at one place in memory. A copy, which somebody may
// be about to change, does not own its text and is encoded from its fields; so
// is every value that was not decoded. What was decoded must not be changed in
// place: change what Clone returns.
type verbatim[T any] struct {
	owner *T
	text  []byte
}

// decodeVerbatim decodes text into fields, which is of the type of owner
// without its methods, and returns what owner is to remember of it.
func decodeVerbatim[T, F any](owner *T, fields *F, text []byte) (verbatim[T], error) {
	if err := json.Unmarshal(text, fields); err != nil {
		return verbatim[T]{}, err
	}
	s := scanner{in: text}
	s.value()
	kept, ok := s.keep(text)
	if !ok {
		// Fields and text must say the same.
		kept, *fields = rewrite(text), *new(F)
		if err := json.Unmarshal(kept, fields); err != nil {
			return verbatim[T]{}, err
		}
	}
	if kept[0] != '{' { // null
		return verbatim[T]{}, nil
	}
	return verbatim[T]{owner, kept}, nil
}

// encodeVerbatim returns the text of m, whose fields are those of fields.
func encodeVerbatim[T any](m *T, v verbatim[T], fields any) ([]byte, error) {
	if v.owner == m {
		return v.text, nil
	}
	return Marshal(fields)
}

// rewrite returns valid JSON text without what readers take differently: of
// members with the same name the last counts, as in most of them; a null kind
// beside the kind that is set is dropped, since clients tell the kind by which
// member is there; and what is not Unicode is replaced, as encoding/json does.
func rewrite(text []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	if d.Decode(&doc) != nil {
		return text
	}
	dropNullKinds(doc)
	out, err := Marshal(doc)
	if err != nil {
		return text
	}
	return out
}

func dropNullKinds(v any) {
	switch v := v.(type) {
	case map[string]any:
		set := false
		for name, member := range v {
			if name != "payload" && name != "message" { // anything at all, not ours to judge
				dropNullKinds(member)
			}
			set = set || (member != nil && isKind(name))
		}
		for name, member := range v {
			if set && member == nil && isKind(name) {
				delete(v, name)
			}
		}
	case []any:
		for _, element := range v {
			dropNullKinds(element)
		}
	}
}

// isKind reports whether name is a member of a one-of in some body.
func isKind(name string) bool {
	switch name {
	case "text_message", "media_message", "card_message", "carousel_message", "choice_message", "location_message",
		"template_message", "list_message", "contact_info_message", "template_reference",
		"url_message", "call_message", "calendar_message", "share_location_message", "choice", "product",
		"choice_response_message", "media_card_message", "fallback_message", "product_response_message",
		"composing_event", "composing_end_event", "read_message_event", "comment_reply_event", "agent_joined_event",
		"agent_left_event", "generic_event", "conversation_deleted_event", "comment_event",
		"payment_status_update_event", "shortlink_activated_event", "reaction_event":
		return true
	}
	return false
}

// keep returns a compact copy of the text that was scanned. It is not ok when
// the text needs rewrite.
func (s *scanner) keep(text []byte) (kept []byte, ok bool) {
	if s.odd || !utf8.Valid(text) {
		return nil, false
	}
	if !s.spaced {
		return bytes.Clone(text), true
	}
	b := bytes.NewBuffer(make([]byte, 0, len(text)))
	err := json.Compact(b, text)
	return b.Bytes(), err == nil
}

// A scanner walks over JSON text that is known to be valid and notes what is
// unusual about it. Where the text is not valid, the walk just ends.
type scanner struct {
	in     []byte
	at     int
	names  [][]byte // of the members of the objects being read
	spaced bool     // there is space between tokens
	odd    bool     // there is something that rewrite is for
}

// next returns the next byte that is not space, or 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.in); s.at++ {
		if b := s.in[s.at]; b > ' ' {
			return b
		}
		s.spaced = true
	}
	return 0
}

// value goes past a value and reports whether it is null.
func (s *scanner) value() (null bool) {
	switch b := s.next(); b {
	case '{':
		s.object()
	case '[':
		s.list(']', func() { s.value() })
	case '"':
		s.text()
	default: // a number, true, false or null
		for ; s.at < len(s.in); s.at++ {
			if c := s.in[s.at]; c == ',' || c == ']' || c == '}' || c <= ' ' {
				break
			}
		}
		return b == 'n'
	}
	return false
}

// list goes past what is between brackets, separated by commas.
func (s *scanner) list(end byte, element func()) {
	s.at++
	for b := s.next(); b != end && b != 0; b = s.next() {
		if b == ',' {
			s.at++
			s.next()
		}
		element()
	}
	s.at++
}

func (s *scanner) object() {
	base := len(s.names)
	var seen map[string]bool
	s.list('}', func() {
		name := s.text()
		seen = s.note(name, base, seen)
		s.colon()
		if s.value() && isKind(string(bytes.Trim(name, `"`))) {
			s.odd = true
		}
	})
	s.names = s.names[:base]
}

func (s *scanner) colon() {
	if s.next() == ':' {
		s.at++
	}
}

// note remembers the name of a member and marks the text odd if the object had
// it before. Few names are compared with one another, many are looked up.
func (s *scanner) note(name []byte, base int, seen map[string]bool) map[string]bool {
	const few = 16
	names := s.names[base:]
	s.odd = s.odd || bytes.IndexByte(name, '\\') >= 0
	if len(names) == few && seen == nil {
		seen = make(map[string]bool, 2*few)
		for _, n := range names {
			seen[string(n)] = true
		}
	}
	if seen != nil {
		s.odd = s.odd || seen[string(name)]
		seen[string(name)] = true
		return seen
	}
	for _, n := range names {
		s.odd = s.odd || bytes.Equal(n, name)
	}
	s.names = append(s.names, name)
	return nil
}

// text goes past a string and returns it with its quotes.
func (s *scanner) text() []byte {
	from := s.at
	for s.at++; s.at < len(s.in) && s.in[s.at] != '"'; {
		if s.in[s.at] == '\\' {
			s.escape()
		} else {
			s.at++
		}
	}
	s.at = min(s.at+1, len(s.in))
	return s.in[min(from, s.at):s.at]
}

// escape goes past an escape sequence. Half of a surrogate pair is odd: it is
// no character.
func (s *scanner) escape() {
	r, ok := s.hex(s.at)
	if !ok {
		s.at = min(s.at+2, len(s.in))
		return
	}
	s.at += len(`\u0000`)
	if utf16.IsSurrogate(r) {
		low, _ := s.hex(s.at)
		if utf16.DecodeRune(r, low) == utf8.RuneError {
			s.odd = true
			return
		}
		s.at += len(`\u0000`)
	}
}

// hex returns the code unit that is escaped at a place.
func (s *scanner) hex(at int) (rune, bool) {
	if len(s.in)-at < len(`\u0000`) || s.in[at] != '\\' || s.in[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.in[at+2:at+6]), 16, 16)
	return rune(n), err == nil
}

// member goes through an object and returns the text of its one member of that
// name, or nil when there is none, or several of which readers may choose
// different ones. What the scanner noted is about that member.
func (s *scanner) member(name string) (text []byte) {
	if s.next() != '{' {
		return nil
	}
	var found, spaced, odd bool
	s.list('}', func() {
		this := bytes.Trim(s.text(), `"`)
		s.colon()
		s.next()
		from := s.at
		s.spaced, s.odd = false, false
		s.value()
		switch {
		case string(this) == name && !found:
			found, text, spaced, odd = true, s.in[from:min(s.at, len(s.in))], s.spaced, s.odd
		case bytes.EqualFold(this, []byte(name)), bytes.IndexByte(this, '\\') >= 0:
			found, text = true, nil // whichever encoding/json takes
		}
	})
	s.spaced, s.odd = spaced, odd
	return text
}

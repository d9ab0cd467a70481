package whatsapp

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// defaultLanguage is the API's default, in WhatsApp's form.
const defaultLanguage = "en"

// template shows one of the templates approved for the account: the only kind
// of message outside the 24 hours after the contact's last one.
func (r *renderer) template(m *parley.TemplateMessage) error {
	ref, ok := m.ChannelTemplate[parley.ChannelWhatsApp]
	if !ok {
		return channel.Refuse(parley.ReasonTemplateNotFound, "there is no template for WHATSAPP")
	}
	components, err := templateComponents(ref.Parameters)
	if err != nil {
		return err
	}
	code := defaultLanguage
	if ref.LanguageCode != "" {
		code = strings.ReplaceAll(ref.LanguageCode, "-", "_") // en-US is en_US to WhatsApp
	}
	r.add(message{Type: "template", Template: &template{
		Name:       ref.TemplateID,
		Language:   language{Code: code, Policy: "deterministic"},
		Components: components,
	}})
	return nil
}

// A slot is a component of a template that takes parameters. The fields are in
// the order in which components are compared.
type slot struct {
	card   int // of the carousel; -1 is the template itself
	part   int // 0 header, 1 body, 2 button
	button int
	sub    string // a button's kind
}

// parameterKey is the form of a key of a template reference's parameters, as
// the API documents it: body[1]text, header[1]image.link,
// button[0]quick_reply[1]payload, carousel[0]body[1]text. Buttons and cards
// count from 0, parameters from 1.
var parameterKey = regexp.MustCompile(
	`^(?:carousel\[(\d{1,2})\])?(?:(header|body)|button\[(\d{1,2})\]([a-z_]+))\[(\d{1,2})\]([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)$`)

// parseParameterKey takes a key apart: which component, which of its
// parameters, and the path of the member of it.
func parseParameterKey(key string) (s slot, n int, field []string, ok bool) {
	m := parameterKey.FindStringSubmatch(key)
	if m == nil {
		return slot{}, 0, nil, false
	}
	s.card = -1
	if m[1] != "" {
		s.card = digits(m[1])
	}
	switch {
	case m[3] != "":
		s.part, s.button, s.sub = 2, digits(m[3]), m[4]
	case m[2] == "body":
		s.part = 1
	}
	return s, digits(m[5]), strings.Split(m[6], "."), true
}

// digits returns the value of one or two digits.
func digits(s string) int {
	n := 0
	for _, d := range s {
		n = 10*n + int(d-'0')
	}
	return n
}

func (s slot) compare(t slot) int {
	for _, pair := range [][2]int{{s.card, t.card}, {s.part, t.part}, {s.button, t.button}} {
		if pair[0] != pair[1] {
			return pair[0] - pair[1]
		}
	}
	return strings.Compare(s.sub, t.sub)
}

// templateComponents sorts the values of a template reference into the
// template's components.
func templateComponents(values map[string]string) ([]component, error) {
	slots := make(map[slot]map[int]parameter)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s, n, field, ok := parseParameterKey(key)
		if !ok {
			return nil, channel.Refuse(parley.ReasonBadRequest, "template parameter "+strconv.Quote(key)+" is none of WHATSAPP's")
		}
		if slots[s] == nil {
			slots[s] = make(map[int]parameter)
		}
		if slots[s][n] == nil {
			slots[s][n] = make(parameter)
		}
		if !slots[s][n].set(field, values[key]) {
			return nil, channel.Refuse(parley.ReasonBadRequest, "template parameter "+strconv.Quote(key)+" contradicts another")
		}
	}
	var out []component
	var cards []card
	for _, s := range slices.SortedFunc(maps.Keys(slots), slot.compare) {
		c, err := s.component(slots[s])
		if err != nil {
			return nil, err
		}
		if s.card < 0 {
			out = append(out, c)
			continue
		}
		if len(cards) == 0 || cards[len(cards)-1].Index != s.card {
			cards = append(cards, card{Index: s.card})
		}
		last := &cards[len(cards)-1]
		last.Components = append(last.Components, c)
	}
	if cards != nil {
		out = append(out, component{Type: "carousel", Cards: cards})
	}
	return out, nil
}

func (s slot) component(values map[int]parameter) (component, error) {
	c := component{Type: []string{"header", "body", "button"}[s.part]}
	name := c.Type
	if s.sub != "" {
		c.SubType, c.Index = s.sub, strconv.Itoa(s.button)
		name += "[" + c.Index + "]" + s.sub
	}
	for n := 1; n <= len(values); n++ {
		p, ok := values[n]
		if !ok {
			return component{}, channel.Refuse(parley.ReasonTemplateInsufficientParameters,
				"template parameter "+name+"["+strconv.Itoa(n)+"] is missing")
		}
		c.Parameters = append(c.Parameters, p)
	}
	return c, nil
}

// set puts value at a member of the parameter and reports whether it fits in
// with those set before. The first word of the path is the parameter's type:
// image.link belongs to {"type":"image","image":{"link":…}}.
func (p parameter) set(path []string, value string) bool {
	if path[0] == "parameter_name" || path[0] == "type" { // of a template with named parameters
		p[path[0]] = value
		return len(path) == 1
	}
	if kind, ok := p["type"]; ok && kind != path[0] {
		return false
	}
	p["type"] = path[0]
	at := map[string]any(p)
	for _, name := range path[:len(path)-1] {
		inner, ok := at[name].(map[string]any)
		if !ok {
			if at[name] != nil {
				return false
			}
			inner = make(map[string]any)
			at[name] = inner
		}
		at = inner
	}
	last := path[len(path)-1]
	if at[last] != nil {
		return false
	}
	at[last] = memberValue(last, value)
	return true
}

// memberValue returns value in the type WhatsApp wants where that is not a
// string.
func memberValue(name, value string) any {
	switch name {
	case "amount_1000": // of a currency
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	case "flow_action_data":
		var object map[string]raw
		if json.Unmarshal([]byte(value), &object) == nil {
			return raw(value)
		}
	}
	return value
}

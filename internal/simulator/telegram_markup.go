package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf16"
)

// tgButton is a button of an inline or a reply keyboard.
type tgButton struct {
	Text            string          `json:"text"`
	CallbackData    *string         `json:"callback_data"`
	URL             string          `json:"url"`
	WebApp          json.RawMessage `json:"web_app"`
	CopyText        json.RawMessage `json:"copy_text"`
	RequestLocation bool            `json:"request_location"`
	RequestContact  bool            `json:"request_contact"`
}

type tgMarkup struct {
	Inline *[][]tgButton        `json:"inline_keyboard"`
	Reply  *[][]json.RawMessage `json:"keyboard"` // buttons may be plain strings
	Remove bool                 `json:"remove_keyboard"`
	Force  bool                 `json:"force_reply"`
}

// markup reads reply_markup: what it lets the phone choose, and, of an inline
// keyboard, what the sent message carries.
func (c *tgCall) markup(m *tgMessage, it *Item) error {
	raw := c.params["reply_markup"]
	if raw == "" {
		return nil
	}
	var mk tgMarkup
	if err := json.Unmarshal([]byte(raw), &mk); err != nil {
		return tgBad("can't parse reply keyboard markup JSON object")
	}
	switch {
	case mk.Inline != nil:
		choices, err := inlineChoices(*mk.Inline)
		if err != nil {
			return err
		}
		if len(choices) == 0 {
			return nil // an empty keyboard is no keyboard
		}
		it.Choices = choices
		var short bytes.Buffer
		if err := json.Compact(&short, []byte(raw)); err != nil {
			return fmt.Errorf("compact reply_markup: %w", err)
		}
		m.ReplyMarkup = short.Bytes()
	case mk.Reply != nil:
		choices, err := keyboardChoices(*mk.Reply)
		if err != nil {
			return err
		}
		it.Choices = choices
	case !mk.Remove && !mk.Force:
		return tgBad("object expected as reply markup")
	}
	return nil
}

func inlineChoices(rows [][]tgButton) ([]Choice, error) {
	var out []Choice
	for _, row := range rows {
		for _, b := range row {
			ch := Choice{Index: len(out) + 1, Title: b.Text}
			switch {
			case b.Text == "":
				return nil, tgBad("can't parse inline keyboard button: Can't find field \"text\"")
			case b.URL != "":
				if why := wrongButtonURL(b.URL); why != "" {
					return nil, tgBad("inline keyboard button URL '" + b.URL + "' is invalid: " + why)
				}
				ch.Kind, ch.URL = "url", b.URL
			case b.CallbackData != nil:
				if n := len(*b.CallbackData); n == 0 || n > tgCallbackMost {
					return nil, tgBad("BUTTON_DATA_INVALID")
				}
				ch.Kind, ch.Payload = "callback", *b.CallbackData
			case b.WebApp != nil || b.CopyText != nil:
				ch.Kind = "text"
			default:
				return nil, tgBad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
			}
			out = append(out, ch)
		}
	}
	if len(out) > tgButtonsMost {
		return nil, tgBad("REPLY_MARKUP_TOO_LONG")
	}
	return out, nil
}

// wrongButtonURL says what is wrong with the address of a button: it must be
// http(s) to a host with a top-level domain or an IP address, or tg://.
func wrongButtonURL(s string) string {
	if !strings.Contains(s, ":") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "Wrong HTTP URL"
	}
	switch u.Scheme {
	case "http", "https":
		host := u.Hostname()
		if net.ParseIP(host) == nil && !strings.Contains(strings.Trim(host, "."), ".") {
			return "Wrong HTTP URL"
		}
		return ""
	case "tg", "ton":
		return ""
	}
	return "Unsupported URL protocol"
}

func keyboardChoices(rows [][]json.RawMessage) ([]Choice, error) {
	var out []Choice
	for _, row := range rows {
		for _, raw := range row {
			var b tgButton
			if json.Unmarshal(raw, &b.Text) != nil && json.Unmarshal(raw, &b) != nil {
				return nil, tgBad("can't parse keyboard button: KeyboardButton must be a String or an Object")
			}
			if b.Text == "" {
				return nil, tgBad("keyboard button text must be non-empty")
			}
			ch := Choice{Index: len(out) + 1, Title: b.Text, Kind: "keyboard"}
			switch {
			case b.RequestLocation:
				ch.Kind = "location"
			case b.RequestContact:
				ch.Kind = "contact"
			}
			out = append(out, ch)
		}
	}
	return out, nil
}

// htmlEntities are the tags of parse_mode HTML and what they mean.
var htmlEntities = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
	"a": "text_link", "tg-spoiler": "spoiler", "blockquote": "blockquote",
}

var htmlUnescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&quot;", `"`)

// parseHTML reads text in Telegram's HTML style.
func parseHTML(s string) (string, []tgEntity, error) {
	type open struct {
		tag, url string
		out      int // where it starts, in UTF-16 code units
	}
	var text strings.Builder
	var stack []open
	var es []tgEntity
	units, pos := 0, 0
	add := func(part string) {
		part = htmlUnescape.Replace(part)
		text.WriteString(part)
		units += len(utf16.Encode([]rune(part)))
	}
	for pos < len(s) {
		i := strings.IndexByte(s[pos:], '<')
		if i < 0 {
			break
		}
		add(s[pos : pos+i])
		at := pos + i
		end := strings.IndexByte(s[at:], '>')
		if end < 0 {
			return "", nil, tgBad(fmt.Sprintf("can't parse entities: Unclosed start tag at byte offset %d", at))
		}
		tag, attrs, _ := strings.Cut(s[at+1:at+end], " ")
		pos = at + end + 1
		if name, closing := strings.CutPrefix(tag, "/"); closing {
			if len(stack) == 0 || name != "" && stack[len(stack)-1].tag != strings.ToLower(name) {
				return "", nil, tgBad(fmt.Sprintf("can't parse entities: Unexpected end tag at byte offset %d", at))
			}
			o := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if units > o.out {
				es = append(es, tgEntity{Type: htmlEntities[o.tag], Offset: o.out, Length: units - o.out, URL: o.url})
			}
			continue
		}
		tag = strings.ToLower(tag)
		if htmlEntities[tag] == "" {
			return "", nil, tgBad(fmt.Sprintf("can't parse entities: Unsupported start tag %q at byte offset %d", tag, at))
		}
		o := open{tag: tag, out: units}
		if tag == "a" {
			href := strings.TrimPrefix(strings.TrimSpace(attrs), "href=")
			o.url = htmlUnescape.Replace(strings.Trim(href, `"'`))
		}
		stack = append(stack, o)
	}
	if len(stack) > 0 {
		o := stack[len(stack)-1]
		return "", nil, tgBad(fmt.Sprintf(
			"can't parse entities: Can't find end tag corresponding to start tag %q", o.tag))
	}
	add(s[pos:])
	return text.String(), es, nil
}

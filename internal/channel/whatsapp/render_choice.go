package whatsapp

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// defaultMenu is on the button that opens a list whose app chose no words.
const defaultMenu = "Menu"

func (r *renderer) choice(m *parley.ChoiceMessage) {
	body := ""
	if m.Text != nil {
		body = m.Text.Text
	}
	in := r.tappable(m.Choices)
	if in != nil && body == "" && !textOnly(m.Choices) {
		body = m.Choices[0].Title()
	}
	if in == nil || body == "" || !fits(body, maxBody) { // a body is required
		r.text(transcode.Text(&parley.AppMessage{Choice: m}, style))
		return
	}
	if m.Properties != nil && in.Type != typeAskLocation {
		in.Footer = short(m.Properties.WhatsAppFooter, maxFooter)
	}
	in.Body = &words{Text: body}
	r.add(message{Type: "interactive", Interactive: in})
}

// tappable returns an interactive message, without its body, in which the
// contact can tap every one of the choices, or nil when WhatsApp has none.
func (r *renderer) tappable(choices []parley.Choice) *interactive {
	if len(choices) == 1 {
		switch v := choices[0].Content().(type) {
		case *parley.URLMessage:
			return &interactive{Type: typeLink, Action: action{
				Name:       "cta_url",
				Parameters: link{DisplayText: cut(v.Title, maxButton), URL: v.URL},
			}}
		case *parley.ShareLocationMessage:
			return &interactive{Type: typeAskLocation, Action: action{Name: "send_location"}}
		case *parley.TextMessage, *parley.CallMessage, *parley.LocationMessage, *parley.CalendarMessage, nil:
		}
	}
	if !textOnly(choices) {
		return nil
	}
	if in := r.buttons(choices); in != nil {
		return in
	}
	rows := make([]row, len(choices))
	for i := range choices {
		rows[i] = newRow(r.id(i, choices[i].Title(), choices[i].PostbackData, maxRowID), choices[i].Title(), "")
	}
	return menu(defaultMenu, []section{{Rows: rows}})
}

// buttons returns reply buttons, or nil where the choices are too many, too
// long or not all different. Titles on buttons are never cut: a list has room
// for the words.
func (r *renderer) buttons(choices []parley.Choice) *interactive {
	if len(choices) == 0 || len(choices) > maxButtons {
		return nil
	}
	seen := make(map[string]bool, maxButtons)
	buttons := make([]button, len(choices))
	for i := range choices {
		title := choices[i].Title()
		if !fits(title, maxButton) || seen[title] {
			return nil
		}
		seen[title] = true
		id := r.id(i, title, choices[i].PostbackData, maxButtonID)
		buttons[i] = button{Type: "reply", Reply: reply{ID: id, Title: title}}
	}
	return &interactive{Type: typeButtons, Action: action{Buttons: buttons}}
}

// id returns what WhatsApp gives back when the i-th choice is tapped. A
// message that is sent carries tokens for postback data; one that only shows
// what would be sent may carry more than WhatsApp takes.
func (r *renderer) id(i int, title, data string, limit int) string {
	id := channel.Postback{Title: title, Data: &data}.Value(r.o.MessageID)
	if fits(id, limit) {
		return id
	}
	return channel.Token(r.o.MessageID, i)
}

// newRow returns a row of a list. A title that is too long is cut, and then
// stands in full at the start of the description.
func newRow(id, title, description string) row {
	if !fits(title, maxRowTitle) {
		full := title
		if description != "" {
			full += " - " + description
		}
		title, description = cut(title, maxRowTitle), full
	}
	return row{ID: id, Title: title, Description: cut(description, maxRowText)}
}

// menu returns a list message without its body, or nil where WhatsApp has no
// such list: more than ten rows, or two that look the same.
func menu(open string, sections []section) *interactive {
	type look struct{ title, description string }
	seen := make(map[look]bool, maxRows)
	for i := range sections {
		for _, row := range sections[i].Rows {
			this := look{row.Title, row.Description}
			if seen[this] || len(seen) == maxRows {
				return nil
			}
			seen[this] = true
		}
	}
	return &interactive{Type: typeList, Action: action{Button: cut(open, maxButton), Sections: sections}}
}

// card shows a card whose choices are all text as a message with buttons or a
// list, its media in the header or ahead of it. Any other card is media with a
// caption, or text.
func (r *renderer) card(m *parley.CardMessage) {
	body := cardWords(m)
	in := r.tappable(m.Choices)
	if in == nil || body == "" || !fits(body, maxBody) || m.Media != nil && !textOnly(m.Choices) {
		r.plainCard(m)
		return
	}
	in.Body = &words{Text: body}
	switch {
	case m.Media != nil && in.Type == typeButtons:
		in.Header = mediaHeader(m.Media)
	case m.Media == nil && m.Properties != nil && in.Type != typeAskLocation:
		in.Header = textHeader(m.Properties.WhatsAppHeader)
	}
	if m.Media != nil && in.Header == nil {
		r.media(m.Media, "")
	}
	r.add(message{Type: "interactive", Interactive: in})
}

func (r *renderer) plainCard(m *parley.CardMessage) {
	rest := *m
	rest.Media = nil
	text := transcode.Text(&parley.AppMessage{Card: &rest}, style)
	if m.Media == nil {
		r.text(text)
		return
	}
	r.media(m.Media, text)
}

// cardWords returns the title and description of a card for the body of an
// interactive message, where the description needs no mark of its own.
func cardWords(m *parley.CardMessage) string {
	plain := style
	plain.Italic = ""
	return transcode.Text(&parley.AppMessage{Card: &parley.CardMessage{Title: m.Title, Description: m.Description}}, plain)
}

func textOnly(choices []parley.Choice) bool {
	for i := range choices {
		if choices[i].Text == nil {
			return false
		}
	}
	return len(choices) > 0
}

func textHeader(text string) *header {
	if text == "" {
		return nil
	}
	return &header{Type: "text", Text: cut(text, maxHeader)}
}

// short returns text as a part of an interactive message, cut to limit, or nil
// when there is none.
func short(text string, limit int) *words {
	if text == "" {
		return nil
	}
	return &words{Text: cut(text, limit)}
}

func fits(text string, limit int) bool { return transcode.Length(text, channel.Characters) <= limit }

func cut(text string, limit int) string {
	return transcode.Truncate(text, limit, channel.Characters)
}

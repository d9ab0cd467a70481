package sendapi

import (
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// choice shows choices that are all text as quick replies, up to three of any
// kind as buttons, and what is left as text. Where a button's title must be
// cut, or there are no words above, the choices stand in the text, too.
func (r *renderer) choice(text string, choices []parley.Choice) {
	whole := parley.ChoiceMessage{Choices: choices}
	if text != "" {
		whole.Text = &parley.TextMessage{Text: text}
	}
	written := transcode.Text(&parley.AppMessage{Choice: &whole}, Style())
	words := text
	if text == "" || !short(choices) {
		words = written
	}
	if replies := r.quickReplies(choices); replies != nil {
		r.text(words)
		r.out[len(r.out)-1].QuickReplies = replies
		return
	}
	buttons, ok := r.buttons(choices)
	if !ok || !fits(words, MaxButtonText) {
		r.text(written)
		return
	}
	r.add(template(payload{TemplateType: "button", Text: words, Buttons: buttons}))
}

func template(p payload) Message {
	return Message{Attachment: &attachment{Type: "template", Payload: p}}
}

// quickReplies returns the choices as quick replies, or nil when not all are
// text.
func (r *renderer) quickReplies(choices []parley.Choice) []quickReply {
	if len(choices) > MaxQuickReplies {
		return nil
	}
	var replies []quickReply
	for i := range choices {
		if choices[i].Text == nil {
			return nil
		}
		replies = append(replies, r.quickReply(i, choices[i].Title(), choices[i].PostbackData))
	}
	return replies
}

func (r *renderer) quickReply(i int, title, data string) quickReply {
	return quickReply{ContentType: "text", Title: cut(title), Payload: r.payload(i, title, data)}
}

// buttons returns the choices as buttons and whether all can be.
func (r *renderer) buttons(choices []parley.Choice) ([]button, bool) {
	if len(choices) > maxButtons {
		return nil, false
	}
	var buttons []button
	for i := range choices {
		b, ok := r.button(i, &choices[i])
		if !ok {
			return nil, false
		}
		buttons = append(buttons, b)
	}
	return buttons, true
}

func (r *renderer) button(i int, c *parley.Choice) (button, bool) {
	title := cut(c.Title())
	link := func(address string) (button, bool) {
		return button{Type: "web_url", Title: title, URL: address}, address != "" && title != ""
	}
	switch v := c.Content().(type) {
	case *parley.TextMessage:
		return button{Type: "postback", Title: title, Payload: r.payload(i, c.Title(), c.PostbackData)}, true
	case *parley.URLMessage:
		return link(v.URL)
	case *parley.CallMessage:
		number, ok := dialled(v.PhoneNumber)
		return button{Type: "phone_number", Title: title, Payload: number}, ok && r.d.Calls
	case *parley.LocationMessage:
		return link(transcode.MapsURL(v.Coordinates))
	case *parley.CalendarMessage:
		return link(v.FallbackURL)
	case *parley.ShareLocationMessage:
		// Quick replies that ask for a place are gone since 2019.
		return link(v.FallbackURL)
	case nil:
	}
	return button{}, false
}

// dialled returns a phone number in the form that buttons take, +15105551234.
func dialled(number string) (string, bool) {
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(strings.TrimPrefix(number, "+"))
	ok := digits != "" && strings.Trim(digits, "0123456789") == ""
	return "+" + digits, ok
}

// payload returns what comes back when the i-th choice is tapped. A message
// that is sent carries tokens; one that only shows what would be sent may
// carry more than there is room for.
func (r *renderer) payload(i int, title, data string) string {
	value := channel.Postback{Title: title, Data: &data}.Value(r.o.MessageID)
	if fits(value, maxPayload) {
		return value
	}
	return channel.Token(r.o.MessageID, i)
}

// card shows a card of the generic template. One that does not fit there is
// its media, then its words with the choices.
func (r *renderer) card(m *parley.CardMessage) {
	if e, ok := r.element(m); ok {
		r.add(template(payload{TemplateType: "generic", Elements: []element{e}}))
		return
	}
	if m.Media != nil {
		r.media(m.Media)
	}
	words := transcode.Text(&parley.AppMessage{Card: &parley.CardMessage{Title: m.Title, Description: m.Description}}, Style())
	if len(m.Choices) > 0 {
		r.choice(words, m.Choices)
		return
	}
	r.text(words)
}

// element returns a card of the generic template and whether m fits one: it
// needs a title and something besides, and nothing of it is cut.
func (r *renderer) element(m *parley.CardMessage) (element, bool) {
	e := element{Title: m.Title, Subtitle: m.Description}
	if e.Title == "" {
		e.Title, e.Subtitle = e.Subtitle, ""
	}
	if m.Media != nil {
		if r.d.Kind(m.Media) != "image" {
			return e, false
		}
		e.ImageURL = m.Media.URL
	}
	var ok bool
	e.Buttons, ok = r.buttons(m.Choices)
	bare := e.Subtitle == "" && e.ImageURL == "" && len(e.Buttons) == 0
	return e, ok && !bare && short(m.Choices) && e.Title != "" && fits(e.Title, maxHeadline) && fits(e.Subtitle, maxHeadline)
}

// carousel shows cards side by side where all fit, else one after another.
func (r *renderer) carousel(m *parley.CarouselMessage) {
	elements := make([]element, len(m.Cards))
	side := true
	for i := range m.Cards {
		var ok bool
		elements[i], ok = r.element(&m.Cards[i])
		side = side && ok
	}
	if side && len(elements) <= MaxCards {
		r.add(template(payload{TemplateType: "generic", Elements: elements}))
		if replies := r.quickReplies(m.Choices); replies != nil && r.d.QuickUnder && short(m.Choices) {
			r.out[len(r.out)-1].QuickReplies = replies
			return
		}
	} else {
		for i := range m.Cards {
			r.card(&m.Cards[i])
		}
	}
	if len(m.Choices) > 0 {
		r.choice("", m.Choices)
	}
}

// short reports whether the titles fit buttons.
func short(choices []parley.Choice) bool {
	for i := range choices {
		if !fits(choices[i].Title(), maxTitle) {
			return false
		}
	}
	return true
}

func fits(text string, limit int) bool { return transcode.Length(text, channel.Characters) <= limit }

func cut(title string) string { return transcode.Truncate(title, maxTitle, channel.Characters) }

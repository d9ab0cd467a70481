package channel

import (
	"strconv"
	"strings"

	"github.com/parley-im/parley"
)

// A postback token is what a provider carries for a choice: the message and
// the place of the choice in it, such as 01ARZ3NDEKTSV4RRFFQ69G5FAV.2. It fits
// the tightest limit (Telegram's 64 bytes) and needs no table: the message
// itself holds what the choice stands for.

// Token returns the postback token of the i-th choice of a message.
func Token(messageID string, i int) string { return messageID + "." + strconv.Itoa(i) }

// ParseToken takes a token apart.
func ParseToken(s string) (messageID string, i int, ok bool) {
	id, n, found := strings.Cut(s, ".")
	if !found || !parley.IsID(id) {
		return "", 0, false
	}
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 {
		return "", 0, false
	}
	return id, i, true
}

// Tagged returns a copy of m in which the postback data of every choice is its
// token, so that rendering just passes postback data on. m itself is returned
// when it has no choices.
func Tagged(m *parley.AppMessage, messageID string) *parley.AppMessage {
	if len(Postbacks(m)) == 0 {
		return m
	}
	tagged, err := m.Clone()
	if err != nil {
		return m
	}
	for i, p := range Postbacks(tagged) {
		*p.Data = Token(messageID, i)
	}
	return tagged
}

// A Postback is one choice of a message: what it is called and, by reference,
// what it stands for.
type Postback struct {
	Title string
	Data  *string
}

// Value returns the postback data of the choice, or the API's default: the
// message id and the title.
func (p Postback) Value(messageID string) string {
	if *p.Data != "" {
		return *p.Data
	}
	return messageID + "_" + p.Title
}

// Postbacks lists the choices of a message's own body in reading order.
func Postbacks(m *parley.AppMessage) []Postback {
	var out []Postback
	add := func(choices []parley.Choice) {
		for i := range choices {
			out = append(out, Postback{Title: choices[i].Title(), Data: &choices[i].PostbackData})
		}
	}
	switch v := m.Content().(type) {
	case *parley.ChoiceMessage:
		add(v.Choices)
	case *parley.CardMessage:
		add(v.Choices)
	case *parley.CarouselMessage:
		for i := range v.Cards {
			add(v.Cards[i].Choices)
		}
		add(v.Choices)
	case *parley.ListMessage:
		for i := range v.Sections {
			for _, item := range v.Sections[i].Items {
				if item.Choice != nil {
					out = append(out, Postback{Title: item.Choice.Title, Data: &item.Choice.PostbackData})
				}
			}
		}
	case *parley.TextMessage, *parley.MediaMessage, *parley.LocationMessage, *parley.TemplateMessage,
		*parley.ContactInfoMessage, nil:
	}
	return out
}

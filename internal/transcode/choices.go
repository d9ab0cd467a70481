package transcode

import (
	"slices"
	"strings"
	"unicode"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// choice keeps a choice message where all of its choices can be tapped: half
// of them as buttons and half as text would only puzzle the contact. Text that
// is too long for the message goes ahead of it.
func (t *transcoder) choice(m *parley.ChoiceMessage) {
	if t.Choice != channel.Native || !t.tappable(m.Choices) {
		t.text(choice(m, t.Style))
		return
	}
	if m.Text == nil || t.fits(m.Text.Text, t.choiceText()) {
		t.add(parley.AppMessage{Choice: m})
		return
	}
	last := t.lead(m.Text.Text, t.choiceText())
	short := *m
	short.Text = &parley.TextMessage{Text: last}
	t.add(parley.AppMessage{Choice: &short})
}

// card keeps a card where it can be shown as one. A caption that is too long
// follows the media; choices that cannot be tapped make the card media and
// text.
func (t *transcoder) card(m *parley.CardMessage) {
	if t.Card != channel.Native || !t.tappable(m.Choices) {
		t.degradeCard(m)
		return
	}
	words := caption(m, t.Style)
	if t.fits(words, t.beside(m)) {
		t.add(parley.AppMessage{Card: m})
		return
	}
	if m.Media == nil {
		t.longCard(m)
		return
	}
	if t.Media != channel.Native {
		t.degradeCard(m)
		return
	}
	t.add(parley.AppMessage{Media: m.Media})
	rest := *m
	rest.Media = nil
	t.card(&rest)
}

// longCard says a card without media whose words are too many for one message.
func (t *transcoder) longCard(m *parley.CardMessage) {
	plain := t.Style
	plain.Italic = "" // a mark must not be torn from its partner
	words := caption(m, plain)
	if len(m.Choices) == 0 {
		t.text(words)
		return
	}
	last := t.lead(words, t.choiceText())
	if t.Choice == channel.Native {
		t.add(parley.AppMessage{Choice: &parley.ChoiceMessage{Text: &parley.TextMessage{Text: last}, Choices: m.Choices}})
		return
	}
	t.add(parley.AppMessage{Card: &parley.CardMessage{Description: last, Choices: m.Choices}})
}

// degradeCard writes a card as text, its media first where the channel has
// media.
func (t *transcoder) degradeCard(m *parley.CardMessage) {
	if m.Media == nil || t.Media != channel.Native {
		t.text(card(m, t.Style))
		return
	}
	t.add(parley.AppMessage{Media: m.Media})
	rest := *m
	rest.Media = nil
	t.text(card(&rest, t.Style))
}

// carousel keeps a carousel where all of it can be shown, else shows its cards
// one after another, else writes it as text.
func (t *transcoder) carousel(m *parley.CarouselMessage) {
	switch {
	case t.Carousel == channel.Native && t.whole(m):
		t.add(parley.AppMessage{Carousel: m})
	case t.Card == channel.Native && !t.Style.OneText:
		t.cards(m)
	default:
		t.text(carousel(m, t.Style))
	}
}

// whole reports whether a carousel keeps to the limits in all its parts.
func (t *transcoder) whole(m *parley.CarouselMessage) bool {
	if !within(len(m.Cards), t.MaxCards) || !t.tappable(m.Choices) {
		return false
	}
	for i := range m.Cards {
		c := &m.Cards[i]
		if !t.tappable(c.Choices) || !t.fits(caption(c, t.Style), t.beside(c)) {
			return false
		}
	}
	return true
}

// cards shows a carousel as cards. The choices below the carousel become the
// last card's, because choices need something to hang on; where they do not
// fit there, they follow as text.
func (t *transcoder) cards(m *parley.CarouselMessage) {
	final := len(m.Cards) - 1
	for i := range m.Cards[:final] {
		t.card(&m.Cards[i])
	}
	joined := m.Cards[final]
	joined.Choices = slices.Concat(joined.Choices, m.Choices)
	if t.tappable(joined.Choices) {
		t.card(&joined)
		return
	}
	t.card(&m.Cards[final])
	t.text(lines(choiceLines(m.Choices, t.Style)...))
}

// lead adds all of text but its end as text messages and returns the end,
// which is within limit.
func (t *transcoder) lead(text string, limit int) string {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	pieces := Split(text, limit, t.Unit)
	if len(pieces) == 0 { // nothing but white space
		return ""
	}
	last := pieces[len(pieces)-1]
	t.text(strings.TrimRightFunc(strings.TrimSuffix(text, last), unicode.IsSpace))
	return last
}

// tappable reports whether the contact can tap every one of the choices.
func (t *transcoder) tappable(choices []parley.Choice) bool {
	if !within(len(choices), t.MaxChoices) {
		return false
	}
	for i := range choices {
		if !slices.Contains(t.Choices, kind(&choices[i])) {
			return false
		}
	}
	return true
}

func kind(c *parley.Choice) channel.ChoiceKind {
	switch c.Content().(type) {
	case *parley.TextMessage:
		return channel.ChoiceText
	case *parley.URLMessage:
		return channel.ChoiceURL
	case *parley.CallMessage:
		return channel.ChoiceCall
	case *parley.LocationMessage:
		return channel.ChoiceLocation
	case *parley.CalendarMessage:
		return channel.ChoiceCalendar
	case *parley.ShareLocationMessage:
		return channel.ChoiceShareLocation
	case nil:
		return ""
	}
	return ""
}

func (t *transcoder) fits(text string, limit int) bool { return within(Length(text, t.Unit), limit) }

// beside returns the limit of the words of a card.
func (t *transcoder) beside(m *parley.CardMessage) int {
	limit := t.MaxText
	if m.Media != nil {
		limit = t.MaxCaption
	}
	if len(m.Choices) > 0 {
		return tighter(limit, t.MaxChoiceText)
	}
	return limit
}

// choiceText returns the limit of the words above choices.
func (t *transcoder) choiceText() int { return tighter(t.MaxText, t.MaxChoiceText) }

// tighter returns the smaller of two limits, of which 0 is none.
func tighter(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

package viber

import (
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The API versions, which stand for those of the app, that keyboards with all
// of their buttons and rich media need.
const (
	keyboardVersion  = 6 // Silent; location-picker needs 3
	richMediaVersion = 7
)

// A grid is buttons in rows of six columns: a keyboard in the place of the
// phone's own, or rich media, whose rows make cards.
type grid struct {
	Type          string   `json:"Type"`
	DefaultHeight *bool    `json:"DefaultHeight,omitempty"`
	GroupColumns  int      `json:"ButtonsGroupColumns,omitempty"`
	GroupRows     int      `json:"ButtonsGroupRows,omitempty"`
	BgColor       string   `json:"BgColor,omitempty"`
	Buttons       []button `json:"Buttons"`
}

// A button is a cell of a grid. Its text is HTML of a few tags.
type button struct {
	Columns    int    `json:"Columns"`
	Rows       int    `json:"Rows"`
	ActionType string `json:"ActionType"` // reply, open-url, location-picker or none
	ActionBody string `json:"ActionBody"`
	Text       string `json:"Text,omitempty"`
	Image      string `json:"Image,omitempty"`
	TextHAlign string `json:"TextHAlign,omitempty"`
	Silent     bool   `json:"Silent,omitempty"` // the chat does not show the reply, which is a token
}

// keyboard makes a grid of buttons; nil when there are none.
func keyboard(buttons []button) *grid {
	if len(buttons) == 0 {
		return nil
	}
	return &grid{Type: "keyboard", DefaultHeight: new(bool), Buttons: buttons}
}

// key is a button of a row of its own.
func key(action, body, title string) button {
	return button{Columns: columns, Rows: 1, ActionType: action, ActionBody: body, Text: label(title)}
}

// label is a title as HTML, within the limit.
func label(title string) string {
	most := maxButtonText
	for {
		text := html.EscapeString(transcode.Truncate(title, most, channel.UTF16))
		if transcode.Length(text, channel.UTF16) <= maxButtonText {
			return text
		}
		most -= most/4 + 1
	}
}

// reply is a button that tells us it was tapped, by a message that reads data.
func reply(title, data string) (button, error) {
	if data == "" {
		data = title
	}
	if transcode.Length(data, channel.UTF16) > maxActionBody {
		return button{}, channel.Refuse(parley.ReasonBadRequest, "postback data of more than 250 characters does not fit a VIBER button")
	}
	b := key("reply", data, title)
	b.Silent = true
	return b, nil
}

// buttonsOf makes buttons of choices, and lines of text of those Viber has
// none for: calls, and addresses it would not open.
func buttonsOf(choices []parley.Choice) (buttons []button, lines []string, err error) {
	for i := range choices {
		c := &choices[i]
		switch address := opens(c); {
		case c.Text != nil:
			b, err := reply(c.Title(), c.PostbackData)
			if err != nil {
				return nil, nil, err
			}
			buttons = append(buttons, b)
		case c.ShareLocation != nil:
			buttons = append(buttons, key("location-picker", "location", c.Title()))
		case address != "":
			buttons = append(buttons, key("open-url", address, c.Title()))
		default:
			lines = append(lines, transcode.ChoiceLine(c, style))
		}
	}
	return buttons, lines, nil
}

// opens returns the address a choice opens, or "" when a button cannot.
func opens(c *parley.Choice) string {
	address := ""
	switch v := c.Content().(type) {
	case *parley.URLMessage:
		address = v.URL
	case *parley.LocationMessage:
		address = transcode.MapsURL(v.Coordinates)
	case *parley.CalendarMessage:
		address = v.FallbackURL
	case *parley.TextMessage, *parley.CallMessage, *parley.ShareLocationMessage, nil:
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || len(address) > maxURL {
		return ""
	}
	if s := strings.ToLower(u.Scheme); s != "http" && s != "https" {
		return ""
	}
	return address
}

func (r *renderer) choice(m *parley.ChoiceMessage) error {
	buttons, lines, err := buttonsOf(m.Choices)
	if err != nil {
		return err
	}
	words := ""
	if m.Text != nil {
		words = m.Text.Text
	}
	r.text(transcode.Join("\n\n", words, transcode.Join("\n", lines...)), keyboard(buttons))
	return nil
}

// card is its media with title and description as the caption, and the
// choices as a keyboard.
func (r *renderer) card(m *parley.CardMessage, choices []parley.Choice) error {
	buttons, lines, err := buttonsOf(choices)
	if err != nil {
		return err
	}
	words := transcode.Join("\n\n", transcode.Text(&parley.AppMessage{Card: &parley.CardMessage{
		Title: m.Title, Description: m.Description,
	}}, style), transcode.Join("\n", lines...))
	if m.Media == nil {
		r.text(words, keyboard(buttons))
		return nil
	}
	r.media(m.Media, words, keyboard(buttons))
	return nil
}

// carousel is rich media: cards side by side, with the choices of all as a
// keyboard. One that does not fit is its cards, one message each.
func (r *renderer) carousel(m *parley.CarouselMessage) error {
	outer, lines, err := buttonsOf(m.Choices)
	if err != nil {
		return err
	}
	cards, ok, err := richMedia(m.Cards)
	if err != nil {
		return err
	}
	if ok && len(lines) == 0 {
		out := r.add("rich_media")
		out.RichMedia, out.AltText = cards, altText(m)
		out.attach(keyboard(outer))
		out.MinVersion = richMediaVersion
		return nil
	}
	for i := range m.Cards {
		choices := m.Cards[i].Choices
		if i == len(m.Cards)-1 {
			choices = slices.Concat(choices, m.Choices)
		}
		if err := r.card(&m.Cards[i], choices); err != nil {
			return err
		}
	}
	return nil
}

// altText is what an app that knows no rich media shows.
func altText(m *parley.CarouselMessage) string {
	return transcode.Truncate(transcode.Text(&parley.AppMessage{Carousel: m}, style), maxText, channel.UTF16)
}

// The rows of a card that its picture takes, and at least its words.
const (
	pictureRows = 3
	wordRows    = 2
)

// richMedia lays cards out, all equally high; false when some part does not
// fit.
func richMedia(cards []parley.CardMessage) (*grid, bool, error) {
	rows := 0
	all := make([][]button, len(cards))
	for i := range cards {
		buttons, lines, err := buttonsOf(cards[i].Choices)
		if err != nil {
			return nil, false, err
		}
		picky := slices.ContainsFunc(buttons, func(b button) bool { return b.ActionType == "location-picker" })
		head, ok := cardHead(&cards[i])
		if !ok || len(lines) > 0 || picky {
			return nil, false, nil
		}
		all[i] = append(head, buttons...)
		rows = max(rows, height(all[i]))
	}
	if len(cards) > maxCards || rows > maxCardRows {
		return nil, false, nil
	}
	g := &grid{Type: "rich_media", GroupColumns: columns, GroupRows: rows, BgColor: "#FFFFFF"}
	for _, card := range all {
		card[0].Rows += rows - height(card) // what is above the buttons fills up
		g.Buttons = append(g.Buttons, card...)
	}
	return g, true, nil
}

func height(buttons []button) int {
	n := 0
	for _, b := range buttons {
		n += b.Rows
	}
	return n
}

// cardHead is what a card shows above its buttons: at least one cell. False
// when there is more than fits.
func cardHead(m *parley.CardMessage) ([]button, bool) {
	var head []button
	if m.Media != nil {
		if _, ext := fileName(m.Media); !isPicture(ext) || len(m.Media.URL) > maxURL {
			return nil, false
		}
		head = append(head, button{Columns: columns, Rows: pictureRows, ActionType: "none", Image: m.Media.URL})
	}
	words := html.EscapeString(m.Description)
	if m.Title != "" {
		words = transcode.Join("<br>", "<b>"+html.EscapeString(m.Title)+"</b>", words)
	}
	words = strings.ReplaceAll(words, "\n", "<br>")
	if words != "" || len(head) == 0 {
		head = append(head, button{Columns: columns, Rows: wordRows, ActionType: "none", Text: words, TextHAlign: "left"})
	}
	return head, transcode.Length(words, channel.UTF16) <= maxButtonText
}

// list is a button for each item. Titles of sections and descriptions of
// items, for which buttons have no room, are in the text.
func (r *renderer) list(m *parley.ListMessage) error {
	var sections []string
	var buttons []button
	for _, s := range m.Sections {
		lines := []string{s.Title}
		for _, item := range s.Items {
			switch {
			case item.Choice != nil:
				b, err := reply(item.Choice.Title, item.Choice.PostbackData)
				if err != nil {
					return err
				}
				buttons = append(buttons, b)
				if more := about(item.Choice); s.Title != "" || more != "" {
					lines = append(lines, "> "+transcode.Join(": ", item.Choice.Title, more))
				}
			case item.Product != nil:
				lines = append(lines, "> "+item.Product.ID) // a catalogue's; Viber has none
			}
		}
		sections = append(sections, transcode.Join("\n", lines...))
	}
	head := transcode.Text(&parley.AppMessage{Card: &parley.CardMessage{Title: m.Title, Description: m.Description}}, style)
	words := transcode.Join("\n\n", head, transcode.Join("\n\n", sections...))
	if m.Media != nil {
		r.media(m.Media, words, keyboard(buttons))
		return nil
	}
	r.text(words, keyboard(buttons))
	return nil
}

// about is what a button cannot show of an item.
func about(c *parley.ListChoice) string {
	if c.Media == nil {
		return c.Description
	}
	return transcode.Join(" ", c.Description, c.Media.URL)
}

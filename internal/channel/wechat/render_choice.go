package wechat

import (
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// noWords stands above a menu that has no words of its own.
const noWords = "…"

// An options is choices by how they are shown: texts in a menu, which answers,
// the others as lines of text.
type options struct {
	items []menuItem
	lines []string
}

// add adds choices. A title that is taken gets a mark, because contacts see
// nothing else of an item.
func (s *options) add(mark string, choices []parley.Choice) {
	for i := range choices {
		c := &choices[i]
		if c.Text == nil {
			s.lines = append(s.lines, line(c))
			continue
		}
		s.item(mark, c.Title(), c.PostbackData)
	}
}

func (s *options) item(mark, title, postback string) {
	if postback == "" {
		postback = title
	}
	if mark != "" && slices.ContainsFunc(s.items, func(m menuItem) bool { return m.Content == title }) {
		title += " (" + mark + ")"
	}
	s.items = append(s.items, menuItem{ID: postback, Content: title})
}

// line is a choice as a line of text: a link where it opens an address.
func line(c *parley.Choice) string {
	if address := opens(c); address != "" && c.Title() != "" && !strings.ContainsAny(address+c.Title(), `"<>`) {
		return `<a href="` + address + `">` + c.Title() + `</a>`
	}
	return transcode.ChoiceLine(c, channel.Style{})
}

// opens returns the address a choice opens, or "".
func opens(c *parley.Choice) string {
	switch v := c.Content().(type) {
	case *parley.URLMessage:
		return v.URL
	case *parley.LocationMessage:
		return transcode.MapsURL(v.Coordinates)
	case *parley.CalendarMessage:
		return v.FallbackURL
	case *parley.ShareLocationMessage:
		return v.FallbackURL
	case *parley.TextMessage, *parley.CallMessage, nil:
	}
	return ""
}

// choices sends words above choices.
func (r *renderer) choices(words string, choices []parley.Choice) {
	var s options
	s.add("", choices)
	r.options([]string{words}, s)
}

// options sends paragraphs above what can be chosen.
func (r *renderer) options(paragraphs []string, s options) {
	if len(s.items) == 0 {
		if len(s.lines) > 0 && paragraphs[len(paragraphs)-1] != "" {
			s.lines[0] = "\n" + s.lines[0]
		}
		r.blocks(append(paragraphs, s.lines...)...)
		return
	}
	tail := strings.Join(s.lines, "\n")
	if len(tail) > maxTail {
		paragraphs, tail = append(paragraphs, s.lines...), ""
	}
	words := transcode.Join("\n", paragraphs...)
	if len(words) > maxHead {
		r.blocks(paragraphs...)
		words = ""
	}
	for part := range slices.Chunk(s.items, maxMenu) {
		m := &menu{Head: words, List: part, Tail: tail}
		if m.Head == "" {
			m.Head = noWords
		}
		r.add(customSend, message{To: r.to, Type: "msgmenu", Menu: m})
		words, tail = "", ""
	}
}

// card is an article where its one choice opens an address; else the media and,
// below, the words with the choices.
func (r *renderer) card(m *parley.CardMessage) {
	if len(m.Choices) == 1 {
		a := article{Title: m.Title, Description: m.Description, URL: opens(&m.Choices[0])}
		if m.Media != nil {
			a.Picture = picture(m.Media)
		}
		if (m.Media == nil || a.Picture != "") && r.article(a) {
			return
		}
	}
	if m.Media != nil {
		r.media(m.Media)
	}
	r.choices(transcode.Join("\n", m.Title, m.Description), m.Choices)
}

// carousel is its cards as numbered paragraphs, and one menu of all choices
// that answer.
func (r *renderer) carousel(m *parley.CarouselMessage) {
	var all options
	paragraphs := make([]string, 0, len(m.Cards))
	for i := range m.Cards {
		c, number := &m.Cards[i], strconv.Itoa(i+1)
		parts := []string{number + ". " + c.Title, c.Description}
		if c.Media != nil {
			parts = append(parts, c.Media.URL)
		}
		own := options{items: all.items}
		own.add(number, c.Choices)
		all.items = own.items
		paragraph := transcode.Join("\n", append(parts, own.lines...)...)
		if i > 0 {
			paragraph = "\n" + paragraph
		}
		paragraphs = append(paragraphs, paragraph)
	}
	all.add("+", m.Choices)
	r.options(paragraphs, all)
}

// list is a menu of its items. Titles of sections, and what a menu cannot show
// of items, are in the words above.
func (r *renderer) list(m *parley.ListMessage) {
	if m.Media != nil {
		r.media(m.Media)
	}
	var s options
	paragraphs := []string{transcode.Join("\n", m.Title, m.Description)}
	for _, section := range m.Sections {
		lines := []string{section.Title}
		for _, item := range section.Items {
			switch {
			case item.Choice != nil:
				s.item(strconv.Itoa(len(s.items)+1), item.Choice.Title, item.Choice.PostbackData)
				about := item.Choice.Description
				if item.Choice.Media != nil {
					about = transcode.Join(" ", about, item.Choice.Media.URL)
				}
				if section.Title != "" || about != "" {
					lines = append(lines, "> "+transcode.Join(": ", item.Choice.Title, about))
				}
			case item.Product != nil:
				lines = append(lines, "> "+item.Product.ID) // a catalogue's; WeChat has none
			}
		}
		if paragraph := transcode.Join("\n", lines...); paragraph != "" {
			paragraphs = append(paragraphs, "\n"+paragraph)
		}
	}
	r.options(paragraphs, s)
}

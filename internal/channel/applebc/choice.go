package applebc

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// balloon is the extension of Messages that shows interactive messages.
const balloon = "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.icloud.apps.messages.business.extension"

type interactive struct {
	BID      string          `json:"bid"`
	Data     interactiveData `json:"data"`
	Received *bubble         `json:"receivedMessage,omitempty"`
	Reply    *bubble         `json:"replyMessage,omitempty"`
}

// A bubble is what the chat shows of an interactive message, or of the answer.
type bubble struct {
	Title    string `json:"title"`
	Subtitle string `json:"subtitle,omitempty"`
	Style    string `json:"style"` // icon, small or large
}

type interactiveData struct {
	MSPVersion string      `json:"mspVersion,omitempty"`
	Version    string      `json:"version"`
	Request    string      `json:"requestIdentifier"`
	QuickReply *quickReply `json:"quick-reply,omitempty"`
	Images     []picture   `json:"images,omitempty"`
	ListPicker *listPicker `json:"listPicker,omitempty"`
	Event      *event      `json:"event,omitempty"`
}

type quickReply struct {
	Summary string `json:"summaryText"`
	Items   []item `json:"items"`
}

// An item is a quick reply, or a row of a list picker.
type item struct {
	Identifier string `json:"identifier"`
	Title      string `json:"title"`
	Subtitle   string `json:"subtitle,omitempty"`
	Order      *int   `json:"order,omitempty"`
	Style      string `json:"style,omitempty"`
	Image      string `json:"imageIdentifier,omitempty"`
}

type listPicker struct {
	Sections []section `json:"sections"`
}

type section struct {
	Title    string `json:"title"`
	Order    int    `json:"order"`
	Multiple bool   `json:"multipleSelection"`
	Items    []item `json:"items"`
}

type event struct {
	Identifier string     `json:"identifier"`
	Title      string     `json:"title"`
	Timeslots  []timeslot `json:"timeslots"`
}

type timeslot struct {
	Identifier string `json:"identifier"`
	Start      string `json:"startTime"`
	Duration   int64  `json:"duration"` // seconds
}

// The form of a time slot's start.
const slotTime = "2006-01-02T15:04-0700"

// fallbackTitle is above choices that nothing is said about.
const fallbackTitle = "…"

// request makes an interactive message.
func (r *renderer) request(data interactiveData, title, subtitle string) {
	data.Version = "1.0"
	data.Request = uuid(r.messageID + "/" + strconv.Itoa(len(r.out)))
	out := &interactive{BID: balloon, Data: data}
	if data.QuickReply == nil {
		out.Data.MSPVersion = "1.0"
		out.Received = &bubble{Title: title, Subtitle: subtitle, Style: "icon"}
		out.Reply = &bubble{Title: title, Style: "icon"}
	}
	r.add(&message{Type: typeInteractive, Interactive: out})
}

// choices sends words and what can be chosen. Appointments are chosen from a
// time picker each, texts from one set of quick replies or list picker; what
// opens something is a link in the text. The heading stands above choices that
// no words are left for; without one the words are said again, unless they are
// too many.
func (r *renderer) choices(words, heading string, choices []parley.Choice) {
	if heading == "" && transcode.Length(words, channel.Characters) <= maxSummary {
		heading = words
	}
	var lines []string
	var texts []item
	var dates []*parley.Choice
	for i := range choices {
		c := &choices[i]
		switch c.Content().(type) {
		case *parley.TextMessage:
			texts = append(texts, item{Identifier: identifier(c.PostbackData, c.Title()), Title: c.Title()})
		case *parley.CalendarMessage:
			dates = append(dates, c)
		case *parley.URLMessage, *parley.CallMessage, *parley.LocationMessage, *parley.ShareLocationMessage, nil:
			lines = append(lines, transcode.ChoiceLine(c, style))
		}
	}
	words = transcode.Join("\n\n", words, transcode.Join("\n", lines...))
	if len(texts) == 0 || len(dates) > 0 || len(lines) > 0 || transcode.Length(words, channel.Characters) > maxSummary {
		r.text(words)
		words = ""
	}
	words = orDots(cmp.Or(words, heading))
	for _, c := range dates {
		r.timePicker(c)
	}
	switch {
	case len(texts) == 0:
	case quick(texts):
		r.request(interactiveData{QuickReply: &quickReply{Summary: words, Items: texts}}, "", "")
	default:
		r.picker(words, "", []section{{Title: words, Items: texts}}, nil)
	}
}

// quick reports whether choices can be quick replies.
func quick(items []item) bool {
	long := slices.ContainsFunc(items, func(it item) bool {
		return transcode.Length(it.Title, channel.Characters) > maxQuickTitle
	})
	return len(items) >= minQuick && len(items) <= maxQuick && !long
}

// identifier is what a choice answers with.
func identifier(data, title string) string {
	if data == "" {
		return title
	}
	return data
}

func orDots(words string) string {
	if words == "" {
		return fallbackTitle
	}
	return words
}

// timePicker offers one appointment.
func (r *renderer) timePicker(c *parley.Choice) {
	m, ok := c.Content().(*parley.CalendarMessage)
	if !ok {
		return
	}
	id := identifier(c.PostbackData, m.Title)
	r.request(interactiveData{Event: &event{
		Identifier: id,
		Title:      m.EventTitle,
		Timeslots: []timeslot{{
			Identifier: id,
			Start:      m.EventStart.UTC().Format(slotTime),
			Duration:   int64(m.EventEnd.Sub(m.EventStart) / time.Second),
		}},
	}}, m.Title, m.EventDescription)
}

// picker sends a list picker. Its title and subtitle are in the chat, the
// sections open when it is tapped.
func (r *renderer) picker(title, subtitle string, sections []section, images []picture) {
	for i := range sections {
		sections[i].Order = i
		sections[i].Title = orDots(sections[i].Title)
		items := sections[i].Items
		for j := range items {
			items[j].Order, items[j].Style = &j, "default"
		}
	}
	r.request(interactiveData{Images: images, ListPicker: &listPicker{Sections: sections}}, orDots(title), subtitle)
}

// card is a rich link if it is a picture with a title and an address, else its
// file with title and description below, and its choices.
func (r *renderer) card(m *parley.CardMessage, choices []parley.Choice) {
	if m.Media != nil && isPicture(m.Media.URL) && m.Title != "" && m.Description == "" && len(choices) == 1 && choices[0].URL != nil {
		r.add(&message{Type: typeRichLink, RichLink: &richLink{
			URL: choices[0].URL.URL, Title: m.Title, Assets: assets{Image: picture{Source: m.Media.URL}},
		}})
		return
	}
	words := about(m)
	if m.Media != nil {
		r.media(m.Media, words)
		words = ""
	}
	r.choices(words, m.Title, choices)
}

// about is the words of a card without its choices.
func about(m *parley.CardMessage) string {
	return transcode.Text(&parley.AppMessage{Card: &parley.CardMessage{Title: m.Title, Description: m.Description}}, style)
}

// carousel is a list picker with a section for each card. One with a card that
// has nothing to be chosen is its cards one after another.
func (r *renderer) carousel(m *parley.CarouselMessage) {
	var sections []section
	var images []picture
	for i := range m.Cards {
		card := &m.Cards[i]
		rows, ok := rowsOf(card.Choices)
		if !ok || len(rows) == 0 || card.Media != nil && !isPicture(card.Media.URL) {
			r.cards(m)
			return
		}
		rows[0].Subtitle = card.Description
		if card.Media != nil {
			rows[0].Image = strconv.Itoa(len(images) + 1)
			images = append(images, picture{Identifier: rows[0].Image, Source: card.Media.URL})
		}
		sections = append(sections, section{Title: card.Title, Items: rows})
	}
	outer, ok := rowsOf(m.Choices)
	if !ok {
		r.cards(m)
		return
	}
	if len(outer) > 0 {
		sections = append(sections, section{Items: outer})
	}
	r.picker(sections[0].Title, "", sections, images)
}

func (r *renderer) cards(m *parley.CarouselMessage) {
	for i := range m.Cards {
		r.card(&m.Cards[i], m.Cards[i].Choices)
	}
	if len(m.Choices) > 0 {
		r.choices("", "", m.Choices)
	}
}

// rowsOf makes rows of choices; false if some is not a text.
func rowsOf(choices []parley.Choice) ([]item, bool) {
	var rows []item
	for i := range choices {
		if choices[i].Text == nil {
			return nil, false
		}
		title := choices[i].Title()
		rows = append(rows, item{Identifier: identifier(choices[i].PostbackData, title), Title: title})
	}
	return rows, true
}

// list is a list picker. Products, which Apple knows nothing of, are a text.
func (r *renderer) list(m *parley.ListMessage) {
	if m.Media != nil {
		r.media(m.Media, "")
	}
	var sections []section
	var images []picture
	for _, s := range m.Sections {
		out := section{Title: s.Title}
		for _, it := range s.Items {
			if it.Choice == nil {
				r.text(transcode.Text(&parley.AppMessage{List: m}, style))
				return
			}
			row := item{Identifier: identifier(it.Choice.PostbackData, it.Choice.Title), Title: it.Choice.Title, Subtitle: it.Choice.Description}
			switch media := it.Choice.Media; {
			case media == nil:
			case isPicture(media.URL):
				row.Image = strconv.Itoa(len(images) + 1)
				images = append(images, picture{Identifier: row.Image, Source: media.URL})
			default:
				row.Subtitle = transcode.Join(" ", row.Subtitle, media.URL)
			}
			out.Items = append(out.Items, row)
		}
		sections = append(sections, out)
	}
	r.picker(m.Title, m.Description, sections, images)
}

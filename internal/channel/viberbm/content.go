package viberbm

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The limits of what goes with a text, in characters (developers.sinch.com,
// Viber Business Messages channel message support).
const (
	maxButton   = 30
	maxFileName = 25
)

// The files Viber takes, by the extension of their address (same source).
var (
	imageExtensions    = []string{".jpg", ".jpeg", ".png"}
	documentExtensions = []string{
		".doc", ".docx", ".rtf", ".dot", ".dotx", ".odt", ".odf", ".fodt", ".txt", ".info",
		".pdf", ".xps", ".pdax", ".eps",
		".xls", ".xlsx", ".ods", ".fods", ".csv", ".xlsm", ".xltx",
	}
)

// content is one Viber message: words, a picture or a file. A picture may have
// words, and words or a picture a button.
type content struct {
	text     string
	image    string // address
	file     string // address
	fileName string
	button   *button
}

// A button opens an address.
type button struct{ title, url string }

// contents returns the messages that say m, in sending order.
func contents(m *parley.AppMessage) ([]content, error) {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		return texts(v.Text), nil
	case *parley.MediaMessage:
		return media(v), nil
	case *parley.ChoiceMessage:
		return choice(v), nil
	case *parley.CardMessage:
		return card(v), nil
	case *parley.CarouselMessage, *parley.ListMessage, *parley.LocationMessage, *parley.ContactInfoMessage,
		*parley.TemplateMessage, nil:
	}
	return nil, channel.Refuse(parley.ReasonUnsupportedOperation, "VIBERBM cannot show the message")
}

func texts(text string) []content {
	var out []content
	for _, piece := range split(text) {
		out = append(out, content{text: piece})
	}
	return out
}

// media is a picture, a document or, for what Viber does not take, a link: a
// video needs its length and size beforehand.
func media(m *parley.MediaMessage) []content {
	switch ext := extension(m.URL); {
	case slices.Contains(imageExtensions, ext):
		return []content{{image: m.URL}}
	case slices.Contains(documentExtensions, ext):
		return []content{{file: m.URL, fileName: fileName(m, ext)}}
	}
	return texts(m.URL)
}

// choice is words with a button. The transcoder leaves messages of more than
// one choice, or of one that opens nothing, to text.
func choice(m *parley.ChoiceMessage) []content {
	b := buttonOf(m.Choices)
	if b == nil {
		return texts(transcode.Text(&parley.AppMessage{Choice: m}, style()))
	}
	text := b.title // a button needs words above it
	if m.Text != nil && m.Text.Text != "" {
		text = m.Text.Text
	}
	return []content{{text: text, button: b}}
}

// card is a picture with words and a button. Without a picture it is words
// with a button, and without a choice text: a card is native with both only
// (developers.sinch.com, Viber Business Messages channel message support).
func card(m *parley.CardMessage) []content {
	b := buttonOf(m.Choices)
	words := *m
	words.Choices, words.Media = nil, nil
	text := transcode.Text(&parley.AppMessage{Card: &words}, style())
	switch {
	case b != nil && m.Media != nil && slices.Contains(imageExtensions, extension(m.Media.URL)):
		return []content{{image: m.Media.URL, text: text, button: b}}
	case b != nil && m.Media == nil && text != "":
		return []content{{text: text, button: b}}
	}
	return texts(transcode.Text(&parley.AppMessage{Card: m}, style()))
}

// buttonOf returns the button for the only choice, or nil.
func buttonOf(choices []parley.Choice) *button {
	if len(choices) != 1 {
		return nil
	}
	c := &choices[0]
	var address string
	switch v := c.Content().(type) {
	case *parley.URLMessage:
		address = v.URL
	case *parley.CallMessage:
		address = "tel:" + strings.ReplaceAll(v.PhoneNumber, " ", "")
	case *parley.LocationMessage:
		address = transcode.MapsURL(v.Coordinates)
	case *parley.TextMessage, *parley.CalendarMessage, *parley.ShareLocationMessage, nil:
		return nil
	}
	return &button{title: transcode.Truncate(c.Title(), maxButton, channel.Characters), url: address}
}

// extension is that of the file an address names, in lower case.
func extension(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(path.Ext(u.Path))
}

// fileName is a document's name with its extension, cut in front of it.
func fileName(m *parley.MediaMessage, ext string) string {
	name := m.FilenameOverride
	if name == "" {
		if u, err := url.Parse(m.URL); err == nil {
			name = path.Base(u.Path)
		}
	}
	stem := name
	if strings.EqualFold(path.Ext(name), ext) {
		stem = name[:len(name)-len(ext)]
	}
	if room := maxFileName - len(ext); len([]rune(stem)) > room {
		stem = string([]rune(stem)[:room])
	}
	return stem + ext
}

// phone is an identity as Viber writes it: digits alone.
func phone(identity string) string { return strings.TrimPrefix(identity, "+") }

// noSpecific refuses a channel-specific message, of which VIBERBM has none.
func noSpecific(m *parley.AppMessage) error {
	if specific, ok := m.ChannelSpecific[parley.ChannelViberBM]; ok {
		return channel.Refuse(parley.ReasonBadRequest, "VIBERBM has no channel specific message "+strconv.Quote(specific.MessageType))
	}
	return nil
}

package simulator

import (
	"encoding/json"
	"net/url"
	"strconv"
	"unicode/utf16"
)

// lineMessage is a message object, of any type.
type lineMessage struct {
	Type, Text, AltText           string
	OriginalContentURL, PackageID string
	PreviewImageURL, StickerID    string
	Duration                      int
	Title, Address                string
	Latitude, Longitude           *float64
	Template                      *lineTemplate
	Contents                      *lineFlex
	QuickReply                    *struct {
		Items []struct{ Action *lineAction }
	}
	TrackingID, QuoteToken, BaseURL string
}

type lineTemplate struct {
	Type, Text, Title, ThumbnailImageURL string
	Actions                              []lineAction
	Columns                              []lineTemplate
}

type lineAction struct {
	Type, Label, Data, Text, DisplayText, URI string
}

// lineFlex is a container or a component of a flex message.
type lineFlex struct {
	Type, Layout, Text, URL    string
	Hero, Body, Footer, Header *lineFlex
	Contents                   []lineFlex
	Action                     *lineAction
}

// A lineReader makes an Item of a message object; the first thing LINE would
// refuse is its error.
type lineReader struct {
	item Item
	card int // the one read, from 1; 0 none
	err  error
}

func lineItem(raw json.RawMessage, at string, last bool) (Item, error) {
	var m lineMessage
	if json.Unmarshal(raw, &m) != nil {
		return Item{}, lineDetail(at, "could not be read")
	}
	r := &lineReader{item: Item{Type: m.Type}}
	r.message(&m, at)
	if m.QuickReply != nil && last { // only those of the last message are shown
		r.need(len(m.QuickReply.Items) <= 13, at+".quickReply.items", "Size must be between 0 and 13")
		for i, it := range m.QuickReply.Items {
			r.action(it.Action, at+".quickReply.items["+strconv.Itoa(i)+"].action", 20, true)
		}
	}
	return r.item, r.err
}

func (r *lineReader) need(ok bool, property, message string) {
	if !ok && r.err == nil {
		r.err = lineDetail(property, message)
	}
}

func (r *lineReader) words(s, property string, required bool, most int) {
	r.need(s != "" || !required, property, "May not be empty")
	r.need(len(utf16.Encode([]rune(s))) <= most, property, "Length must be between 0 and "+strconv.Itoa(most))
}

func (r *lineReader) address(s, property string) {
	u, err := url.Parse(s)
	r.need(err == nil && u.Scheme == "https" && u.Host != "" && len(s) <= 2000, property, "invalid uri scheme")
}

func (r *lineReader) message(m *lineMessage, at string) {
	media := func() {
		r.address(m.OriginalContentURL, at+".originalContentUrl")
		r.item.Media = []Media{{Kind: m.Type, URL: m.OriginalContentURL, MIME: mimeOf(m.OriginalContentURL)}}
	}
	switch m.Type {
	case "text", "textV2":
		r.words(m.Text, at+".text", true, 5000)
		r.item.Text = m.Text
	case "image", "video":
		media()
		r.address(m.PreviewImageURL, at+".previewImageUrl")
	case "audio":
		media()
		r.need(m.Duration > 0, at+".duration", "must be greater than 0")
	case "sticker":
		r.need(m.PackageID != "" && m.StickerID != "", at+".stickerId", "May not be empty")
		r.item.Text = m.PackageID + "/" + m.StickerID
	case "location":
		r.words(m.Title, at+".title", true, 100)
		r.words(m.Address, at+".address", true, 100)
		r.need(m.Latitude != nil && m.Longitude != nil, at+".latitude", "May not be null")
		if r.err == nil {
			r.item.Text = Location{Latitude: *m.Latitude, Longitude: *m.Longitude, Title: m.Title, Address: m.Address}.text()
		}
	case "template":
		r.words(m.AltText, at+".altText", true, 1500)
		r.need(m.Template != nil, at+".template", "May not be null")
		if m.Template != nil {
			r.template(m.Template, at+".template")
		}
	case "flex":
		r.words(m.AltText, at+".altText", true, 1500)
		r.need(m.Contents != nil, at+".contents", "May not be null")
		if m.Contents != nil {
			r.flex(m.Contents, at+".contents")
		}
	default:
		r.need(false, at+".type", "Must be one of the following values: [text, image, video, audio, location, sticker, template, flex]")
	}
}

func (r *lineReader) template(t *lineTemplate, at string) {
	switch t.Type {
	case "buttons":
		r.column(t, at, 160, 4)
	case "confirm":
		r.words(t.Text, at+".text", true, 240)
		r.need(len(t.Actions) == 2, at+".actions", "Size must be 2")
		r.actions(t.Actions, at)
		r.item.Text = t.Text
	case "carousel":
		r.need(len(t.Columns) >= 1 && len(t.Columns) <= 10, at+".columns", "Size must be between 1 and 10")
		for i := range t.Columns {
			c, first := &t.Columns[i], &t.Columns[0]
			at := at + ".columns[" + strconv.Itoa(i) + "]"
			r.need(len(c.Actions) == len(first.Actions), at+".actions", "Number of actions must be the same in all columns")
			r.need((c.ThumbnailImageURL == "") == (first.ThumbnailImageURL == "") && (c.Title == "") == (first.Title == ""),
				at, "Columns must be alike")
			r.card = i + 1
			r.column(c, at, 120, 3)
		}
	default:
		r.need(false, at+".type", "Must be one of the following values: [buttons, confirm, carousel]")
	}
}

// column reads a buttons template or a column of a carousel.
func (r *lineReader) column(t *lineTemplate, at string, most, actions int) {
	if t.ThumbnailImageURL != "" {
		r.address(t.ThumbnailImageURL, at+".thumbnailImageUrl")
	}
	if t.ThumbnailImageURL != "" || t.Title != "" {
		most = 60
	}
	r.words(t.Title, at+".title", false, 40)
	r.words(t.Text, at+".text", true, most)
	r.need(len(t.Actions) >= 1 && len(t.Actions) <= actions, at+".actions", "Size must be between 1 and "+strconv.Itoa(actions))
	r.shows(t.Title, t.Text, t.ThumbnailImageURL)
	r.actions(t.Actions, at)
}

// shows adds what the phone shows to the item, or to the card that is read.
func (r *lineReader) shows(title, text, image string) {
	var media []Media
	if image != "" {
		media = []Media{{Kind: "image", URL: image, MIME: mimeOf(image)}}
	}
	if r.card == 0 {
		r.item.Text = lines(r.item.Text, title, text)
		r.item.Media = append(r.item.Media, media...)
		return
	}
	for len(r.item.Cards) < r.card {
		r.item.Cards = append(r.item.Cards, Card{Index: len(r.item.Cards) + 1})
	}
	c := &r.item.Cards[r.card-1]
	c.Title, c.Text, c.Media = lines(c.Title, title), lines(c.Text, text), append(c.Media, media...)
	r.item.Text = lines(r.item.Text, title, text)
}

func (r *lineReader) actions(actions []lineAction, at string) {
	for i := range actions {
		r.action(&actions[i], at+".actions["+strconv.Itoa(i)+"]", 20, false)
	}
}

// action reads a button; quick replies may also ask for the location.
func (r *lineReader) action(a *lineAction, at string, label int, quick bool) {
	r.need(a != nil, at, "May not be null")
	if a == nil {
		return
	}
	r.words(a.Label, at+".label", true, label)
	c := Choice{Index: len(r.item.Choices) + 1, Title: a.Label, Card: r.card}
	if quick {
		c.Card = 0
	}
	switch a.Type {
	case "postback":
		r.words(a.Data, at+".data", true, 300)
		r.words(a.DisplayText, at+".displayText", false, 300)
		c.Kind, c.Payload, c.Detail = "postback", a.Data, a.DisplayText
	case "message":
		r.words(a.Text, at+".text", true, 300)
		c.Kind, c.Payload = "keyboard", a.Text
	case "uri":
		u, err := url.Parse(a.URI)
		r.need(err == nil && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "line" || u.Scheme == "tel"),
			at+".uri", "invalid uri scheme")
		r.words(a.URI, at+".uri", true, 1000)
		c.Kind, c.URL = "url", a.URI
	case "location":
		r.need(quick, at+".type", "location is for quick replies")
		c.Kind = "location"
	default:
		r.need(false, at+".type", "Must be one of the following values: [postback, message, uri, location]")
	}
	r.item.Choices = append(r.item.Choices, c)
}

// flex reads a bubble or a carousel of them.
func (r *lineReader) flex(f *lineFlex, at string) {
	switch f.Type {
	case "bubble":
		r.need(f.Hero != nil || f.Body != nil || f.Footer != nil || f.Header != nil, at, "At least one block must be specified")
		for name, block := range map[string]*lineFlex{"header": f.Header, "hero": f.Hero, "body": f.Body, "footer": f.Footer} {
			r.need(block == nil || name == "hero" || block.Type == "box", at+"/"+name, "must be a box")
		}
		for _, block := range []*lineFlex{f.Header, f.Hero, f.Body, f.Footer} {
			if block != nil {
				r.component(block, at)
			}
		}
	case "carousel":
		r.need(len(f.Contents) >= 1 && len(f.Contents) <= 12, at+"/contents", "Size must be between 1 and 12")
		for i := range f.Contents {
			r.card = i + 1
			r.need(f.Contents[i].Type == "bubble", at+"/contents", "must be bubbles")
			r.flex(&f.Contents[i], at+"/contents/"+strconv.Itoa(i))
		}
	default:
		r.need(false, at+".type", "Must be one of the following values: [bubble, carousel]")
	}
}

func (r *lineReader) component(f *lineFlex, at string) {
	switch f.Type {
	case "box":
		r.need(f.Layout == "vertical" || f.Layout == "horizontal" || f.Layout == "baseline", at+"/layout", "May not be empty")
		for i := range f.Contents {
			r.component(&f.Contents[i], at+"/contents/"+strconv.Itoa(i))
		}
	case "text":
		r.need(f.Text != "" || len(f.Contents) > 0, at+"/text", "must be non-empty text")
		r.shows("", f.Text, "")
	case "image":
		r.address(f.URL, at+"/url")
		r.shows("", "", f.URL)
	case "button":
		r.action(f.Action, at+"/action", 40, false)
	case "separator":
	default:
		r.need(false, at+"/type", "unknown component type")
	}
}

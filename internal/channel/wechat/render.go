package wechat

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A payload is a call that sends, its body, and the files to upload first.
type payload struct {
	Path    string          `json:"path"`
	Body    json.RawMessage `json:"body"`
	Uploads []upload        `json:"uploads,omitempty"`
}

// A message is the body of a call that sends: a customer service message of a
// type, or a template message.
type message struct {
	To   string `json:"touser"`
	Type string `json:"msgtype,omitempty"`

	Text  *text  `json:"text,omitempty"`
	Image *media `json:"image,omitempty"`
	Voice *media `json:"voice,omitempty"`
	Video *media `json:"video,omitempty"`
	News  *news  `json:"news,omitempty"`
	Menu  *menu  `json:"msgmenu,omitempty"`

	TemplateID string           `json:"template_id,omitempty"`
	Data       map[string]value `json:"data,omitempty"`
}

type text struct {
	Content string `json:"content"`
}

type media struct {
	ID    string `json:"media_id"`
	Thumb string `json:"thumb_media_id,omitempty"` // of a video
}

type news struct {
	Articles []article `json:"articles"` // one: more are error 45008
}

type article struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	URL         string `json:"url"`
	Picture     string `json:"picurl,omitempty"`
}

type menu struct {
	Head string     `json:"head_content"`
	List []menuItem `json:"list"`
	Tail string     `json:"tail_content,omitempty"`
}

type menuItem struct {
	ID      string `json:"id"`
	Content string `json:"content"`
}

type value struct {
	Value string `json:"value"`
}

// setMedia puts the id of an uploaded file where its type belongs.
func (m *message) setMedia(uploaded, id string) {
	switch {
	case uploaded == typeThumb && m.Video != nil:
		m.Video.Thumb = id
	case uploaded == typeImage && m.Image != nil:
		m.Image.ID = id
	case uploaded == typeVoice && m.Voice != nil:
		m.Voice.ID = id
	case uploaded == typeVideo && m.Video != nil:
		m.Video.ID = id
	}
}

// Render returns the messages the contact will see, as few as will do.
func (*WeChat) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if specific, ok := o.Message.ChannelSpecific[parley.ChannelWeChat]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest,
			"WECHAT has no channel specific message "+strconv.Quote(specific.MessageType))
	}
	r := &renderer{to: o.To.Identity}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelWeChat]; ok {
		return r.explicit(raw)
	}
	if err := r.content(o.Message); err != nil {
		return nil, err
	}
	return r.out, r.err
}

// A renderer collects the payloads that say one message.
type renderer struct {
	to  string
	out []channel.Payload
	err error // the first, of a message that cannot be encoded
}

// add adds a message to be posted to path after the uploads.
func (r *renderer) add(path string, body any, uploads ...upload) {
	raw, err := channel.Encode(body)
	if err == nil {
		raw, err = channel.Encode(payload{Path: path, Body: raw, Uploads: uploads})
	}
	if err != nil {
		r.err = channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		return
	}
	r.out = append(r.out, channel.Payload{Body: raw})
}

// explicit completes a message the app wrote itself: a template message if it
// has a template_id, else a customer service message. The recipient is always
// the message's.
func (r *renderer) explicit(raw string) ([]channel.Payload, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &members) != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit WECHAT message is not a JSON object")
	}
	path := customSend
	var kind string
	if _, ok := members["template_id"]; ok {
		path = templateSend
	} else if json.Unmarshal(members["msgtype"], &kind) != nil || kind == "" {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit WECHAT message has neither msgtype nor template_id")
	}
	to, err := channel.Encode(r.to)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
	}
	members["touser"] = to
	r.add(path, members)
	return r.out, r.err
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text)
	case *parley.MediaMessage:
		r.media(v)
	case *parley.ChoiceMessage:
		words := ""
		if v.Text != nil {
			words = v.Text.Text
		}
		r.choices(words, v.Choices)
	case *parley.CardMessage:
		r.card(v)
	case *parley.CarouselMessage:
		r.carousel(v)
	case *parley.ListMessage:
		r.list(v)
	case *parley.LocationMessage:
		r.location(v)
	case *parley.ContactInfoMessage:
		r.text(transcode.Text(&parley.AppMessage{ContactInfo: v}, channel.Style{}))
	case *parley.TemplateMessage:
		return r.template(v)
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message has no body for WECHAT")
	}
	return nil
}

// text sends words, in as many messages as they need.
func (r *renderer) text(words string) {
	for _, piece := range transcode.Split(words, maxText, channel.Bytes) {
		r.add(customSend, message{To: r.to, Type: "text", Text: &text{piece}})
	}
}

// blocks sends lines of text, none of which is torn that fits a message.
func (r *renderer) blocks(lines ...string) {
	words := ""
	for _, line := range lines {
		more := transcode.Join("\n", words, line)
		if words != "" && len(more) > maxText {
			r.text(words)
			more = line
		}
		words = more
	}
	r.text(words)
}

// media uploads a file when it is sent. What WeChat does not take is sent as
// its address.
func (r *renderer) media(m *parley.MediaMessage) {
	msg := message{To: r.to, Type: mediaType(m)}
	uploads := []upload{{Type: msg.Type, URL: m.URL, Name: m.FilenameOverride}}
	switch msg.Type {
	case typeImage:
		msg.Image = &media{}
	case typeVoice:
		msg.Voice = &media{}
	case typeVideo:
		msg.Video = &media{}
		if m.ThumbnailURL != "" {
			uploads = append(uploads, upload{Type: typeThumb, URL: m.ThumbnailURL})
		}
	default:
		r.text(m.URL)
		return
	}
	r.add(customSend, msg, uploads...)
}

// article sends a title, words and a picture that open an address, if they fit
// one.
func (r *renderer) article(a article) bool {
	if a.Title == "" || a.URL == "" || len(a.Title) > maxTitle || len(a.Description) > maxDescription {
		return false
	}
	r.add(customSend, message{To: r.to, Type: "news", News: &news{[]article{a}}})
	return true
}

// location is an article that opens a map.
func (r *renderer) location(m *parley.LocationMessage) {
	if !r.article(article{Title: m.Title, Description: m.Label, URL: transcode.MapsURL(m.Coordinates)}) {
		r.text(transcode.Text(&parley.AppMessage{Location: m}, channel.Style{}))
	}
}

// template is one of the account's own templates.
func (r *renderer) template(m *parley.TemplateMessage) error {
	ref, ok := m.ChannelTemplate[parley.ChannelWeChat]
	if !ok {
		return channel.Refuse(parley.ReasonTemplateNotFound, "there is no template for WECHAT")
	}
	data := make(map[string]value, len(ref.Parameters))
	for name, v := range ref.Parameters {
		data[name] = value{v}
	}
	r.add(templateSend, message{To: r.to, TemplateID: ref.TemplateID, Data: data})
	return nil
}

// picture returns the address of media that an article can show, JPEG or PNG.
func picture(m *parley.MediaMessage) string {
	switch strings.ToLower(path.Ext(upload{URL: m.URL, Name: m.FilenameOverride}.filename())) {
	case ".jpg", ".jpeg", ".png":
		return m.URL
	}
	return ""
}

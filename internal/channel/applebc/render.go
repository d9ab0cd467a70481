package applebc

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The types of messages.
const (
	typeText        = "text"
	typeInteractive = "interactive"
	typeRichLink    = "richLink"
	typingStart     = "typing_start"
	typingEnd       = "typing_end"
	typeClose       = "close"
)

// placeholder stands in a text where an attachment is shown.
const placeholder = "\ufffc"

// A message is the body of a message without what Send adds: ids and files. A
// file has a source, the address it is at, until then.
type message struct {
	Type        string       `json:"type"`
	Body        string       `json:"body,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
	Interactive *interactive `json:"interactiveData,omitempty"`
	RichLink    *richLink    `json:"richLinkData,omitempty"`
}

type attachment struct {
	Name     string `json:"name"`
	MIMEType string `json:"mimeType,omitempty"`
	Source   string `json:"source,omitempty"`
	Data     string `json:"data,omitempty"` // base64, in the place of a source
}

type richLink struct {
	URL    string `json:"url"`
	Title  string `json:"title"`
	Assets assets `json:"assets"`
}

type assets struct {
	Image picture `json:"image"`
}

type picture struct {
	Identifier string `json:"identifier,omitempty"` // in a list picker
	Source     string `json:"source"`
}

// Render returns one payload for each message the contact will see.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if m, ok := o.Message.ChannelSpecific[parley.ChannelAppleBC]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest, "APPLEBC has no channel specific message "+strconv.Quote(m.MessageType))
	}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelAppleBC]; ok {
		return explicit(raw)
	}
	r := &renderer{messageID: o.MessageID}
	if err := r.content(o.Message); err != nil {
		return nil, err
	}
	all := make([]channel.Payload, len(r.out))
	for i, m := range r.out {
		body, err := channel.Encode(m)
		if err != nil {
			return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		}
		all[i].Body = body
	}
	return all, nil
}

// explicit is a message the app wrote itself; its ids are ours.
func explicit(raw string) ([]channel.Payload, error) {
	var m struct {
		Type string `json:"type"`
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &members) != nil || json.Unmarshal([]byte(raw), &m) != nil || m.Type == "" {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit APPLEBC message is not a JSON object with a type")
	}
	for _, name := range []string{"v", "id", "sourceId", "destinationId"} {
		delete(members, name)
	}
	body, err := channel.Encode(members)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit APPLEBC message cannot be encoded")
	}
	return []channel.Payload{{Body: body}}, nil
}

// A renderer collects the messages that say one.
type renderer struct {
	messageID string
	out       []*message
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text)
	case *parley.MediaMessage:
		r.media(v, "")
	case *parley.ChoiceMessage:
		words := ""
		if v.Text != nil {
			words = v.Text.Text
		}
		r.choices(words, "", v.Choices)
	case *parley.CardMessage:
		r.card(v, v.Choices)
	case *parley.CarouselMessage:
		r.carousel(v)
	case *parley.ListMessage:
		r.list(v)
	case *parley.LocationMessage:
		r.text(transcode.Text(m, style))
	case *parley.ContactInfoMessage:
		r.add(&message{Type: typeText, Body: placeholder, Attachments: []attachment{{
			Name: "contact.vcf", MIMEType: "text/vcard", Data: base64.StdEncoding.EncodeToString([]byte(channel.VCard(v))),
		}}})
	case *parley.TemplateMessage:
		return channel.Refuse(parley.ReasonTemplateNotFound, "APPLEBC has no templates of its own")
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message has no body for APPLEBC")
	}
	return nil
}

func (r *renderer) add(m *message) { r.out = append(r.out, m) }

// text sends words, in as many messages as they need; none if there are none.
func (r *renderer) text(words string) {
	if words == "" {
		return
	}
	for _, piece := range transcode.Split(words, maxText, channel.Characters) {
		r.add(&message{Type: typeText, Body: piece})
	}
}

// media sends a file with words below it.
func (r *renderer) media(m *parley.MediaMessage, words string) {
	out := &message{Type: typeText, Body: placeholder, Attachments: []attachment{{Name: fileName(m), Source: m.URL}}}
	r.add(out)
	if transcode.Length(words, channel.Characters) < maxText {
		out.Body += words
		return
	}
	r.text(words)
}

// fileName is what a file is called on the phone.
func fileName(m *parley.MediaMessage) string {
	if m.FilenameOverride != "" {
		return m.FilenameOverride
	}
	if u, err := url.Parse(m.URL); err == nil {
		if name := path.Base(u.Path); name != "." && name != "/" {
			return name
		}
	}
	return "file"
}

// isPicture reports whether an address ends as a picture's does.
func isPicture(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(path.Ext(u.Path)) {
	case ".jpg", ".jpeg", ".png":
		return true
	}
	return false
}

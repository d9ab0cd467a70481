package viber

import (
	"encoding/json"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

type sender struct {
	Name   string `json:"name"`
	Avatar string `json:"avatar,omitempty"`
}

// A message is the body of send_message, of any type.
type message struct {
	Receiver   string `json:"receiver"`
	MinVersion int    `json:"min_api_version,omitempty"`
	Sender     sender `json:"sender"`
	Type       string `json:"type"`

	Text      string    `json:"text,omitempty"`
	Media     string    `json:"media,omitempty"`
	Thumbnail string    `json:"thumbnail,omitempty"`
	FileName  string    `json:"file_name,omitempty"`
	Contact   *contact  `json:"contact,omitempty"`
	Location  *location `json:"location,omitempty"`
	AltText   string    `json:"alt_text,omitempty"`
	RichMedia *grid     `json:"rich_media,omitempty"`
	Keyboard  *grid     `json:"keyboard,omitempty"`
}

type contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone_number"`
}

type location struct {
	Lat string `json:"lat"`
	Lon string `json:"lon"`
}

// Render returns one payload for each message the contact will see.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if m, ok := o.Message.ChannelSpecific[parley.ChannelViber]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest, "VIBER has no channel specific message "+strconv.Quote(m.MessageType))
	}
	r := &renderer{to: o.To.Identity, from: senderOf(o)}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelViber]; ok {
		return r.explicit(raw)
	}
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

// A renderer collects the messages that say one.
type renderer struct {
	to   string
	from sender
	out  []*message
}

// explicit completes a message the app wrote itself. It goes to the recipient,
// whatever it says, and never holds a token.
func (r *renderer) explicit(raw string) ([]channel.Payload, error) {
	var members map[string]any
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit VIBER message is not a JSON object")
	}
	delete(members, "auth_token")
	members["receiver"] = r.to
	if members["sender"] == nil {
		members["sender"] = r.from
	}
	body, err := channel.Encode(members)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit VIBER message cannot be encoded")
	}
	return []channel.Payload{{Body: body}}, nil
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text, nil)
	case *parley.MediaMessage:
		r.media(v, "", nil)
	case *parley.ChoiceMessage:
		return r.choice(v)
	case *parley.CardMessage:
		return r.card(v, v.Choices)
	case *parley.CarouselMessage:
		return r.carousel(v)
	case *parley.ListMessage:
		return r.list(v)
	case *parley.LocationMessage:
		r.location(v)
	case *parley.ContactInfoMessage:
		r.contact(v)
	case *parley.TemplateMessage:
		return channel.Refuse(parley.ReasonTemplateNotFound, "VIBER has no templates of its own")
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message has no body for VIBER")
	}
	return nil
}

// add appends a message of the type and returns it to be filled in.
func (r *renderer) add(kind string) *message {
	m := &message{Receiver: r.to, Sender: r.from, Type: kind}
	r.out = append(r.out, m)
	return m
}

// noWords stands where Viber wants a text and the message has none.
const noWords = "…"

// text sends words, in as many messages as they need; the last has the
// keyboard.
func (r *renderer) text(words string, keys *grid) {
	if words == "" {
		words = noWords
	}
	for _, piece := range transcode.Split(words, maxText, channel.UTF16) {
		r.add("text").Text = piece
	}
	r.out[len(r.out)-1].attach(keys)
}

// attach puts a keyboard below a message. Older versions of the app lack some
// of its buttons.
func (m *message) attach(keys *grid) {
	if keys != nil {
		m.Keyboard, m.MinVersion = keys, keyboardVersion
	}
}

// media sends a file by its address, with words beside it or, where it has no
// room for them, in a text that follows. Viber tells files apart by the
// extension the address ends in; one without is sent as an address in a text.
func (r *renderer) media(m *parley.MediaMessage, words string, keys *grid) {
	name, ext := fileName(m)
	var out *message
	switch {
	case ext == "" || len(m.URL) > maxURL:
		r.text(transcode.Join("\n", words, m.URL), keys)
		return
	case isPicture(ext):
		out = r.add("picture")
	case ext == ".mp4":
		out = r.add("video")
	default:
		out = r.add("file")
		out.FileName = withExtension(name, ext)
	}
	out.Media = m.URL
	if out.Type != "file" {
		out.Thumbnail = m.ThumbnailURL
	}
	if words == "" {
		out.attach(keys)
		return
	}
	if out.Type != "picture" || transcode.Length(words, channel.UTF16) > maxCaption {
		r.text(words, keys)
		return
	}
	out.Text = words
	out.attach(keys)
}

// fileName returns the name of a file and the extension of its address, in
// lower case.
func fileName(m *parley.MediaMessage) (name, ext string) {
	u, err := url.Parse(m.URL)
	if err != nil {
		return "", ""
	}
	name = m.FilenameOverride
	if name == "" {
		name = path.Base(u.Path)
	}
	return name, strings.ToLower(path.Ext(u.Path))
}

// withExtension returns a file's name within the limit, and with the extension
// by which phones know how to open it.
func withExtension(name, ext string) string {
	stem := name
	if strings.EqualFold(path.Ext(name), ext) {
		stem = name[:len(name)-len(ext)]
	}
	return transcode.Truncate(stem, maxFileName-transcode.Length(ext, channel.UTF16), channel.UTF16) + ext
}

func isPicture(ext string) bool {
	return ext == ".jpg" || ext == ".jpeg" || ext == ".png" || ext == ".gif"
}

// location sends a point, its words ahead: Viber has no room for them.
func (r *renderer) location(m *parley.LocationMessage) {
	if words := transcode.Join("\n", m.Title, m.Label); words != "" {
		r.text(words, nil)
	}
	r.add("location").Location = &location{
		Lat: transcode.Coordinate(m.Coordinates.Latitude), Lon: transcode.Coordinate(m.Coordinates.Longitude),
	}
}

// contact sends a name and a number; all there is besides follows as a text.
func (r *renderer) contact(m *parley.ContactInfoMessage) {
	whole := transcode.Text(&parley.AppMessage{ContactInfo: m}, style)
	if len(m.PhoneNumbers) == 0 || len(m.PhoneNumbers[0].PhoneNumber) > maxPhone {
		r.text(whole, nil)
		return
	}
	name, phone := m.Name.FullName, m.PhoneNumbers[0].PhoneNumber
	r.add("contact").Contact = &contact{Name: transcode.Truncate(name, maxContactName, channel.UTF16), Phone: phone}
	if whole != transcode.Join("\n", name, phone) || transcode.Length(name, channel.UTF16) > maxContactName {
		r.text(whole, nil)
	}
}

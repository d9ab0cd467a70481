package kakaotalkchat

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The methods that send (developer-center.happytalk.io, KakaoWebhook). Files
// go by the older one, whose members for them are documented.
const (
	pathPlain = "/kakaoWebhook/v3/bzc/chat/send/plain"
	pathRich  = "/kakaoWebhook/v3/bzc/chat/send/rich"
	pathWrite = "/v1/chat/write"
)

// A payload is a request and, where there is one, the file it needs at Kakao.
type payload struct {
	Path   string  `json:"path"`
	Upload *upload `json:"upload,omitempty"`
	Body   any     `json:"body"`
}

// An upload is a file that Kakao has to have before a message can name it.
type upload struct {
	URL  string `json:"url"`
	Name string `json:"name"`
	Kind string `json:"kind"` // image, rich (of a message with buttons) or file
}

const (
	kindImage = "image"
	kindRich  = "rich"
	kindFile  = "file"
)

// A bubble is the body of a message; Send adds sender_key, serial_number and
// what became of the upload.
type bubble struct {
	UserKey     string      `json:"user_key"`
	BubbleType  string      `json:"chat_bubble_type,omitempty"`
	MessageType string      `json:"message_type,omitempty"` // of pathWrite
	Message     string      `json:"message,omitempty"`
	Attachment  *attachment `json:"attachment,omitempty"`
}

type attachment struct {
	Buttons []button `json:"buttons,omitempty"`
}

// A button opens an address (WL), an app (AL), or is said by the contact (BK).
type button struct {
	Name          string `json:"name"`
	Type          string `json:"type"`
	URLMobile     string `json:"url_mobile,omitempty"`
	URLPC         string `json:"url_pc,omitempty"`
	SchemeAndroid string `json:"scheme_android,omitempty"`
	SchemeIOS     string `json:"scheme_ios,omitempty"`
}

// Render returns one payload for each bubble.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if m, ok := o.Message.ChannelSpecific[parley.ChannelKakaoTalkChat]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest, "KAKAOTALKCHAT has no channel specific message "+strconv.Quote(m.MessageType))
	}
	r := &renderer{to: o.To.Identity}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelKakaoTalkChat]; ok {
		if err := r.explicit(raw); err != nil {
			return nil, err
		}
	} else if err := r.content(o.Message); err != nil {
		return nil, err
	}
	all := make([]channel.Payload, len(r.out))
	for i, p := range r.out {
		body, err := channel.Encode(p)
		if err != nil {
			return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		}
		all[i].Body = body
	}
	return all, nil
}

// A renderer collects the payloads that say one message.
type renderer struct {
	to  string
	out []payload
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text, nil)
	case *parley.MediaMessage:
		r.media(v)
	case *parley.ChoiceMessage:
		buttons, ok := buttonsOf(v.Choices)
		if !ok {
			r.text(transcode.Text(m, style()), nil)
			return nil
		}
		words := ""
		if v.Text != nil {
			words = v.Text.Text
		}
		r.text(words, buttons)
	case *parley.CardMessage:
		r.card(v)
	case *parley.CarouselMessage, *parley.ListMessage, *parley.LocationMessage, *parley.ContactInfoMessage,
		*parley.TemplateMessage, nil:
		return channel.Refuse(parley.ReasonUnsupportedOperation, "KAKAOTALKCHAT cannot show the message")
	}
	return nil
}

// noWords stands where there must be a text and the message has none.
const noWords = "…"

// text is words, in as many bubbles as they need; the last has the buttons.
func (r *renderer) text(words string, buttons []button) {
	if words == "" {
		words = noWords
	}
	pieces := transcode.Split(words, maxText, channel.Characters)
	for i, piece := range pieces {
		p := payload{Path: pathPlain, Body: &bubble{UserKey: r.to, BubbleType: "TEXT", Message: piece}}
		if i == len(pieces)-1 && len(buttons) > 0 {
			p.Path, p.Body = pathRich, &bubble{
				UserKey: r.to, BubbleType: "TEXT", Message: piece, Attachment: &attachment{Buttons: buttons},
			}
		}
		r.out = append(r.out, p)
	}
}

// media is a picture or a file.
func (r *renderer) media(m *parley.MediaMessage) {
	name := fileName(m)
	if isPicture(name) {
		r.out = append(r.out, payload{
			Path: pathPlain, Upload: &upload{URL: m.URL, Name: name, Kind: kindImage},
			Body: &bubble{UserKey: r.to, BubbleType: "IMAGE"},
		})
		return
	}
	r.out = append(r.out, payload{
		Path: pathWrite, Upload: &upload{URL: m.URL, Name: name, Kind: kindFile},
		Body: &bubble{UserKey: r.to, MessageType: "FI"},
	})
}

// card is a picture with words and buttons. Another file, and choices that do
// not fit buttons, have bubbles of their own.
func (r *renderer) card(m *parley.CardMessage) {
	words := *m
	words.Media = nil
	buttons, ok := buttonsOf(m.Choices)
	if ok {
		words.Choices = nil
	}
	text := transcode.Text(&parley.AppMessage{Card: &words}, style())
	if m.Media == nil {
		r.text(text, buttons)
		return
	}
	name := fileName(m.Media)
	if !isPicture(name) || text == "" || transcode.Length(text, channel.Characters) > maxText {
		r.media(m.Media)
		if text != "" || len(buttons) > 0 {
			r.text(text, buttons)
		}
		return
	}
	b := &bubble{UserKey: r.to, BubbleType: "IMAGE", Message: text}
	if len(buttons) > 0 {
		b.Attachment = &attachment{Buttons: buttons}
	}
	r.out = append(r.out, payload{Path: pathRich, Upload: &upload{URL: m.Media.URL, Name: name, Kind: kindRich}, Body: b})
}

// buttonsOf makes buttons of choices; false if they cannot all be buttons. A
// choice of words is told by its name, which must be whole and the only one of
// its kind.
func buttonsOf(choices []parley.Choice) ([]button, bool) {
	if len(choices) > maxButtons {
		return nil, false
	}
	var out []button
	for i := range choices {
		c := &choices[i]
		b := button{Name: transcode.Truncate(c.Title(), maxName, channel.Characters), Type: "WL"}
		switch v := c.Content().(type) {
		case *parley.TextMessage:
			taken := slices.ContainsFunc(out, func(o button) bool { return o.Name == b.Name })
			if b.Name != c.Title() || taken {
				return nil, false
			}
			b.Type = "BK"
		case *parley.URLMessage:
			b.URLMobile, b.URLPC = v.URL, v.URL
		case *parley.LocationMessage:
			b.URLMobile = transcode.MapsURL(v.Coordinates)
			b.URLPC = b.URLMobile
		case *parley.CallMessage:
			b.Type, b.SchemeAndroid = "AL", "tel:"+strings.ReplaceAll(v.PhoneNumber, " ", "")
			b.SchemeIOS = b.SchemeAndroid
		case *parley.CalendarMessage, *parley.ShareLocationMessage, nil:
			return nil, false
		}
		out = append(out, b)
	}
	return out, true
}

// explicit completes a message the app wrote itself, in the words of the send
// methods. It goes to the recipient, whatever it says.
func (r *renderer) explicit(raw string) error {
	var body map[string]any
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	if d.Decode(&body) != nil || body == nil {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit KAKAOTALKCHAT message is not a JSON object")
	}
	delete(body, "sender_key")
	body["user_key"] = r.to
	p := payload{Path: pathRich, Body: body}
	kind, _ := body["chat_bubble_type"].(string)
	_, hasOld := body["message_type"].(string)
	switch {
	case kind == "" && hasOld:
		p.Path = pathWrite
	case kind == "":
		return channel.Refuse(parley.ReasonBadRequest, "the explicit KAKAOTALKCHAT message has no chat_bubble_type")
	case kind == "VIDEO" || kind == "AUDIO" || kind == "FILE":
		p.Path = pathPlain
	}
	r.out = append(r.out, p)
	return nil
}

// fileName is what a file is called.
func fileName(m *parley.MediaMessage) string {
	name := m.FilenameOverride
	if u, err := url.Parse(m.URL); name == "" && err == nil {
		name = path.Base(u.Path)
	}
	if name == "" || name == "." || name == "/" {
		name = "file"
	}
	return name
}

func isPicture(name string) bool {
	return slices.Contains([]string{".jpg", ".jpeg", ".png", ".gif"}, strings.ToLower(path.Ext(name)))
}

package kakaotalk

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

// The calls a payload can be for, below the service's address.
const (
	callTemplate  = "alimtalk/v2.3/appkeys/%s/messages"
	callAuth      = "alimtalk/v2.3/appkeys/%s/auth/messages"
	callFreestyle = "brand-message/v1.0/appkeys/%s/freestyle-messages"
)

// The names of the calls in payloads.
var calls = map[string]string{"template": callTemplate, "authentication": callAuth, "freestyle": callFreestyle}

// Types of images (Brand Message, Upload image).
const (
	generalImage  = "IMAGE"
	carouselImage = "CAROUSEL_COMMERCE_IMAGE"
)

// A payload is a request without what belongs to the account or the attempt:
// the sender key and the grouping key are added when it is sent. ImageType
// says that each image of the body is uploaded then.
type payload struct {
	Call      string          `json:"call"`
	ImageType string          `json:"image_type,omitempty"`
	Body      json.RawMessage `json:"body"`
}

// A request is the body of a call. It has a template, or a bubble.
type request struct {
	Template string `json:"templateCode,omitempty"`

	Bubble     string    `json:"chatBubbleType,omitempty"`
	Push       *bool     `json:"pushAlarm,omitempty"`
	Adult      bool      `json:"adult,omitempty"`
	Content    string    `json:"content,omitempty"`
	Additional string    `json:"additionalContent,omitempty"`
	Image      *image    `json:"image,omitempty"`
	Commerce   *commerce `json:"commerce,omitempty"`
	Buttons    []button  `json:"buttons,omitempty"`
	Coupon     *coupon   `json:"coupon,omitempty"`
	Carousel   *carousel `json:"carousel,omitempty"`

	Recipients []recipient `json:"recipientList"`
}

type recipient struct {
	Number     string            `json:"recipientNo"`
	Parameters map[string]string `json:"templateParameter,omitempty"`
	Targeting  string            `json:"targeting,omitempty"`
	Resend     resend            `json:"resendParameter"`
}

// resend turns off NHN's own fallback to SMS: which channel is next is the
// app's to say.
type resend struct {
	Resend bool `json:"isResend"`
}

type image struct {
	URL  string `json:"imageUrl"`
	Link string `json:"imageLink,omitempty"`
}

type links struct {
	Mobile  string `json:"linkMo,omitempty"`
	PC      string `json:"linkPc,omitempty"`
	Android string `json:"schemeAndroid,omitempty"`
	IOS     string `json:"schemeIos,omitempty"`
}

type button struct {
	Name string `json:"name"`
	Type string `json:"type"`
	links
}

// Render returns the requests that say the message.
func (KakaoTalk) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	r, err := newRenderer(o)
	if err != nil {
		return nil, err
	}
	if specific, ok := o.Message.ChannelSpecific[parley.ChannelKakaoTalk]; ok {
		err = r.specific(specific)
	} else if raw, ok := o.Message.ExplicitChannel[parley.ChannelKakaoTalk]; ok {
		err = r.explicit(raw)
	} else {
		err = r.content(o.Message)
	}
	return r.out, err
}

// A renderer collects the payloads that say one message.
type renderer struct {
	to         recipient
	properties map[string]string
	out        []channel.Payload
}

func newRenderer(o *channel.Outgoing) (*renderer, error) {
	if o.Credential == nil { // a message is only looked at
		return &renderer{to: recipient{Number: local(o.To.Identity), Targeting: friends}, properties: o.Properties}, nil
	}
	a, err := readAccount(o.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return &renderer{to: recipient{Number: local(o.To.Identity), Targeting: a.Targeting}, properties: o.Properties}, nil
}

// local returns a Korean number as it is dialled at home, which is how NHN
// takes it; others as they are.
func local(identity string) string {
	number := strings.TrimPrefix(identity, "+")
	if rest, ok := strings.CutPrefix(number, "82"); ok && rest != "" {
		return "0" + strings.TrimPrefix(rest, "0")
	}
	return number
}

func (r *renderer) add(p payload, body any) error {
	raw, err := channel.Encode(body)
	if err == nil {
		p.Body = raw
		raw, err = channel.Encode(p)
	}
	if err != nil {
		return channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
	}
	r.out = append(r.out, channel.Payload{Body: raw})
	return nil
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		return r.text(v.Text)
	case *parley.MediaMessage:
		return r.shown(v, "", nil)
	case *parley.ChoiceMessage:
		words := ""
		if v.Text != nil {
			words = v.Text.Text
		}
		return r.shown(nil, words, v.Choices)
	case *parley.CardMessage:
		return r.shown(v.Media, transcode.Join("\n", v.Title, v.Description), v.Choices)
	case *parley.TemplateMessage:
		return r.template(v)
	case *parley.CarouselMessage, *parley.ListMessage, *parley.LocationMessage, *parley.ContactInfoMessage:
		return r.text(transcode.Text(m, channel.Style{}))
	case nil:
	}
	return channel.Refuse(parley.ReasonBadRequest, "the message has no body for KAKAOTALK")
}

// template is AlimTalk.
func (r *renderer) template(m *parley.TemplateMessage) error {
	ref, ok := m.ChannelTemplate[parley.ChannelKakaoTalk]
	if !ok {
		return channel.Refuse(parley.ReasonTemplateNotFound, "there is no template for KAKAOTALK")
	}
	p := payload{Call: "template"}
	if yes, err := strconv.ParseBool(strings.ToLower(r.properties["KAKAOTALK_AUTHENTICATION"])); err == nil && yes {
		p.Call = "authentication"
	}
	to := recipient{Number: r.to.Number, Parameters: ref.Parameters}
	return r.add(p, request{Template: ref.TemplateID, Recipients: []recipient{to}})
}

// noWords stands where NHN wants words and the message has none.
const noWords = "…"

func (r *renderer) text(words string) error {
	for _, piece := range transcode.Split(words, maxText, channel.Characters) {
		if err := r.bubble(request{Bubble: "TEXT", Content: piece}); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) bubble(q request) error {
	q.Recipients = []recipient{r.to}
	p := payload{Call: "freestyle"}
	switch {
	case q.Carousel != nil:
		p.ImageType = carouselImage
	case q.Image != nil:
		p.ImageType = generalImage
	}
	return r.add(p, q)
}

// shown sends words below a picture and above buttons, where there are. A file
// that is no picture is its address in the text; choices that do not fit a
// button are lines of text, all of them.
func (r *renderer) shown(media *parley.MediaMessage, words string, choices []parley.Choice) error {
	q := request{Bubble: "TEXT"}
	if media != nil && picture(media) {
		q.Bubble, q.Image = "IMAGE", &image{URL: media.URL}
	} else if media != nil {
		words = transcode.Join("\n", words, media.URL)
	}
	var ok bool
	if q.Buttons, ok = buttons(choices); !ok {
		lines := make([]string, len(choices))
		for i := range choices {
			lines[i] = transcode.ChoiceLine(&choices[i], channel.Style{})
		}
		words = transcode.Join("\n\n", words, strings.Join(lines, "\n"))
	}
	limit := maxText
	if q.Image != nil {
		limit = maxCaption
	}
	pieces := transcode.Split(words, limit, channel.Characters)
	if len(pieces) == 0 {
		pieces = []string{noWords}
	}
	// The picture is above the first words, the buttons below the last.
	for i, piece := range pieces {
		part := request{Bubble: q.Bubble, Image: q.Image, Content: piece}
		if i > 0 {
			part.Bubble, part.Image = "TEXT", nil
		}
		if i == len(pieces)-1 {
			part.Buttons = q.Buttons
		}
		if err := r.bubble(part); err != nil {
			return err
		}
	}
	return nil
}

// picture reports whether media is a file NHN takes (Upload Image
// Specifications), by the extension of its name or address.
func picture(m *parley.MediaMessage) bool {
	name := m.FilenameOverride
	if path.Ext(name) == "" {
		if u, err := url.Parse(m.URL); err == nil {
			name = u.Path
		}
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return true
	}
	return false
}

// buttons makes a button of each choice and reports whether all fit.
func buttons(choices []parley.Choice) ([]button, bool) {
	var out []button
	for i := range choices {
		c := &choices[i]
		b := button{Name: c.Title(), Type: "WL"}
		switch v := c.Content().(type) {
		case *parley.TextMessage:
			b.Type = "BK"
		case *parley.URLMessage:
			b.Mobile = v.URL
		case *parley.CallMessage:
			b.Type, b.Android, b.IOS = "AL", "tel://"+v.PhoneNumber, "tel://"+v.PhoneNumber
		case *parley.LocationMessage:
			b.Mobile = transcode.MapsURL(v.Coordinates)
		case *parley.CalendarMessage:
			b.Mobile = v.FallbackURL
		case *parley.ShareLocationMessage:
			b.Mobile = v.FallbackURL
		case nil:
		}
		web := strings.HasPrefix(b.Mobile, "https://") || strings.HasPrefix(b.Mobile, "http://")
		if b.Name == "" || transcode.Length(b.Name, channel.Characters) > maxName || b.Type == "WL" && !web || len(b.Mobile) > maxLink {
			return nil, false
		}
		b.PC = b.Mobile
		out = append(out, b)
	}
	return out, len(out) <= maxButtons
}

// explicit completes a request the app wrote itself: AlimTalk if it has a
// templateCode, a Brand Message if it has a chatBubbleType. The recipient is
// always the message's. Images are the app's to upload.
func (r *renderer) explicit(raw string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &members) != nil || members == nil {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit KAKAOTALK message is not a JSON object")
	}
	p := payload{Call: "freestyle"}
	if _, ok := members["templateCode"]; ok {
		p.Call = "template"
	} else if _, ok := members["chatBubbleType"]; !ok {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit KAKAOTALK message has neither templateCode nor chatBubbleType")
	}
	var given []recipient
	if list, ok := members["recipientList"]; ok && (json.Unmarshal(list, &given) != nil || len(given) > 1) {
		return channel.Refuse(parley.ReasonBadRequest, "the recipientList of the explicit KAKAOTALK message cannot be read")
	}
	to := r.to
	if p.Call == "template" {
		to.Targeting = ""
	}
	if len(given) == 1 {
		to.Parameters = given[0].Parameters
		if given[0].Targeting != "" {
			to.Targeting = given[0].Targeting
		}
	}
	list, err := channel.Encode([]recipient{to})
	if err != nil {
		return channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
	}
	members["recipientList"] = list
	return r.add(p, members)
}

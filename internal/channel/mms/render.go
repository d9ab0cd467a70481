package mms

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

// A slide is one MMS as it is kept until the provider has it.
type slide struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Subject string  `json:"subject,omitempty"`
	Text    string  `json:"text,omitempty"`
	Media   []media `json:"media,omitempty"`
	VCard   string  `json:"vcard,omitempty"`
	Strict  bool    `json:"strict,omitempty"` // refuse files that not all networks take
}

// media is a file of a slide, fetched when the slide is sent.
type media struct {
	URL      string `json:"url"`
	Filename string `json:"filename,omitempty"`
}

// The limits of subjects: carriers refuse what is not ASCII, Sinch what is
// longer (developers.sinch.com, MMS best practices).
const maxSubject = 80

// maxMedia bounds the files an explicit message may name.
const maxMedia = 10

// abilities is what a provider takes besides text and media.
type abilities struct {
	maxText        int // characters
	subject, vCard bool
}

// slidesOf says o in one MMS, or several where the text is too long for one.
func slidesOf(o *channel.Outgoing, does abilities) ([]slide, error) {
	base, err := addressed(o)
	if err != nil {
		return nil, err
	}
	if specific, ok := o.Message.ChannelSpecific[parley.ChannelMMS]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest,
			"MMS has no channel specific message "+strconv.Quote(specific.MessageType))
	}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelMMS]; ok {
		err = base.explicit(raw)
	} else {
		err = base.say(o.Message, does)
	}
	if err != nil {
		return nil, err
	}
	if !does.subject {
		base.Subject, base.Text = "", transcode.Join("\n", base.Subject, base.Text)
	}
	return base.split(does.maxText), nil
}

// addressed returns a slide that says nothing yet.
func addressed(o *channel.Outgoing) (*slide, error) {
	s := &slide{To: strings.TrimPrefix(o.To.Identity, "+"), From: o.Properties["MMS_SENDER"]}
	if s.To != placeholder && !isNumber(s.To) {
		return nil, channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "the recipient is not a phone number")
	}
	if s.From != "" && senderKind(s.From) == "" {
		return nil, channel.Refuse(parley.ReasonBadRequest,
			"MMS_SENDER must be a phone number, a short code or an e-mail address")
	}
	if s.From == "" && o.Credential != nil && o.Credential.MMS != nil {
		s.From = o.Credential.MMS.DefaultSender
		if s.From == "" {
			return nil, channel.Refuse(parley.ReasonBadRequest, "MMS needs a sender: MMS_SENDER, or default_sender of the credential")
		}
	}
	if v := o.Properties["MMS_STRICT_VALIDATION"]; v != "" {
		strict, err := strconv.ParseBool(strings.ToLower(v))
		if err != nil {
			return nil, channel.Refuse(parley.ReasonBadRequest, "MMS_STRICT_VALIDATION must be true or false")
		}
		s.Strict = strict
	}
	return s, nil
}

// placeholder stands for the recipient when there is none.
const placeholder = "{{to}}"

// say fills in what a message says.
func (s *slide) say(m *parley.AppMessage, does abilities) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		s.Text = v.Text
	case *parley.MediaMessage:
		s.attach(v)
	case *parley.CardMessage:
		s.card(v)
	case *parley.ContactInfoMessage:
		if does.vCard {
			s.VCard = channel.VCard(v)
		} else {
			s.Text = transcode.Text(m, style())
		}
	case *parley.CarouselMessage, *parley.ChoiceMessage, *parley.ListMessage, *parley.LocationMessage,
		*parley.TemplateMessage, nil:
		return channel.Refuse(parley.ReasonUnsupportedOperation, "MMS carries text, media, cards and contacts only")
	}
	return nil
}

func (s *slide) attach(m *parley.MediaMessage) {
	s.Media = append(s.Media, media{URL: m.URL, Filename: m.FilenameOverride})
}

// card puts the title into the subject where it may be one and something else
// is left to show, and all other words beside the media.
func (s *slide) card(m *parley.CardMessage) {
	title := m.Title
	if isSubject(title) && (m.Media != nil || m.Description != "" || len(m.Choices) > 0) {
		s.Subject, title = title, ""
	}
	if m.Media != nil {
		s.attach(m.Media)
	}
	words := []string{title, m.Description}
	for i := range m.Choices {
		words = append(words, transcode.ChoiceLine(&m.Choices[i], style()))
	}
	s.Text = transcode.Join("\n", words...)
}

// isSubject reports whether a title may be a subject: one line of printable
// ASCII.
func isSubject(title string) bool {
	if title == "" || len(title) > maxSubject {
		return false
	}
	return !strings.ContainsFunc(title, func(r rune) bool { return r < ' ' || r > '~' })
}

// explicit fills in an explicit message: the text itself or a JSON object with
// subject, text and media, a list of addresses.
func (s *slide) explicit(raw string) error {
	var given struct {
		Subject string   `json:"subject"`
		Text    string   `json:"text"`
		Media   []string `json:"media"`
	}
	if !strings.HasPrefix(strings.TrimSpace(raw), "{") {
		s.Text = raw
		return nil
	}
	if err := json.Unmarshal([]byte(raw), &given); err != nil {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit MMS message must be text, or an object with subject, text and media")
	}
	if given.Subject != "" && !isSubject(given.Subject) {
		return channel.Refuse(parley.ReasonBadRequest, "the subject of the explicit MMS message must be one line of at most 80 ASCII characters")
	}
	if len(given.Media) > maxMedia || given.Text == "" && len(given.Media) == 0 {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit MMS message needs text or 1 to 10 media")
	}
	for _, address := range given.Media {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return channel.Refuse(parley.ReasonBadRequest, "the media of the explicit MMS message must be URLs")
		}
		s.Media = append(s.Media, media{URL: address})
	}
	s.Subject, s.Text = given.Subject, given.Text
	return nil
}

// split returns s, and what of its text is too long for it as further slides.
func (s *slide) split(limit int) []slide {
	pieces := transcode.Split(s.Text, limit, channel.Characters)
	if len(pieces) < 2 {
		return []slide{*s}
	}
	out := make([]slide, len(pieces))
	for i, piece := range pieces {
		out[i] = slide{From: s.From, To: s.To, Text: piece}
	}
	first := *s
	first.Text = pieces[0]
	out[0] = first
	return out
}

// name is what the file is called on the phone: ASCII, because that is all
// headers of parts can carry everywhere.
func (m *media) name(fallback string) string {
	name := m.Filename
	if u, err := url.Parse(m.URL); name == "" && err == nil {
		name = path.Base(u.Path)
	}
	name = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, name)
	const most = 64
	if strings.Trim(name, ".") == "" || len(name) > most {
		return fallback
	}
	return name
}

func isNumber(s string) bool {
	const least, most = 3, 15 // E.164, and short codes
	return len(s) >= least && len(s) <= most && isDigits(s)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// senderKind is the MM7 element of an address, or "" if it is none.
func senderKind(s string) string {
	const maxShortCode = 8
	digits := strings.TrimPrefix(s, "+")
	switch {
	case isNumber(digits) && digits == s && len(s) <= maxShortCode:
		return "ShortCode"
	case isNumber(digits):
		return "Number"
	case strings.Count(s, "@") == 1 && !strings.ContainsAny(s, " \r\n<>&") && len(s) <= 254:
		return "RFC2822Address"
	}
	return ""
}

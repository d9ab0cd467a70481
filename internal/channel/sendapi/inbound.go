package sendapi

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A message is what a contact wrote, or an echo of what the account did.
type message struct {
	MID           string `json:"mid"`
	Text          string `json:"text"`
	IsEcho        bool   `json:"is_echo"`
	IsDeleted     bool   `json:"is_deleted"`
	IsUnsupported bool   `json:"is_unsupported"`
	Metadata      string `json:"metadata"` // of an echo: what the request carried
	QuickReply    *struct {
		Payload string `json:"payload"`
	} `json:"quick_reply"`
	ReplyTo struct {
		MID   string `json:"mid"`
		Story raw    `json:"story"`
	} `json:"reply_to"`
	Attachments []received `json:"attachments"`
	Referral    raw        `json:"referral"` // the advertisement or product that led here
}

// received is an attachment of a contact's message.
type received struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	Payload struct {
		URL         string `json:"url"`
		Title       string `json:"title"`
		StickerID   int64  `json:"sticker_id"`
		Coordinates *struct {
			Lat  float64 `json:"lat"`
			Long float64 `json:"long"`
		} `json:"coordinates"`
	} `json:"payload"`
}

// thumb reports whether a sticker is the thumbs-up, of which there are three
// sizes.
func thumb(sticker int64) bool {
	return sticker == 369239263222822 || sticker == 369239343222814 || sticker == 369239383222810
}

// message reads what a contact wrote. Each attachment is a message of its own;
// the text goes with the first.
func (r *reader) message(in channel.Inbound, h *happening, body raw) {
	m := h.Message
	in.ID, in.ReplyTo, in.Metadata = channel.ProviderID(m.MID), channel.ProviderID(m.ReplyTo.MID), m.news()
	switch {
	case m.IsDeleted:
		in.ID = "deleted:" + in.ID
		in.Unsupported = string(body)
		r.add(in)
	case m.IsUnsupported:
		in.Unsupported = string(body)
		r.add(in)
	case m.QuickReply != nil && cmp.Or(m.QuickReply.Payload, m.Text) != "":
		in.Message = tapped(cmp.Or(m.QuickReply.Payload, m.Text))
		r.add(in)
	case len(m.Attachments) > 0:
		r.attachments(in, m, body)
	case m.Text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text}}
		r.add(in)
	default:
		in.Unsupported = string(body)
		r.add(in)
	}
}

func (r *reader) attachments(in channel.Inbound, m *message, body raw) {
	text := m.Text
	for i := range m.Attachments {
		one := in
		if i > 0 && m.MID != "" {
			one.ID = channel.ProviderID(m.MID + ":" + strconv.Itoa(i))
		}
		one.Message = m.Attachments[i].content(text)
		m.Attachments[i].rehost(&one)
		switch {
		case one.Message == nil && text != "":
			// The preview of a link in the text, and the like.
			one.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: text}}
		case one.Message == nil && m.Attachments[i].Type == "fallback":
			why := parley.NewReason(parley.ReasonUnsupportedOperation, "the channel has no form of its own for what was shared")
			one.Message = &parley.ContactMessage{Fallback: &parley.FallbackMessage{RawMessage: string(body), Reason: &why}}
		case one.Message == nil:
			one.Unsupported = string(body)
		}
		text = ""
		r.add(one)
	}
}

// content returns what the attachment says with the text beside it, or nil
// when there is no form for it.
func (a *received) content(text string) *parley.ContactMessage {
	switch a.Type {
	case "image", "video", "audio", "file", "share", "story_mention", "reel", "ig_reel", "ig_post", "ig_story":
		if thumb(a.Payload.StickerID) {
			return &parley.ContactMessage{Text: &parley.TextMessage{Text: cmp.Or(text, "👍")}}
		}
		return media(a.Payload.URL, text)
	case "like_heart":
		return &parley.ContactMessage{Text: &parley.TextMessage{Text: cmp.Or(text, "❤️")}}
	case "location":
		if at := a.Payload.Coordinates; at != nil {
			return &parley.ContactMessage{Location: &parley.LocationMessage{
				Title: cmp.Or(a.Title, a.Payload.Title), Coordinates: parley.Coordinates{Latitude: at.Lat, Longitude: at.Long},
			}}
		}
	}
	return nil
}

// rehost has a file fetched and kept: Meta's address of it expires. The
// address of something shared leads to a page and stays.
func (a *received) rehost(in *channel.Inbound) {
	switch a.Type {
	case "image", "video", "audio", "file", "story_mention", "ig_story":
	default:
		return
	}
	switch m := in.Message; {
	case m == nil:
	case m.Media != nil:
		in.Media = &channel.MediaRef{Ref: m.Media.URL}
		m.Media.URL = ""
	case m.MediaCard != nil:
		in.Media = &channel.MediaRef{Ref: m.MediaCard.URL}
		m.MediaCard.URL = ""
	}
}

func media(address, text string) *parley.ContactMessage {
	switch {
	case !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://"):
		return nil
	case text != "":
		return &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{URL: address, Caption: text}}
	}
	return &parley.ContactMessage{Media: &parley.MediaMessage{URL: address}}
}

func tapped(data string) *parley.ContactMessage {
	return &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: data}}
}

// news returns what the channel tells about the message besides what it says,
// or "".
func (m *message) news() string {
	news := struct {
		Referral    raw      `json:"referral,omitempty"`
		Story       raw      `json:"story,omitempty"`       // that is answered
		Attachments []string `json:"attachments,omitempty"` // the kinds of those that are no plain files
	}{Referral: m.Referral, Story: m.ReplyTo.Story}
	for i := range m.Attachments {
		switch t := m.Attachments[i].Type; t {
		case "image", "video", "audio", "file", "location", "":
		default:
			news.Attachments = append(news.Attachments, t)
		}
	}
	encoded, err := channel.Encode(news)
	if err != nil || string(encoded) == "{}" {
		return ""
	}
	return string(encoded)
}

// postback reads a tapped button, or the button a conversation begins with. A
// link that led to it is in the referral.
func (r *reader) postback(in channel.Inbound, p *postback) {
	in.ID = cmp.Or(channel.ProviderID(p.MID), stamped(&in, "postback", p.Payload))
	if link := readReferral(p.Referral); link != nil && link.Source == shortlink {
		in.MessageEvent = &parley.ContactMessageEvent{ShortlinkActivated: &parley.ShortlinkActivatedEvent{
			Payload: p.Payload, Title: p.Title, Ref: link.Ref, Source: link.Source, Type: link.Type,
		}}
		r.add(in)
		return
	}
	in.Metadata = (&message{Referral: p.Referral}).news()
	if data := cmp.Or(p.Payload, p.Title); data != "" {
		in.Message = tapped(data)
		r.add(in)
		return
	}
	r.ignore("postback", "it says nothing")
}

// shortlink is the source of referrals from m.me and ig.me links.
const shortlink = "SHORTLINK"

type referral struct {
	Ref    string `json:"ref"`
	Source string `json:"source"`
	Type   string `json:"type"`
}

func readReferral(body raw) *referral {
	var ref referral
	if len(body) == 0 || json.Unmarshal(body, &ref) != nil {
		return nil
	}
	return &ref
}

// referral reads that a contact came back to a conversation by a link, which
// has an event, or by an advertisement, which has none.
func (r *reader) referral(in channel.Inbound, ref, body raw) {
	in.ID = stamped(&in, "referral", "")
	if link := readReferral(ref); link != nil && link.Source == shortlink {
		in.MessageEvent = &parley.ContactMessageEvent{ShortlinkActivated: &parley.ShortlinkActivatedEvent{
			Ref: link.Ref, Source: link.Source, Type: link.Type, ExistingThread: true,
		}}
	} else {
		in.Metadata = (&message{Referral: ref}).news()
		in.Unsupported = string(body)
	}
	r.add(in)
}

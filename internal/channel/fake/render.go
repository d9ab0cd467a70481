package fake

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A message is the body of POST /messages. Rendered payloads are kept until
// they are sent, so that they hold no secret and nothing that gets stale.
type message struct {
	To      string   `json:"to"`
	Text    string   `json:"text,omitempty"`
	Media   string   `json:"media,omitempty"`
	Buttons []button `json:"buttons,omitempty"`
	Quote   string   `json:"quote,omitempty"`
	Native  string   `json:"native,omitempty"` // an explicit message
}

type button struct {
	Title string `json:"title"`
	Data  string `json:"data"`
}

// Render says the message in the provider's words. The transcoder has brought
// it within capabilities, so that only what is Native there can come; the
// linter knows the rest of the kinds, and asks for them when a new one is
// added.
func (f *Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	m := message{To: o.To.Identity, Quote: string(o.ReplyTo)}
	if native, ok := o.Message.ExplicitChannel[f.name]; ok {
		m.Native = native
		return f.payload(m)
	}
	if _, ok := o.Message.ChannelSpecific[f.name]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the channel has no messages of its own")
	}
	switch v := o.Message.Content().(type) {
	case *parley.TextMessage:
		m.Text = v.Text
	case *parley.MediaMessage:
		m.Media = v.URL
	case *parley.ChoiceMessage:
		if v.Text != nil {
			m.Text = v.Text.Text
		}
		for i := range v.Choices {
			// The postback data is a token of ours (channel.Token); it is
			// passed on as it is and comes back in Receive.
			m.Buttons = append(m.Buttons, button{Title: v.Choices[i].Title(), Data: v.Choices[i].PostbackData})
		}
	case *parley.CardMessage, *parley.CarouselMessage, *parley.ListMessage, *parley.LocationMessage,
		*parley.ContactInfoMessage, *parley.TemplateMessage, nil:
		return nil, channel.Refuse(parley.ReasonUnsupportedOperation, "the channel cannot show this message")
	}
	return f.payload(m)
}

func (f *Channel) payload(m message) ([]channel.Payload, error) {
	body, err := parley.Marshal(m)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
	}
	return []channel.Payload{{Body: body, Once: f.Once}}, nil
}

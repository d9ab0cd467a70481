package sendapi

import (
	"encoding/json"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// Render returns the requests that say o.Message.
func (d *Dialect) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	frame, err := d.Frame(o.Properties)
	if err != nil {
		return nil, err
	}
	r := renderer{d: d, o: o, frame: frame}
	if native, ok := o.Message.ExplicitChannel[d.Channel]; ok {
		return r.explicit(native)
	}
	if len(o.Message.ChannelSpecific) > 0 {
		return nil, channel.Refuse(parley.ReasonBadRequest, string(d.Channel)+" has no channel specific messages")
	}
	if err := r.message(o.Message); err != nil {
		return nil, err
	}
	payloads := make([]channel.Payload, len(r.out))
	for i := range r.out {
		body, err := channel.Encode(r.request(i, &r.out[i]))
		if err != nil {
			return nil, err
		}
		payloads[i] = channel.Payload{Body: body}
	}
	return payloads, nil
}

// A renderer collects the messages one message becomes.
type renderer struct {
	d     *Dialect
	o     *channel.Outgoing
	frame Frame
	out   []Message
}

func (r *renderer) add(m Message) { r.out = append(r.out, m) }

// request returns the i-th request. The first quotes the message answered.
func (r *renderer) request(i int, m *Message) *Request {
	req := &Request{Recipient: recipient{ID: r.o.To.Identity}, Frame: r.frame, Message: m}
	if i == 0 && r.o.ReplyTo != "" {
		req.ReplyTo = &replyTo{MID: string(r.o.ReplyTo)}
	}
	return req
}

func (r *renderer) message(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text)
	case *parley.MediaMessage:
		r.media(v)
	case *parley.CardMessage:
		r.card(v)
	case *parley.CarouselMessage:
		r.carousel(v)
	case *parley.ChoiceMessage:
		text := ""
		if v.Text != nil {
			text = v.Text.Text
		}
		r.choice(text, v.Choices)
	case *parley.ListMessage:
		r.list(v)
	case *parley.LocationMessage, *parley.ContactInfoMessage:
		r.text(transcode.Text(m, Style()))
	case *parley.TemplateMessage, nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message says nothing for "+string(r.d.Channel))
	}
	return nil
}

// text says text in as many messages as it takes.
func (r *renderer) text(text string) {
	for _, piece := range transcode.Split(text, r.d.MaxText, r.d.Unit) {
		r.add(Message{Text: piece})
	}
}

// media shows a file, or a link to one the channel does not take.
func (r *renderer) media(m *parley.MediaMessage) {
	kind := r.d.Kind(m)
	if kind == "" {
		r.text(m.URL)
		return
	}
	r.add(Message{Attachment: &attachment{Type: kind, Payload: payload{URL: m.URL}}})
}

// list writes a list as text, with a quick reply for each of its items where
// all can have one.
func (r *renderer) list(m *parley.ListMessage) {
	var replies []quickReply
	for _, section := range m.Sections {
		for _, item := range section.Items {
			if item.Choice == nil {
				r.text(transcode.Text(&parley.AppMessage{List: m}, Style()))
				return
			}
			replies = append(replies, r.quickReply(len(replies), item.Choice.Title, item.Choice.PostbackData))
		}
	}
	r.text(transcode.Text(&parley.AppMessage{List: m}, Style()))
	if len(r.out) > 0 && len(replies) <= MaxQuickReplies {
		r.out[len(r.out)-1].QuickReplies = replies
	}
}

// explicit passes an app's own request on. Whom it goes to is not the app's to
// say here: the message belongs to its conversation.
func (r *renderer) explicit(native string) ([]channel.Payload, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(native), &members); err != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "explicit_channel_message."+string(r.d.Channel)+" must be a JSON object")
	}
	envelope, err := channel.Encode(r.request(0, nil))
	if err != nil {
		return nil, err
	}
	var ours map[string]json.RawMessage
	if err := json.Unmarshal(envelope, &ours); err != nil {
		return nil, channel.AsError(err)
	}
	delete(members, "recipient")
	for name, value := range ours {
		if _, own := members[name]; !own {
			members[name] = value
		}
	}
	body, err := channel.Encode(members)
	if err != nil {
		return nil, err
	}
	return []channel.Payload{{Body: body}}, nil
}

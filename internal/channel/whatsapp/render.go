package whatsapp

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// Render returns the requests that say o.Message.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if native, ok := o.Message.ExplicitChannel[parley.ChannelWhatsApp]; ok {
		if _, specific := o.Message.ChannelSpecific[parley.ChannelWhatsApp]; !specific {
			return renderExplicit(o, native)
		}
	}
	r := renderer{o: o}
	if err := r.message(o.Message); err != nil {
		return nil, err
	}
	payloads := make([]channel.Payload, len(r.out))
	for i := range r.out {
		body, err := channel.Encode(r.complete(i))
		if err != nil {
			return nil, err
		}
		payloads[i] = channel.Payload{Body: body}
	}
	return payloads, nil
}

// A renderer collects the requests one message becomes.
type renderer struct {
	o   *channel.Outgoing
	out []message
}

func (r *renderer) add(m message) { r.out = append(r.out, m) }

// complete returns the i-th request with what all of them have. The first
// quotes the message that is answered.
func (r *renderer) complete(i int) *message {
	m := &r.out[i]
	m.MessagingProduct, m.RecipientType = "whatsapp", "individual"
	if isUserID(r.o.To.Identity) {
		m.Recipient = r.o.To.Identity
	} else {
		m.To = r.o.To.Identity
	}
	if i == 0 && r.o.ReplyTo != "" {
		m.Context = &replyContext{MessageID: string(r.o.ReplyTo)}
	}
	return m
}

// userID is the form of a business-scoped user id, such as US.1234: what
// there is instead of a phone number for users who hide theirs.
var userID = regexp.MustCompile(`^[A-Z]{2}\.[A-Za-z0-9.]+$`)

func isUserID(identity string) bool { return userID.MatchString(identity) }

func (r *renderer) message(m *parley.AppMessage) error {
	if specific, ok := m.ChannelSpecific[parley.ChannelWhatsApp]; ok {
		return r.specific(specific)
	}
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text)
	case *parley.MediaMessage:
		r.media(v, "")
	case *parley.CardMessage:
		r.card(v)
	case *parley.CarouselMessage:
		r.text(transcode.Text(m, style))
	case *parley.ChoiceMessage:
		r.choice(v)
	case *parley.LocationMessage:
		r.location(v)
	case *parley.TemplateMessage:
		return r.template(v)
	case *parley.ListMessage:
		r.list(v)
	case *parley.ContactInfoMessage:
		r.contact(v)
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message says nothing for WHATSAPP")
	}
	return nil
}

// text says text in as many messages as it takes. WhatsApp shows a preview of
// the first URL in it, when asked.
func (r *renderer) text(text string) {
	for _, piece := range transcode.Split(text, maxText, channel.Characters) {
		preview := strings.Contains(piece, "https://") || strings.Contains(piece, "http://")
		r.add(message{Type: "text", Text: &textBody{Body: piece, PreviewURL: preview}})
	}
}

func (r *renderer) location(m *parley.LocationMessage) {
	r.add(message{Type: "location", Location: &location{
		Longitude: transcode.Coordinate(m.Coordinates.Longitude),
		Latitude:  transcode.Coordinate(m.Coordinates.Latitude),
		Name:      m.Title,
		Address:   m.Label,
	}})
}

// renderExplicit passes an app's own request on. Whom it goes to is not the
// app's to say here: the message belongs to its conversation.
func renderExplicit(o *channel.Outgoing, native string) ([]channel.Payload, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(native), &members); err != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "explicit_channel_message.WHATSAPP must be a JSON object")
	}
	r := renderer{o: o, out: []message{{}}}
	envelope, err := channel.Encode(r.complete(0))
	if err != nil {
		return nil, err
	}
	var ours map[string]json.RawMessage
	if err := json.Unmarshal(envelope, &ours); err != nil {
		return nil, channel.AsError(err)
	}
	delete(members, "to")
	delete(members, "recipient")
	delete(ours, "type")
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

// Package transcode turns any message into messages that a channel can show:
// what the channel has is passed on, what it has not is written out as text,
// and what is too long is split. It is pure and knows channels only by their
// Capabilities.
//
// Nothing is dropped in silence: words and links end up in some message or the
// whole message is refused. The exceptions are what the API itself documents
// as shown only where a channel supports it: the agent, a location's label,
// thumbnails and file names, and the members of message_properties.
//
// The order of a send is Select, channel.Tagged, Message, Render: choices are
// numbered in the message as it was sent, so that they must be tagged before a
// carousel is taken apart.
package transcode

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Select returns what m says on ch: the channel-specific message, else the
// explicit one, else the explicit omni one, else the body, in which the
// channel's own template wins over the omni template. Whatever is meant for
// other channels is left out; agent and reply_to stay. m is not changed but
// shares its parts with the result.
func Select(m *parley.AppMessage, ch parley.Channel) *parley.AppMessage {
	out := new(parley.AppMessage)
	if specific, ok := m.ChannelSpecific[ch]; ok {
		out.ChannelSpecific = map[parley.Channel]parley.ChannelSpecificMessage{ch: specific}
	} else if native, ok := m.ExplicitChannel[ch]; ok {
		out.ExplicitChannel = map[parley.Channel]string{ch: native}
	} else if omni := m.ExplicitChannelOmni[ch]; omni != nil {
		out = omni.AppMessage()
	} else {
		*out = *m
		out.ExplicitChannel, out.ExplicitChannelOmni, out.ChannelSpecific = nil, nil, nil
	}
	if t := out.Template; t != nil {
		out.Template = selectTemplate(t, ch)
	}
	out.Agent, out.ReplyTo = m.Agent, m.ReplyTo
	return out
}

func selectTemplate(t *parley.TemplateMessage, ch parley.Channel) *parley.TemplateMessage {
	if ref, ok := t.ChannelTemplate[ch]; ok {
		return &parley.TemplateMessage{ChannelTemplate: map[parley.Channel]parley.TemplateReference{ch: ref}}
	}
	return &parley.TemplateMessage{OmniTemplate: t.OmniTemplate}
}

// Message returns the messages that say m, which comes from Select, within
// caps, in sending order. Each carries m's agent, the first alone its
// reply_to. The error is a *channel.Error that refuses the message:
// UNSUPPORTED_OPERATION for a kind the channel rejects, TEMPLATE_NOT_FOUND for
// a template nobody resolved, BAD_REQUEST for a message without anything to
// say.
func Message(m *parley.AppMessage, caps channel.Capabilities) ([]*parley.AppMessage, error) {
	if len(m.ExplicitChannel) > 0 || len(m.ChannelSpecific) > 0 {
		return []*parley.AppMessage{m}, nil
	}
	t := transcoder{Capabilities: caps}
	if err := t.content(m.Content()); err != nil {
		return nil, err
	}
	for i, part := range t.out {
		part.Agent = m.Agent
		if i == 0 {
			part.ReplyTo = m.ReplyTo
		}
	}
	return t.out, nil
}

// A transcoder collects the messages one message becomes.
type transcoder struct {
	channel.Capabilities
	out []*parley.AppMessage
}

func (t *transcoder) add(m parley.AppMessage) { t.out = append(t.out, &m) }

// text adds text as one or several text messages; none when it is empty.
func (t *transcoder) text(text string) {
	for _, piece := range Split(text, t.MaxText, t.Unit) {
		t.add(parley.AppMessage{Text: &parley.TextMessage{Text: piece}})
	}
}

func (t *transcoder) content(c parley.Content) error {
	support, name := t.support(c)
	if c != nil && support == channel.Rejected {
		return channel.Refuse(parley.ReasonUnsupportedOperation, "the channel does not support "+name)
	}
	native := support == channel.Native
	switch v := c.(type) {
	case *parley.TextMessage:
		t.text(v.Text)
	case *parley.MediaMessage:
		t.media(v, native)
	case *parley.CardMessage:
		t.card(v)
	case *parley.CarouselMessage:
		t.carousel(v)
	case *parley.ChoiceMessage:
		t.choice(v)
	case *parley.ListMessage:
		t.list(v, native)
	case *parley.LocationMessage:
		if native {
			t.add(parley.AppMessage{Location: v})
		} else {
			t.text(location(v))
		}
	case *parley.ContactInfoMessage:
		if native {
			t.add(parley.AppMessage{ContactInfo: v})
		} else {
			t.text(contactInfo(v))
		}
	case *parley.TemplateMessage:
		// Omni templates are resolved before; what is left needs the channel's own.
		if !native || len(v.ChannelTemplate) == 0 {
			return channel.Refuse(parley.ReasonTemplateNotFound, "there is no template for the channel")
		}
		t.add(parley.AppMessage{Template: v})
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message says nothing for the channel")
	}
	return nil
}

// support returns how well the channel shows the kind of c, and the kind's
// wire name.
func (t *transcoder) support(c parley.Content) (channel.Support, string) {
	switch c.(type) {
	case *parley.TextMessage:
		return t.Text, "text_message"
	case *parley.MediaMessage:
		return t.Media, "media_message"
	case *parley.CardMessage:
		return t.Card, "card_message"
	case *parley.CarouselMessage:
		return t.Carousel, "carousel_message"
	case *parley.ChoiceMessage:
		return t.Choice, "choice_message"
	case *parley.ListMessage:
		return t.List, "list_message"
	case *parley.LocationMessage:
		return t.Location, "location_message"
	case *parley.ContactInfoMessage:
		return t.ContactInfo, "contact_info_message"
	case *parley.TemplateMessage:
		// A template that cannot be shown is not found rather than unsupported.
		return max(t.Template, channel.Degraded), "template_message"
	case nil:
		return channel.Rejected, ""
	}
	return channel.Rejected, ""
}

func (t *transcoder) media(m *parley.MediaMessage, native bool) {
	if native {
		t.add(parley.AppMessage{Media: m})
		return
	}
	t.text(m.URL)
}

func (t *transcoder) list(m *parley.ListMessage, native bool) {
	items := 0
	for _, s := range m.Sections {
		items += len(s.Items)
	}
	if native && within(items, t.MaxItems) {
		t.add(parley.AppMessage{List: m})
		return
	}
	t.text(list(m, t.Style))
}

// within reports whether n keeps to a limit of Capabilities.
func within(n, limit int) bool { return limit == 0 || n <= limit }

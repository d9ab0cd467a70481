package rcs

import (
	"encoding/json"
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// Render returns the messages that say o.Message.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if specific, ok := o.Message.ChannelSpecific[parley.ChannelRCS]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest, "RCS has no message_type "+specific.MessageType)
	}
	if native, ok := o.Message.ExplicitChannel[parley.ChannelRCS]; ok {
		return explicit(native)
	}
	dialect := dialectOf(o.Credential)
	r := renderer{o: o, limits: dialect.limits}
	if err := r.message(o.Message); err != nil {
		return nil, err
	}
	payloads := make([]channel.Payload, len(r.out))
	for i := range r.out {
		body, err := channel.Encode(dialect.word(&r.out[i]))
		if err != nil {
			return nil, err
		}
		payloads[i] = channel.Payload{Body: body}
	}
	return payloads, nil
}

// A dialect is how a provider wants messages.
type dialect struct {
	limits limits
	word   func(*content) any
}

// dialectOf returns the dialect of a credential's provider. A message may be
// rendered without one, only to be looked at.
func dialectOf(c *parley.ChannelCredential) dialect {
	if channel.Provider(c, providerGoogle) == providerSinch {
		return dialect{sinchLimits(), func(c *content) any { return sinchMessageOf(c) }}
	}
	return dialect{googleLimits(), func(c *content) any { return agentMessage{Content: *c} }}
}

// limits are what the providers do not have in common.
type limits struct {
	text       int // in unit
	unit       channel.Unit
	postback   int            // bytes
	eventTitle int            // characters; of an appointment
	eventText  int            // characters
	number     *regexp.Regexp // of phones that can be called; nil: any
}

// explicit passes an app's own message on.
func explicit(native string) ([]channel.Payload, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(native), &members); err != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "explicit_channel_message.RCS must be a JSON object")
	}
	return []channel.Payload{{Body: json.RawMessage(native)}}, nil
}

// A renderer collects the messages one message becomes.
type renderer struct {
	o      *channel.Outgoing
	limits limits
	out    []content
}

func (r *renderer) add(c content) { r.out = append(r.out, c) }

func (r *renderer) message(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text, nil)
	case *parley.MediaMessage:
		r.media(v)
	case *parley.CardMessage:
		r.card(v)
	case *parley.CarouselMessage:
		r.carousel(v)
	case *parley.ChoiceMessage:
		r.choice(v)
	case *parley.LocationMessage:
		r.location(v)
	case *parley.ListMessage:
		r.list(v)
	case *parley.TemplateMessage, *parley.ContactInfoMessage, nil: // are text by now
		return channel.Refuse(parley.ReasonBadRequest, "the message says nothing for RCS")
	}
	return nil
}

// text says text in as many messages as it takes, chips below the last.
func (r *renderer) text(text string, chips []suggestion) {
	pieces := transcode.Split(text, r.limits.text, r.limits.unit)
	for i, piece := range pieces {
		c := content{Text: piece}
		if i == len(pieces)-1 {
			c.Suggestions = chips
		}
		r.add(c)
	}
}

// choice shows text with the choices as chips below it, which go away with the
// next message, or as buttons on a card, which stay, where a choice is to be
// persistent.
func (r *renderer) choice(m *parley.ChoiceMessage) {
	chips, ok := r.suggestions(m.Choices)
	if !ok {
		r.text(transcode.Text(&parley.AppMessage{Choice: m}, channel.Style{}), nil)
		return
	}
	text := ""
	if m.Text != nil {
		text = m.Text.Text
	}
	if text == "" {
		text = m.Choices[0].Title() // a message must say something above its chips
	}
	if !persistent(m.Choices) || len(chips) > maxCardChips || len(text) > maxDescription {
		r.text(text, chips)
		return
	}
	r.add(content{Card: &richCard{Standalone: &standaloneCard{
		Orientation: vertical, Content: card{Description: text, Suggestions: chips},
	}}})
}

func persistent(choices []parley.Choice) bool {
	for i := range choices {
		if choices[i].DisplayMode == "PERSISTENT" {
			return true
		}
	}
	return false
}

// location says the place and offers to show it on a map.
func (r *renderer) location(m *parley.LocationMessage) {
	r.text(transcode.Join("\n", m.Title, m.Label), []suggestion{{Action: &suggestedAction{
		Text:         cut(m.Title, maxLabel),
		Postback:     r.postback(m.Title, "", 0),
		FallbackURL:  transcode.MapsURL(m.Coordinates),
		ViewLocation: place(m),
	}}})
}

// list writes a list out, with a chip for each item where all are choices.
func (r *renderer) list(m *parley.ListMessage) {
	if m.Media != nil {
		r.media(m.Media)
	}
	rest := *m
	rest.Media = nil
	var chips []suggestion
	for _, section := range m.Sections {
		for _, item := range section.Items {
			if item.Choice == nil {
				r.text(transcode.Text(&parley.AppMessage{List: &rest}, channel.Style{}), nil)
				return
			}
			chips = append(chips, suggestion{Reply: &suggestedReply{
				Text:     cut(item.Choice.Title, maxLabel),
				Postback: r.postback(item.Choice.Title, item.Choice.PostbackData, len(chips)),
			}})
		}
	}
	r.text(transcode.Text(&parley.AppMessage{List: &rest}, channel.Style{}), chips)
}

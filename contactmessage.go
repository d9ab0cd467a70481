package parley

import "encoding/json"

// A ContactMessage is a message from a contact to an app. Exactly one of its
// bodies is set; Content returns it.
type ContactMessage struct {
	Text            *TextMessage                   `json:"text_message,omitempty"`
	Media           *MediaMessage                  `json:"media_message,omitempty"`
	Location        *LocationMessage               `json:"location_message,omitempty"`
	ChoiceResponse  *ChoiceResponseMessage         `json:"choice_response_message,omitempty"`
	MediaCard       *MediaCardMessage              `json:"media_card_message,omitempty"`
	Fallback        *FallbackMessage               `json:"fallback_message,omitempty"`
	ProductResponse *ProductResponseMessage        `json:"product_response_message,omitempty"`
	ChannelSpecific *ContactChannelSpecificMessage `json:"channel_specific_message,omitempty"`

	// ReplyTo is null when the message answers none in particular.
	ReplyTo *ReplyTo `json:"reply_to"`

	wire verbatim[ContactMessage]
}

// UnmarshalJSON decodes a message and remembers how it was said, with the
// reply_to that every contact message is shown with.
func (m *ContactMessage) UnmarshalJSON(text []byte) error {
	type plain ContactMessage
	*m = ContactMessage{}
	wire, err := decodeVerbatim(m, (*plain)(m), text)
	if err != nil {
		return err
	}
	if s := (scanner{in: wire.text}); m.ReplyTo == nil && wire.text != nil && s.member("reply_to") == nil {
		start := wire.text[:len(wire.text)-1]
		if len(start) > 1 {
			start = append(start, ',')
		}
		wire.text = append(start, `"reply_to":null}`...)
	}
	m.wire = wire
	return nil
}

// MarshalJSON encodes a message: as it was sent if it was decoded, else from
// its fields.
func (m *ContactMessage) MarshalJSON() ([]byte, error) {
	type plain ContactMessage
	return encodeVerbatim(m, m.wire, (*plain)(m))
}

// ContactContent is the one body a ContactMessage carries.
//
//sumtype:decl
type ContactContent interface{ isContactContent() }

func (*TextMessage) isContactContent()                   {}
func (*MediaMessage) isContactContent()                  {}
func (*LocationMessage) isContactContent()               {}
func (*ChoiceResponseMessage) isContactContent()         {}
func (*MediaCardMessage) isContactContent()              {}
func (*FallbackMessage) isContactContent()               {}
func (*ProductResponseMessage) isContactContent()        {}
func (*ContactChannelSpecificMessage) isContactContent() {}

// Content returns the body that is set, or nil when there is none.
func (m *ContactMessage) Content() ContactContent {
	switch {
	case m.Text != nil:
		return m.Text
	case m.Media != nil:
		return m.Media
	case m.Location != nil:
		return m.Location
	case m.ChoiceResponse != nil:
		return m.ChoiceResponse
	case m.MediaCard != nil:
		return m.MediaCard
	case m.Fallback != nil:
		return m.Fallback
	case m.ProductResponse != nil:
		return m.ProductResponse
	case m.ChannelSpecific != nil:
		return m.ChannelSpecific
	}
	return nil
}

// A ChoiceResponseMessage is a tapped choice: which message held it and what
// the choice stands for.
type ChoiceResponseMessage struct {
	MessageID    string `json:"message_id"`
	PostbackData string `json:"postback_data"`
}

// A MediaCardMessage is media with a caption.
type MediaCardMessage struct {
	URL     string `json:"url"`
	Caption string `json:"caption"`
}

// A FallbackMessage is something the channel brought that has no mapping; the
// provider's own bytes are in RawMessage.
type FallbackMessage struct {
	RawMessage string  `json:"raw_message"`
	Reason     *Reason `json:"reason,omitempty"`
}

// A ProductResponseMessage is an order put together by the contact.
type ProductResponseMessage struct {
	Products  []ListProduct `json:"products"`
	Title     string        `json:"title,omitempty"`
	Text      string        `json:"text,omitempty"` // what the Node SDK calls the title
	CatalogID string        `json:"catalog_id,omitempty"`
}

// A ContactChannelSpecificMessage is an answer that exists on one channel
// only, such as the outcome of a WhatsApp flow (nfm_reply).
type ContactChannelSpecificMessage struct {
	MessageType string          `json:"message_type"`
	Message     json.RawMessage `json:"message"`
}

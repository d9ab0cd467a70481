package parley

import (
	"encoding/json"
	"math"
)

// Limits of message bodies, as the API documents them (MESSAGES of the
// Conversation API reference).
const (
	MaxChoices      = 10 // choices of a card or choice message
	MaxCards        = 10 // cards of a carousel
	MaxOuterChoices = 3  // choices below a carousel
)

// An AppMessage is a message from an app to a contact. Exactly one of its
// bodies is set; Content returns it. The override maps replace the body on the
// channels they name.
type AppMessage struct {
	Text        *TextMessage        `json:"text_message,omitempty"`
	Media       *MediaMessage       `json:"media_message,omitempty"`
	Card        *CardMessage        `json:"card_message,omitempty"`
	Carousel    *CarouselMessage    `json:"carousel_message,omitempty"`
	Choice      *ChoiceMessage      `json:"choice_message,omitempty"`
	Location    *LocationMessage    `json:"location_message,omitempty"`
	Template    *TemplateMessage    `json:"template_message,omitempty"`
	List        *ListMessage        `json:"list_message,omitempty"`
	ContactInfo *ContactInfoMessage `json:"contact_info_message,omitempty"`

	ExplicitChannel     map[Channel]string                 `json:"explicit_channel_message,omitempty"`
	ExplicitChannelOmni map[Channel]*OmniOverride          `json:"explicit_channel_omni_message,omitempty"`
	ChannelSpecific     map[Channel]ChannelSpecificMessage `json:"channel_specific_message,omitempty"`
	Agent               *Agent                             `json:"agent,omitempty"`
	ReplyTo             *ReplyTo                           `json:"reply_to,omitempty"`

	wire verbatim[AppMessage]
}

// UnmarshalJSON decodes a message and remembers how it was said.
func (m *AppMessage) UnmarshalJSON(text []byte) error {
	type plain AppMessage
	*m = AppMessage{}
	wire, err := decodeVerbatim(m, (*plain)(m), text)
	m.wire = wire
	return err
}

// MarshalJSON encodes a message: as it was sent if it was decoded, else from
// its fields.
func (m *AppMessage) MarshalJSON() ([]byte, error) {
	type plain AppMessage
	return encodeVerbatim(m, m.wire, (*plain)(m))
}

// Clone returns a copy that shares nothing with m, to be changed. It has
// m's fields only, not the unknown members m was sent with.
func (m *AppMessage) Clone() (*AppMessage, error) {
	type plain AppMessage
	raw, err := Marshal((*plain)(m))
	if err != nil {
		return nil, err
	}
	out := new(AppMessage)
	return out, json.Unmarshal(raw, (*plain)(out))
}

// Content is the one body an AppMessage carries: one of the *…Message types
// of this file.
//
//sumtype:decl
type Content interface{ isContent() }

func (*TextMessage) isContent()        {}
func (*MediaMessage) isContent()       {}
func (*CardMessage) isContent()        {}
func (*CarouselMessage) isContent()    {}
func (*ChoiceMessage) isContent()      {}
func (*LocationMessage) isContent()    {}
func (*TemplateMessage) isContent()    {}
func (*ListMessage) isContent()        {}
func (*ContactInfoMessage) isContent() {}

// Content returns the body that is set, or nil when there is none (a message
// that consists of overrides only).
func (m *AppMessage) Content() Content {
	switch {
	case m.Text != nil:
		return m.Text
	case m.Media != nil:
		return m.Media
	case m.Card != nil:
		return m.Card
	case m.Carousel != nil:
		return m.Carousel
	case m.Choice != nil:
		return m.Choice
	case m.Location != nil:
		return m.Location
	case m.Template != nil:
		return m.Template
	case m.List != nil:
		return m.List
	case m.ContactInfo != nil:
		return m.ContactInfo
	}
	return nil
}

// An OmniOverride replaces the body on one channel: a body of any kind or a
// reference to an omni template.
type OmniOverride struct {
	Text        *TextMessage        `json:"text_message,omitempty"`
	Media       *MediaMessage       `json:"media_message,omitempty"`
	Card        *CardMessage        `json:"card_message,omitempty"`
	Carousel    *CarouselMessage    `json:"carousel_message,omitempty"`
	Choice      *ChoiceMessage      `json:"choice_message,omitempty"`
	Location    *LocationMessage    `json:"location_message,omitempty"`
	List        *ListMessage        `json:"list_message,omitempty"`
	ContactInfo *ContactInfoMessage `json:"contact_info_message,omitempty"`
	TemplateRef *TemplateReference  `json:"template_reference,omitempty"`
}

// AppMessage returns the override as a message of its own.
func (o *OmniOverride) AppMessage() *AppMessage {
	m := &AppMessage{
		Text: o.Text, Media: o.Media, Card: o.Card, Carousel: o.Carousel, Choice: o.Choice,
		Location: o.Location, List: o.List, ContactInfo: o.ContactInfo,
	}
	if o.TemplateRef != nil {
		m.Template = &TemplateMessage{OmniTemplate: o.TemplateRef}
	}
	return m
}

// A ChannelSpecificMessage is a body that exists on one channel only, such as
// WhatsApp's FLOWS. Message is kept as sent and judged by the channel.
type ChannelSpecificMessage struct {
	MessageType string          `json:"message_type"`
	Message     json.RawMessage `json:"message"`
}

// An Agent is the person or bot on whose behalf the app speaks; channels that
// cannot show it drop it.
type Agent struct {
	DisplayName string `json:"display_name,omitempty"`
	Type        string `json:"type,omitempty"` // UNKNOWN_AGENT_TYPE, HUMAN or BOT
	PictureURL  string `json:"picture_url,omitempty"`
}

// ReplyTo names the message that is answered, by its id in this API.
type ReplyTo struct {
	MessageID string `json:"message_id"`
}

// A TextMessage is plain text. Its length limit is the channel's.
type TextMessage struct {
	Text string `json:"text"`
}

// A MediaMessage is an image, video, sound or document at a public URL.
type MediaMessage struct {
	URL              string `json:"url"`
	ThumbnailURL     string `json:"thumbnail_url,omitempty"`
	FilenameOverride string `json:"filename_override,omitempty"`
}

// A CardMessage is a title, a description, media and choices, shown as one.
type CardMessage struct {
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Media       *MediaMessage   `json:"media_message,omitempty"`
	Height      string          `json:"height,omitempty"` // UNSPECIFIED_HEIGHT, SHORT, MEDIUM or TALL; RCS only
	Choices     []Choice        `json:"choices,omitempty"`
	Properties  *CardProperties `json:"message_properties,omitempty"`
}

// CardProperties are channel-specific parts of a card.
type CardProperties struct {
	WhatsAppHeader string `json:"whatsapp_header,omitempty"` // used when the card has no media; 60 characters
}

// A CarouselMessage is a row of 1 to 10 cards with up to 3 choices below.
type CarouselMessage struct {
	Cards   []CardMessage `json:"cards"`
	Choices []Choice      `json:"choices,omitempty"`
}

// A ChoiceMessage is a text with up to 10 choices.
type ChoiceMessage struct {
	Text       *TextMessage      `json:"text_message,omitempty"`
	Choices    []Choice          `json:"choices"`
	Properties *ChoiceProperties `json:"message_properties,omitempty"`
}

// ChoiceProperties are channel-specific parts of a choice message.
type ChoiceProperties struct {
	WhatsAppFooter string `json:"whatsapp_footer,omitempty"` // 60 characters
}

// A LocationMessage is a place on the map.
type LocationMessage struct {
	Title       string      `json:"title"`
	Label       string      `json:"label,omitempty"`
	Coordinates Coordinates `json:"coordinates"`
}

// UnmarshalJSON decodes a place. Coordinates that are left out are not a
// number until Validate refuses them: 0 is a place, too.
func (m *LocationMessage) UnmarshalJSON(text []byte) error {
	type plain LocationMessage
	*m = LocationMessage{Coordinates: Coordinates{math.NaN(), math.NaN()}}
	return json.Unmarshal(text, (*plain)(m))
}

// Coordinates are degrees north and east. Channels are given them at 32-bit
// precision, as the hosted API does.
type Coordinates struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// A TemplateMessage refers to templates: a channel's own where
// ChannelTemplate names one, else the omni template.
type TemplateMessage struct {
	ChannelTemplate map[Channel]TemplateReference `json:"channel_template,omitempty"`
	OmniTemplate    *TemplateReference            `json:"omni_template,omitempty"`
}

// A TemplateReference names a template, its version and language, and the
// values of its parameters.
type TemplateReference struct {
	TemplateID   string            `json:"template_id"`
	Version      string            `json:"version,omitempty"`
	LanguageCode string            `json:"language_code,omitempty"`
	Parameters   map[string]string `json:"parameters,omitempty"`
}

// A ListMessage is a menu of choices or products in sections.
type ListMessage struct {
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	Media       *MediaMessage   `json:"media,omitempty"`
	Sections    []ListSection   `json:"sections"`
	Properties  *ListProperties `json:"message_properties,omitempty"`
}

// ListProperties are channel-specific parts of a list.
type ListProperties struct {
	CatalogID      string `json:"catalog_id,omitempty"` // required for products
	Menu           string `json:"menu,omitempty"`       // text of the button that opens the list
	WhatsAppHeader string `json:"whatsapp_header,omitempty"`
}

// A ListSection is a titled group of list items.
type ListSection struct {
	Title string     `json:"title,omitempty"`
	Items []ListItem `json:"items"`
}

// A ListItem is either a choice or a product; all of one list are alike.
type ListItem struct {
	Choice  *ListChoice  `json:"choice,omitempty"`
	Product *ListProduct `json:"product,omitempty"`
}

// A ListChoice is a row the contact can choose.
type ListChoice struct {
	Title        string        `json:"title"`
	Description  string        `json:"description,omitempty"`
	Media        *MediaMessage `json:"media,omitempty"`
	PostbackData string        `json:"postback_data,omitempty"`
}

// A ListProduct is a product of a catalogue; quantity, price and currency are
// set only in answers from the contact.
type ListProduct struct {
	ID          string  `json:"id"`
	Marketplace string  `json:"marketplace"`
	Quantity    int     `json:"quantity,omitempty"`
	ItemPrice   float64 `json:"item_price,omitempty"`
	Currency    string  `json:"currency,omitempty"`
}

// A ContactInfoMessage is a business card.
type ContactInfoMessage struct {
	Name           ContactName    `json:"name"`
	PhoneNumbers   []PhoneNumber  `json:"phone_numbers"`
	Addresses      []PostAddress  `json:"addresses,omitempty"`
	EmailAddresses []EmailAddress `json:"email_addresses,omitempty"`
	Organization   *Organization  `json:"organization,omitempty"`
	URLs           []ContactURL   `json:"urls,omitempty"`
	Birthday       string         `json:"birthday,omitempty"` // YYYY-MM-DD
}

// ContactName is the name on a business card.
type ContactName struct {
	FullName   string `json:"full_name"`
	FirstName  string `json:"first_name,omitempty"`
	LastName   string `json:"last_name,omitempty"`
	MiddleName string `json:"middle_name,omitempty"`
	Prefix     string `json:"prefix,omitempty"`
	Suffix     string `json:"suffix,omitempty"`
}

// PhoneNumber is a phone number on a business card.
type PhoneNumber struct {
	PhoneNumber string `json:"phone_number"`
	Type        string `json:"type,omitempty"`
}

// PostAddress is a postal address on a business card.
type PostAddress struct {
	City        string `json:"city,omitempty"`
	Country     string `json:"country,omitempty"`
	State       string `json:"state,omitempty"`
	Zip         string `json:"zip,omitempty"`
	Type        string `json:"type,omitempty"`
	CountryCode string `json:"country_code,omitempty"` // ISO 3166-1 alpha-2
}

// EmailAddress is an email address on a business card.
type EmailAddress struct {
	EmailAddress string `json:"email_address"`
	Type         string `json:"type,omitempty"`
}

// Organization is the employer on a business card.
type Organization struct {
	Company    string `json:"company,omitempty"`
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
}

// ContactURL is a web address on a business card.
type ContactURL struct {
	URL  string `json:"url"`
	Type string `json:"type,omitempty"`
}

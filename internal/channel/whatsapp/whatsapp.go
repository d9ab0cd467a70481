// Package whatsapp is the WHATSAPP channel over Meta's WhatsApp Business Cloud
// API. docs/channels/whatsapp.md says how to connect a number, what the channel
// shows natively and what it does not do.
//
// The Cloud API does not drop repeats, so an attempt whose outcome is unknown
// stays unknown until a status webhook tells: every request carries its
// attempt's key as biz_opaque_callback_data, which statuses echo.
package whatsapp

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The Cloud API's limits, in characters unless said otherwise. Where Meta's
// pages and its OpenAPI disagree (the body of a list), the smaller one counts.
const (
	maxText       = 4096
	maxBody       = 1024 // of an interactive message
	maxCaption    = 1024
	maxHeader     = 60
	maxFooter     = 60
	maxButton     = 20 // also of the button that opens a list or a web page
	maxButtonID   = 256
	maxButtons    = 3 // reply buttons of a message
	maxRows       = 10
	maxRowTitle   = 24 // also of a section
	maxRowText    = 72 // the description below a row's title
	maxRowID      = 200
	maxSections   = 10
	maxProducts   = 30
	maxFlowButton = 30
)

// style is how text is marked up that stands for what WhatsApp cannot show.
var style = channel.Style{Bold: "*", Italic: "_", BlankBefore: true}

// Channel is the WHATSAPP channel. Its one provider is "meta".
type Channel struct{}

// New returns the channel.
func New() Channel { return Channel{} }

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.EventSender  = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.Pacer        = Channel{}
)

// Name returns WHATSAPP.
func (Channel) Name() parley.Channel { return parley.ChannelWhatsApp }

// Capabilities says what WhatsApp can show. Every kind of choice counts as one
// that can be tapped: those without a button of their own are written as text
// in which WhatsApp turns their URL or number into a link.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:       maxText,
		Unit:          channel.Characters,
		MaxCaption:    maxCaption,
		MaxChoiceText: maxBody,
		Text:          channel.Native,
		Media:         channel.Native,
		MediaTypes:    mediaTypes(),
		Card:          channel.Native,
		Carousel:      channel.Degraded,
		Choice:        channel.Native,
		List:          channel.Native,
		Location:      channel.Native,
		ContactInfo:   channel.Native,
		Template:      channel.Native,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		MaxChoices: parley.MaxChoices,
		MaxItems:   maxProducts, // choices have a tighter limit, which rendering knows
		Style:      style,
		// Choices that did not fit are text; the API documents typed answers.
		TypedChoices: true,
		Events:       []string{parley.EventComposing, parley.EventComposingEnd, parley.EventReadMessage},
		Receipts: []parley.DeliveryStatus{
			parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead, parley.StatusFailed,
		},
	}
}

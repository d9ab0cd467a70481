// Package email is channel EMAIL, an addition to the hosted API's channels:
// messages go out over SMTP submission, as text with an HTML alternative, and
// come in over SMTP, LMTP or HTTP. docs/channels/email.md says how to connect a
// mail server and what a message looks like.
package email

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// provider is the only one.
const provider = "smtp"

// The limits are ours: mail has none, but servers have. 10 MB of a file are
// 13.7 MB on the wire, which most take.
const (
	maxText = 100_000
	maxFile = 10 << 20
)

// Channel is the EMAIL channel.
type Channel struct{}

// New returns the channel.
func New() Channel { return Channel{} }

// The optional interfaces the channel has.
var (
	_ channel.Channel   = Channel{}
	_ channel.Connector = Channel{}
	_ channel.Receiver  = Channel{}
)

// Name returns EMAIL.
func (Channel) Name() parley.Channel { return parley.ChannelEmail }

// Capabilities says what a message can show. Every kind of choice counts as
// shown: what opens something is a link, the others are words. Receipts are
// what other servers report, which not all do.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     maxText,
		Unit:        channel.Characters,
		Text:        channel.Native,
		Media:       channel.Native,
		MediaTypes:  []channel.MediaType{{Type: "*/*", MaxBytes: maxFile}},
		Card:        channel.Native,
		Carousel:    channel.Native,
		Choice:      channel.Native,
		List:        channel.Native,
		Location:    channel.Native,
		ContactInfo: channel.Degraded,
		Template:    channel.Degraded,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		TypedChoices: true,
		Receipts:     []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead, parley.StatusFailed},
	}
}

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

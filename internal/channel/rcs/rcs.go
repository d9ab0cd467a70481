// Package rcs is the RCS channel over Google's RCS for Business API.
// docs/channels/rcs.md says how to connect an agent, what the channel shows
// natively and what it does not do.
//
// Google drops a message whose id it has seen, so that the id of every message
// is made of its attempt's key: an attempt whose outcome is unknown is simply
// repeated.
package rcs

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Google's limits (developers.google.com, RCS for Business: send messages,
// AgentMessage). Text is counted in bytes: of what is not ASCII a character
// counts as two to four.
const (
	maxText        = 3072
	maxTitle       = 200
	maxDescription = 2000
	maxLabel       = 25 // of a suggestion, in characters
	maxPostback    = 2048
	maxURL         = 2048
	maxEventTitle  = 100
	maxEventText   = 500
	maxChips       = 11 // suggestions below a message
	maxCardChips   = 4  // suggestions on a card
	maxCards       = 10
	maxFile        = 100 << 20
)

// Channel is the RCS channel. Its one provider is "google". It keeps access
// tokens until they expire.
type Channel struct{ tokens *tokens }

// New returns the channel.
func New() Channel { return Channel{tokens: &tokens{}} }

// The optional interfaces the channel has.
var (
	_ channel.Channel     = Channel{}
	_ channel.Connector   = Channel{}
	_ channel.EventSender = Channel{}
	_ channel.Prober      = Channel{}
	_ channel.Receiver    = Channel{}
	_ channel.Retractor   = Channel{}
)

// Name returns RCS.
func (Channel) Name() parley.Channel { return parley.ChannelRCS }

// Capabilities says what RCS can show.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     maxText,
		Unit:        channel.Bytes,
		MaxCaption:  maxDescription,
		Text:        channel.Native,
		Media:       channel.Native,
		MediaTypes:  mediaTypes(),
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
		MaxChoices: maxChips,
		MaxCards:   maxCards,
		MaxItems:   maxChips,
		Events:     []string{parley.EventComposing, parley.EventComposingEnd, parley.EventReadMessage},
		Receipts:   []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead, parley.StatusFailed},
		Idempotent: true,
	}
}

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

// Connect asks for an access token, which tells whether the service account is
// good; Google has no way to ask for the agent itself.
func (ch Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	if acc.ServiceAccount != nil {
		if _, err := ch.tokens.fetch(ctx, c, acc); err != nil {
			return "", err
		}
	}
	return acc.agentID, nil
}

// Package rcs is the RCS channel, over Google's RCS for Business API or Sinch's
// RCS REST API. docs/channels/rcs.md says how to connect an agent, what the
// channel shows natively and what it does not do.
//
// A message is rendered as Google has it (content) and reworded for Sinch, whose
// API shows the same things.
//
// Both providers drop a message whose id they have seen, so that the id of
// every message is made of its attempt's key: an attempt whose outcome is
// unknown is simply repeated.
package rcs

import (
	"context"
	"fmt"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Limits of all providers (developers.google.com, RCS for Business: send
// messages; github.com/sinch/docs, RCS REST: messages endpoint). The other
// ones are in limits.
const (
	maxText        = 3072 // bytes; of what is not ASCII a character is two to four
	maxTitle       = 200
	maxDescription = 2000
	maxLabel       = 25 // of a suggestion, in characters
	maxURL         = 2048
	maxChips       = 11 // suggestions below a message
	maxCardChips   = 4  // suggestions on a card
	maxCards       = 10
	maxFile        = 100 << 20
)

// Channel is the RCS channel. It keeps Google's access tokens until they
// expire.
type Channel struct{ tokens *tokens }

// New returns the channel.
func New() Channel { return Channel{tokens: &tokens{}} }

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.EventSender  = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.Prober       = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.Retractor    = Channel{}
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
func (ch Channel) Check(c *parley.ChannelCredential) error {
	_, err := ch.account(c)
	return err
}

// Connect asks whether the credential is good; no provider has a way to ask for
// the agent itself.
func (ch Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	a, err := ch.open(c)
	if err != nil {
		return "", err
	}
	if err := a.connect(ctx, c); err != nil {
		return "", again(err)
	}
	return c.Credential.StaticBearer.ClaimedIdentity, nil
}

// Send hands one message over.
func (ch Channel) Send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	a, err := ch.open(c)
	if err != nil {
		return "", err
	}
	return a.send(ctx, c, at)
}

// Receive reads what a provider posts.
func (ch Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	a, err := ch.account(c.Credential)
	if err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrForged, err)
	}
	return a.receive(c, r, body)
}

// SendEvent shows that an answer is being written, or that the last message of
// the contact was read.
func (ch Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	var read channel.ProviderID
	switch {
	case e.Event.Composing != nil:
	case e.Event.ComposingEnd != nil:
		return "", nil // it goes away by itself
	case e.Event.ReadMessage != nil && e.LastInbound != "":
		read = e.LastInbound
	case e.Event.ReadMessage != nil:
		return "", channel.Refuse(parley.ReasonBadRequest, "the contact has written nothing that could be read")
	default:
		return "", channel.Refuse(parley.ReasonBadRequest, "RCS cannot show this event")
	}
	a, err := ch.open(c)
	if err != nil {
		return "", err
	}
	return a.show(ctx, c, e, read)
}

// Retract revokes a message that was not delivered yet.
func (ch Channel) Retract(ctx context.Context, c *channel.Conn, to channel.Address, id channel.ProviderID) error {
	a, err := ch.open(c)
	if err != nil {
		return err
	}
	return a.retract(ctx, c, to, id)
}

// Probe asks what the phone knows.
func (ch Channel) Probe(ctx context.Context, c *channel.Conn, to channel.Address) (channel.Reach, error) {
	a, err := ch.open(c)
	if err != nil {
		return channel.Reach{}, err
	}
	return a.probe(ctx, c, to)
}

// FetchMedia opens a file that a contact sent. Its address needs no token, and
// expires.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	return c.OpenMedia(ctx, ref)
}

// Package sms is channel SMS. It speaks to two kinds of provider: sinch, the
// Sinch SMS REST API, and smpp, any SMSC over SMPP 3.4.
//
// SMS is text, so every other kind of message arrives here written out as
// text. This package decides its encoding and segments, sends it, and reads
// replies and receipts. It refuses what it cannot say in the parts the app
// allows; it never truncates.
package sms

import (
	"context"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The providers, as a credential's provider names them. The first serves
// credentials that name none, because those are the hosted API's.
const (
	providerSinch = "sinch"
	providerSMPP  = "smpp"
)

// maxText is the longest body of the Sinch SMS API in characters
// (developers.sinch.com, SMS batches); longer text becomes several messages.
const maxText = 2000

// SMS is channel SMS. Its only state is the SMPP sessions that Listen holds.
type SMS struct{ sessions *pool }

// New returns the channel.
func New() *SMS { return &SMS{sessions: newPool()} }

// Name implements channel.Channel.
func (s *SMS) Name() parley.Channel { return parley.ChannelSMS }

// Capabilities implements channel.Channel.
func (s *SMS) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:      maxText,
		Unit:         channel.Characters,
		Text:         channel.Native,
		Media:        channel.Degraded,
		Card:         channel.Degraded,
		Carousel:     channel.Degraded,
		Choice:       channel.Degraded,
		List:         channel.Degraded,
		Location:     channel.Degraded,
		ContactInfo:  channel.Degraded,
		Template:     channel.Rejected,
		TypedChoices: true,
		Receipts: []parley.DeliveryStatus{
			parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusFailed,
		},
	}
}

// Check implements channel.Channel.
func (s *SMS) Check(c *parley.ChannelCredential) error {
	if c.StaticBearer == nil {
		return parley.Invalid("static_bearer", "is required for channel SMS")
	}
	var err error
	switch channel.Provider(c, providerSinch) {
	case providerSinch:
		_, err = readSinchSettings(c)
	case providerSMPP:
		_, err = readSMPPSettings(c)
	default:
		err = parley.Invalid("provider", "is %q; channel SMS has sinch and smpp", c.Provider)
	}
	return err
}

// Render implements channel.Channel. sinch takes a message whole; smpp takes
// one payload for each segment.
func (s *SMS) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if isSMPP(o.Credential) {
		return renderSMPP(o)
	}
	return renderSinch(o)
}

// Send implements channel.Channel.
func (s *SMS) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	if isSMPP(c.Credential) {
		return s.sendSMPP(ctx, c, a)
	}
	return sendSinch(ctx, c, a)
}

// Finds implements channel.Finder.
func (s *SMS) Finds(c *parley.ChannelCredential) bool {
	if !isSMPP(c) {
		return true
	}
	set, err := readSMPPSettings(c)
	return err == nil && set.OnUnknown == onUnknownResend
}

// Find implements channel.Finder. The Sinch API lists batches by our
// reference. An SMSC has no such question, so there the setting on_unknown
// decides: "resend" finds nothing, "wait" leaves it to a receipt.
func (s *SMS) Find(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, bool, error) {
	if isSMPP(c.Credential) {
		return findSMPP(c)
	}
	return findSinch(ctx, c, a)
}

// Connect implements channel.Connector: it tells whether the account works.
func (s *SMS) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	if isSMPP(c.Credential) {
		return "", s.connectSMPP(ctx, c)
	}
	return "", connectSinch(ctx, c)
}

// Receive implements channel.Receiver.
func (s *SMS) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if isSMPP(c.Credential) {
		return channel.Received{}, channel.ErrForged // an SMSC does not speak HTTP
	}
	return receiveSinch(c, r, body)
}

// Listens implements channel.Listener.
func (s *SMS) Listens(c *parley.ChannelCredential) bool { return isSMPP(c) }

func isSMPP(c *parley.ChannelCredential) bool {
	return channel.Provider(c, providerSinch) == providerSMPP
}

// Package sms is channel SMS. It speaks to these providers: sinch, the Sinch
// SMS REST API; smpp, any SMSC over SMPP 3.4; twilio; vonage; and kannel, a
// gateway of one's own.
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
	providerSinch  = "sinch"
	providerSMPP   = "smpp"
	providerTwilio = "twilio"
	providerVonage = "vonage"
	providerKannel = "kannel"
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
	if g := gatewayOf(c); g != nil {
		return g.check(c)
	}
	if !isSMPP(c) {
		return parley.Invalid("provider", "is %q; channel SMS has sinch, smpp, twilio, vonage and kannel", c.Provider)
	}
	_, err := readSMPPSettings(c)
	return err
}

// Render implements channel.Channel. Gateways take a message whole; smpp and
// kannel take one payload for each segment.
func (s *SMS) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if g := gatewayOf(o.Credential); g != nil {
		return g.render(o)
	}
	return renderSMPP(o)
}

// Send implements channel.Channel.
func (s *SMS) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	if g := gatewayOf(c.Credential); g != nil {
		return g.send(ctx, c, a)
	}
	return s.sendSMPP(ctx, c, a)
}

// Finds implements channel.Finder.
func (s *SMS) Finds(c *parley.ChannelCredential) bool {
	if !isSMPP(c) {
		return channel.Provider(c, providerSinch) == providerSinch
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
	if g := gatewayOf(c.Credential); g != nil {
		return "", g.connect(ctx, c)
	}
	return "", s.connectSMPP(ctx, c)
}

// FetchMedia implements channel.MediaFetcher. Of the providers only twilio
// keeps media for us to fetch.
func (s *SMS) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	return twilioAccount(c).Fetch(ctx, c, ref)
}

// Receive implements channel.Receiver.
func (s *SMS) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if g := gatewayOf(c.Credential); g != nil {
		return g.receive(c, r, body)
	}
	return channel.Received{}, channel.ErrForged // an SMSC does not speak HTTP
}

// Listens implements channel.Listener.
func (s *SMS) Listens(c *parley.ChannelCredential) bool { return isSMPP(c) }

func isSMPP(c *parley.ChannelCredential) bool {
	return channel.Provider(c, providerSinch) == providerSMPP
}

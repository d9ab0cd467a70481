// Package viberbm is channel VIBERBM, Viber Business Messages. Viber itself
// has no public API for them, so the providers are gateways: vonage, the
// Messages API of Vonage, and infobip. docs/channels/viberbm.md says how to connect an account
// and what the channel shows natively.
package viberbm

import (
	"context"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The providers. Vonage serves credentials that name none, too.
const (
	providerVonage  = "vonage"
	providerInfobip = "infobip"
)

// maxText is the length of a text in characters (developers.sinch.com, Viber
// Business Messages channel message support).
const maxText = 1000

// Channel is the VIBERBM channel.
type Channel struct{}

// New returns the channel.
func New() Channel { return Channel{} }

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.Finder       = Channel{}
)

// Name returns VIBERBM.
func (Channel) Name() parley.Channel { return parley.ChannelViberBM }

// Capabilities says what Viber shows. One choice that opens something is a
// button; any other choices are text. Files that Viber does not take are
// written out as links, so none is refused for its type.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     maxText,
		Unit:        channel.Characters,
		MaxCaption:  maxText,
		Text:        channel.Native,
		Media:       channel.Native,
		MediaTypes:  []channel.MediaType{{Type: "image/jpeg"}, {Type: "image/png"}, {Type: "*/*"}},
		Card:        channel.Native,
		Carousel:    channel.Degraded,
		Choice:      channel.Native,
		List:        channel.Degraded,
		Location:    channel.Degraded,
		ContactInfo: channel.Degraded,
		Template:    channel.Degraded,
		Choices:     []channel.ChoiceKind{channel.ChoiceURL, channel.ChoiceCall, channel.ChoiceLocation},
		MaxChoices:  1,
		Style:       style(),
		// Choices of words are text, so contacts type them.
		TypedChoices: true,
		Receipts: []parley.DeliveryStatus{
			parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead, parley.StatusFailed,
		},
	}
}

// style is Viber's markdown.
func style() channel.Style { return channel.Style{Bold: "*", Italic: "_", BlankBefore: true} }

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

// Render returns the requests that say o.Message.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	acc, err := openForRender(o.Credential)
	if err != nil {
		return nil, err
	}
	return acc.render(o)
}

// Send posts one message and returns its id.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	return acc.send(ctx, c, a)
}

// Connect tells whether the account works.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	return "", acc.connect(ctx, c)
}

// Receive reads a webhook.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return channel.Received{}, channel.ErrForged
	}
	return acc.gateway.receive(acc, c, r, body)
}

// Finds reports whether the provider can be asked about a message by our
// reference, which Infobip can.
func (Channel) Finds(c *parley.ChannelCredential) bool {
	return channel.Provider(c, providerVonage) == providerInfobip
}

// Find looks a message up in Infobip's logs.
func (Channel) Find(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, bool, error) {
	acc, err := open(c)
	if err != nil {
		return "", false, err
	}
	return acc.findInfobip(ctx, c, a)
}

// FetchMedia opens a file that a contact sent.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	acc, err := open(c)
	if err != nil {
		return channel.Media{}, err
	}
	return acc.fetch(ctx, c, ref)
}

// split is a text as the pieces Viber takes.
func split(text string) []string { return transcode.Split(text, maxText, channel.Characters) }

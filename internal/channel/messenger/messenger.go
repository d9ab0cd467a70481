// Package messenger is the MESSENGER channel over Meta's Messenger Platform.
// docs/channels/messenger.md says how to connect a page, what the channel
// shows natively and what it does not do.
//
// The Send API does not drop repeats, so an attempt whose outcome is unknown
// stays unknown until an echo tells: every message carries its attempt's key
// as metadata, which echoes give back.
package messenger

import (
	"context"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/sendapi"
)

// maxText is the length of a text in characters (Send API, Message).
const maxText = 2000

// The largest files Messenger takes (Send API, Attachments).
const (
	maxImage = 8 << 20
	maxFile  = 25 << 20
)

// Channel is the MESSENGER channel. Its one provider is "meta".
type Channel struct{}

// New returns the channel.
func New() Channel { return Channel{} }

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.EventSender  = Channel{}
	_ channel.Profiler     = Channel{}
	_ channel.Pacer        = Channel{}
)

// Name returns MESSENGER.
func (Channel) Name() parley.Channel { return parley.ChannelMessenger }

// Capabilities says what Messenger can show. Every kind of choice counts as
// one that can be tapped; what has no button where it stands is written as
// text in which Messenger turns its URL or number into a link.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:       maxText,
		Unit:          channel.Characters,
		MaxCaption:    maxText, // a card's words follow its media where they do not fit a template
		MaxChoiceText: sendapi.MaxButtonText,
		Text:          channel.Native,
		Media:         channel.Native,
		MediaTypes:    []channel.MediaType{{Type: "image/*", MaxBytes: maxImage}, {Type: "*/*", MaxBytes: maxFile}},
		Card:          channel.Native,
		Carousel:      channel.Native,
		Choice:        channel.Native,
		List:          channel.Native,
		Location:      channel.Degraded,
		ContactInfo:   channel.Degraded,
		Template:      channel.Degraded,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		MaxChoices: sendapi.MaxQuickReplies,
		MaxCards:   sendapi.MaxCards,
		MaxItems:   sendapi.MaxQuickReplies,
		Style:      sendapi.Style(),
		// Choices that did not fit are text, and quick replies go away with the
		// next message.
		TypedChoices: true,
		Events:       []string{"composing_event", "composing_end_event", "read_message_event"},
		Receipts: []parley.DeliveryStatus{
			parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead,
		},
	}
}

func dialect() *sendapi.Dialect {
	return &sendapi.Dialect{
		Channel: parley.ChannelMessenger, Object: "page", MaxText: maxText, Unit: channel.Characters,
		Calls: true, QuickUnder: true, Keyed: true, EchoMeans: parley.StatusQueuedOnChannel,
		Kind: kind, Frame: frame,
	}
}

// Render returns the requests that say o.Message.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) { return dialect().Render(o) }

// Send posts one message and returns its id.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	return dialect().Send(ctx, c, acc, a)
}

// SendEvent shows typing, which Messenger takes away by itself after some 20
// seconds, or that the contact's messages were seen.
func (Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	return "", dialect().SendEvent(ctx, c, acc, e)
}

// Receive answers Meta's handshake and reads its webhooks.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return channel.Received{}, channel.ErrForged
	}
	return dialect().Receive(acc, c, r, body)
}

// webhookFields are the fields of webhooks that the channel reads.
const webhookFields = "messages,messaging_postbacks,message_deliveries,message_reads,message_reactions," +
	"messaging_optins,messaging_referrals,message_echoes,feed"

// Connect asks for the page, which tells whether the token may use it, and has
// its webhooks sent to the Meta app.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	var page struct {
		ID string `json:"id"`
	}
	if err := acc.Ask(ctx, c, acc.Node, "id,name", &page); err != nil {
		return "", err
	}
	if c.WebhookURL != "" {
		if err := acc.Subscribe(ctx, c, acc.Node, webhookFields); err != nil {
			return "", err
		}
	}
	return page.ID, nil
}

// FetchMedia opens a file by its address, which needs no token and expires.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	return sendapi.FetchMedia(ctx, c, ref)
}

// Profile returns the contact's name.
func (Channel) Profile(ctx context.Context, c *channel.Conn, of channel.Address) (channel.Profile, error) {
	acc, err := open(c)
	if err != nil {
		return channel.Profile{}, err
	}
	return acc.Profile(ctx, c, of, "first_name,last_name")
}

// Pace implements channel.Pacer: 300 calls a second of a page for text, of
// which media have few (Messenger Platform, Rate Limiting).
func (Channel) Pace(*parley.ChannelCredential) float64 { return 300 }

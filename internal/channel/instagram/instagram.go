// Package instagram is the INSTAGRAM channel over Meta's Instagram messaging,
// with Instagram's own login or Facebook's. docs/channels/instagram.md says how
// to connect an account, what the channel shows natively and what it does not
// do.
//
// Meta does not drop repeats and says of no message which request it came
// from, so an attempt whose outcome is unknown stays unknown.
package instagram

import (
	"context"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/sendapi"
)

// maxText is the length of a text in bytes (Instagram messaging, Send a
// message).
const maxText = 1000

// The largest files Instagram takes (Instagram messaging, Send a message).
const (
	maxImage = 8 << 20
	maxFile  = 25 << 20
)

// Channel is the INSTAGRAM channel. Its one provider is "meta".
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

// Name returns INSTAGRAM.
func (Channel) Name() parley.Channel { return parley.ChannelInstagram }

// Capabilities says what Instagram can show. Every kind of choice counts as
// one that can be tapped; what has no button where it stands, as no number
// has, is written as text.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:       maxText,
		Unit:          channel.Bytes,
		MaxCaption:    maxText, // a card's words follow its media where they do not fit a template
		MaxChoiceText: sendapi.MaxButtonText,
		Text:          channel.Native,
		Media:         channel.Native,
		MediaTypes: []channel.MediaType{
			{Type: "image/*", MaxBytes: maxImage},
			{Type: "audio/*", MaxBytes: maxFile},
			{Type: "video/*", MaxBytes: maxFile},
			{Type: "application/pdf", MaxBytes: maxFile},
			{Type: "*/*"}, // as a link
		},
		Card:        channel.Native,
		Carousel:    channel.Native,
		Choice:      channel.Native,
		List:        channel.Native,
		Location:    channel.Degraded,
		ContactInfo: channel.Degraded,
		Template:    channel.Degraded,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		MaxChoices: sendapi.MaxQuickReplies,
		MaxCards:   sendapi.MaxCards,
		MaxItems:   sendapi.MaxQuickReplies,
		Style:      sendapi.Style(),
		// Instagram in a browser shows no quick replies, and choices that did
		// not fit are text.
		TypedChoices: true,
		Events:       []string{"composing_event", "composing_end_event", "read_message_event", "comment_reply_event"},
		Receipts:     []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead},
	}
}

// dialect takes an echo for a delivery, which Instagram does not tell.
func dialect() *sendapi.Dialect {
	return &sendapi.Dialect{
		Channel: parley.ChannelInstagram, Object: "instagram", MaxText: maxText, Unit: channel.Bytes,
		EchoMeans: parley.StatusDelivered, Kind: kind, Frame: frame,
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
	return dialect().Send(ctx, c, &acc.Account, a)
}

// SendEvent shows typing, that messages were seen, or answers the contact's
// last comment with a private message, which Instagram takes once and within
// seven days.
func (Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	if reply := e.Event.CommentReply; reply != nil {
		if e.LastComment == "" {
			return "", channel.Refuse(parley.ReasonBadRequest, "the contact has written no comment lately")
		}
		return acc.ReplyTo(ctx, c, string(e.LastComment), reply.Text)
	}
	return "", dialect().SendEvent(ctx, c, &acc.Account, e)
}

// Receive answers Meta's handshake and reads its webhooks.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return channel.Received{}, channel.ErrForged
	}
	return dialect().Receive(&acc.Account, c, r, body)
}

// Connect asks for the account, which tells whether the token may use it, and
// has its webhooks sent to the Meta app.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	var who struct {
		Name     string `json:"name"`
		Username string `json:"username"`
	}
	if err := acc.Ask(ctx, c, acc.Node, acc.login.fields, &who); err != nil {
		return "", err
	}
	if c.WebhookURL != "" {
		if err := acc.Subscribe(ctx, c, acc.Node, acc.login.webhooks); err != nil {
			return "", err
		}
	}
	if who.Username != "" {
		return who.Username, nil
	}
	return who.Name, nil
}

// FetchMedia opens a file by its address, which needs no token and expires.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	return sendapi.FetchMedia(ctx, c, ref)
}

// Profile returns the contact's name, or user name. Instagram tells it of
// those who have written.
func (Channel) Profile(ctx context.Context, c *channel.Conn, of channel.Address) (channel.Profile, error) {
	acc, err := open(c)
	if err != nil {
		return channel.Profile{}, err
	}
	return acc.Profile(ctx, c, of, "name,username")
}

// Pace implements channel.Pacer: 100 calls a second of an account for text, of
// which media have few (Instagram messaging, Rate limits).
func (Channel) Pace(*parley.ChannelCredential) float64 { return 100 }

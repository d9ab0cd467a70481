// Package applebc is the APPLEBC channel: Apple Messages for Business, spoken
// to as the messaging service provider (MSP) of a business account
// (register.apple.com/resources/messages/msp-rest-api). Apple drops messages
// with a repeated id and reports neither delivery nor reading.
package applebc

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Limits of the MSP API. The text's is the one Infobip documents.
const (
	maxText       = 3000      // characters
	maxSummary    = 512       // characters above quick replies; ours
	maxQuickTitle = 24        // characters of a quick reply that phones show
	minQuick      = 2         // quick replies of a message
	maxQuick      = 5         //
	maxAttachment = 100e6     // bytes
	maxLinkImage  = 200 << 10 // bytes of the picture of a rich link
	maxListImages = 2 << 20   // bytes of the pictures of a list picker together; ours
)

var style = channel.Style{}

// Channel is the APPLEBC channel. It is stateless.
type Channel struct{}

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.EventSender  = Channel{}
)

// New returns the channel.
func New() Channel { return Channel{} }

// Name returns APPLEBC.
func (Channel) Name() parley.Channel { return parley.ChannelAppleBC }

// Capabilities says what a business can show. Choices that open an address
// count as tapped: they are links in the text.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     maxText,
		Unit:        channel.Characters,
		MaxCaption:  maxText - 1, // the attachment takes one
		Text:        channel.Native,
		Media:       channel.Native,
		MediaTypes:  []channel.MediaType{{Type: "*/*", MaxBytes: maxAttachment}},
		Card:        channel.Native,
		Carousel:    channel.Native,
		Choice:      channel.Native,
		List:        channel.Native,
		Location:    channel.Degraded,
		ContactInfo: channel.Native,
		Template:    channel.Degraded,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		Style:      style,
		Events:     []string{"composing_event", "composing_end_event"},
		Idempotent: true,
	}
}

// provider is the one provider of the channel.
const provider = "apple"

// settings is provider_settings: who we are to Apple.
type settings struct {
	MSPID     string `json:"msp_id"`
	Secret    string `json:"secret"`     // base64, as Apple gives it
	AutoReply bool   `json:"auto_reply"` // mark messages as automated
}

// An account is a credential ready to be used.
type account struct {
	settings
	business string // business_chat_account_id
	key      []byte // the secret
}

// headerValue is what may be in a header of a request.
var headerValue = regexp.MustCompile(`^[\x21-\x7e]+$`)

func readAccount(c *parley.ChannelCredential) (*account, error) {
	switch {
	case c == nil || c.AppleBC == nil:
		return nil, parley.Invalid("applebc_credentials", "is required for channel %s", parley.ChannelAppleBC)
	case !headerValue.MatchString(c.AppleBC.BusinessChatAccountID):
		return nil, parley.Invalid("applebc_credentials.business_chat_account_id", "must be visible ASCII characters")
	case channel.Provider(c, provider) != provider:
		return nil, parley.Invalid("provider", "%q does not serve %s", c.Provider, parley.ChannelAppleBC)
	}
	a := &account{business: c.AppleBC.BusinessChatAccountID}
	d := json.NewDecoder(bytes.NewReader(c.ProviderSettings))
	d.DisallowUnknownFields()
	if err := d.Decode(&a.settings); err != nil {
		return nil, parley.Invalid("provider_settings", "want an object of msp_id, secret and auto_reply")
	}
	if !headerValue.MatchString(a.MSPID) {
		return nil, parley.Invalid("provider_settings.msp_id", "is required: visible ASCII characters")
	}
	key, err := base64.StdEncoding.DecodeString(a.Secret)
	if err != nil || len(key) == 0 {
		return nil, parley.Invalid("provider_settings.secret", "is required: the MSP's secret in base64")
	}
	a.key = key
	return a, nil
}

// Check validates the shape of the credential. Apple has no call that tells
// whether it works.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

// Send posts one message. The files it needs are fetched and, where Apple
// wants them so, encrypted and uploaded first.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(a.Payload.Body))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || members == nil {
		return "", channel.Refuse(parley.ReasonInternalError, "the payload is no message")
	}
	if members, err = acc.fill(ctx, c, members); err != nil {
		return "", err
	}
	return acc.post(ctx, c, uuid(a.Key), a.To.Identity, members)
}

// SendEvent shows or hides that somebody is typing.
func (Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	var kind string
	switch {
	case e.Event.Composing != nil:
		kind = typingStart
	case e.Event.ComposingEnd != nil:
		kind = typingEnd
	default:
		return "", channel.Refuse(parley.ReasonBadRequest, "APPLEBC cannot show this event")
	}
	_, err = acc.post(ctx, c, uuid(e.EventID), e.To.Identity, map[string]any{"type": kind})
	return "", err
}

// post posts a message under an id, which Apple takes once.
func (a *account) post(ctx context.Context, c *channel.Conn, id, to string, members map[string]any) (channel.ProviderID, error) {
	members["v"], members["id"], members["sourceId"], members["destinationId"] = 1, id, a.business, to
	body, err := channel.Encode(members)
	if err != nil {
		return "", channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
	}
	if !headerValue.MatchString(to) {
		return "", channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "the identity is none of APPLEBC")
	}
	header, err := a.header(c)
	if err != nil {
		return "", err
	}
	header.Set("Id", id)
	header.Set("Destination-Id", to)
	if a.AutoReply {
		header.Set("Auto-Reply", "true")
	}
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+"/message", header, body)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", refused(answer)
	}
	return channel.ProviderID(id), nil
}

// header is what every request needs.
func (a *account) header(c *channel.Conn) (http.Header, error) {
	token, err := a.token(c.Now())
	if err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the request cannot be signed")
	}
	return http.Header{
		"Authorization": {"Bearer " + token},
		"Source-Id":     {a.business},
		"Msp-Agent":     {"parley"},
	}, nil
}

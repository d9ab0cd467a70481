// Package viber is the VIBER channel: a bot, spoken to over Viber's REST API
// (developers.viber.com/docs/api/rest-bot-api). Viber reports messages as
// delivered and seen, and does not drop repeats.
package viber

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// Limits of the REST bot API (general send message parameters, keyboards, rich
// media).
const (
	maxText        = 7000
	maxCaption     = 512 // of a picture; newer pages say 768
	maxSenderName  = 28
	maxContactName = 28
	maxPhone       = 18
	maxFileName    = 256
	maxURL         = 2000
	maxButtonText  = 250
	maxActionBody  = 250
	maxKeyboard    = 24 // rows
	maxCards       = 6  // groups of a rich media message
	maxCardRows    = 7
	columns        = 6
)

// The largest files Viber takes by address, in bytes.
const (
	maxPictureFile = 1 << 20
	maxVideoFile   = 26 << 20
	maxOtherFile   = 50 << 20
)

var style = channel.Style{Bold: "*", Italic: "_", BlankBefore: true}

// Channel is the VIBER channel. It is stateless.
type Channel struct{}

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.Profiler     = Channel{}
)

// New returns the channel.
func New() Channel { return Channel{} }

// Name returns VIBER.
func (Channel) Name() parley.Channel { return parley.ChannelViber }

// Capabilities says what a bot can show. A call choice counts as one that can
// be tapped: its number is written in the text, where phones make it a link.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:    maxText,
		Unit:       channel.UTF16,
		MaxCaption: maxCaption,
		Text:       channel.Native,
		Media:      channel.Native,
		MediaTypes: []channel.MediaType{
			{Type: "image/jpeg", MaxBytes: maxPictureFile},
			{Type: "image/png", MaxBytes: maxPictureFile},
			{Type: "image/gif", MaxBytes: maxPictureFile},
			{Type: "video/mp4", MaxBytes: maxVideoFile},
			{Type: "*/*", MaxBytes: maxOtherFile},
		},
		Card:        channel.Native,
		Carousel:    channel.Native,
		Choice:      channel.Native,
		List:        channel.Native,
		Location:    channel.Native,
		ContactInfo: channel.Native,
		Template:    channel.Degraded,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		MaxItems: maxKeyboard,
		Style:    style,
		Receipts: []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead, parley.StatusFailed},
	}
}

// provider is the one provider of the channel.
const provider = "viber"

// settings is provider_settings: who messages are shown to be from.
type settings struct {
	SenderName   string `json:"sender_name"`   // default is the bot's name
	SenderAvatar string `json:"sender_avatar"` // address of a picture of at most 100 kB
}

func settingsOf(c *parley.ChannelCredential) (settings, error) {
	var s settings
	if c == nil || len(c.ProviderSettings) == 0 {
		return s, nil
	}
	d := json.NewDecoder(bytes.NewReader(c.ProviderSettings))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return settings{}, parley.Invalid("provider_settings", "want an object of sender_name and sender_avatar")
	}
	if transcode.Length(s.SenderName, channel.UTF16) > maxSenderName {
		return settings{}, parley.Invalid("provider_settings.sender_name", "must have at most %d characters", maxSenderName)
	}
	return s, nil
}

// headerValue is what may be in a header of a request.
var headerValue = regexp.MustCompile(`^[\x21-\x7e]+$`)

// Check validates the shape of the credential; only Connect can tell whether
// it works.
func (Channel) Check(c *parley.ChannelCredential) error {
	switch {
	case c.StaticToken == nil:
		return parley.Invalid("static_token", "is required for channel %s", parley.ChannelViber)
	case !headerValue.MatchString(c.StaticToken.Token):
		return parley.Invalid("static_token.token", "is not a bot's token: want visible ASCII characters")
	case c.Provider != "" && c.Provider != provider:
		return parley.Invalid("provider", "%q does not serve %s", c.Provider, parley.ChannelViber)
	}
	_, err := settingsOf(c)
	return err
}

// Send posts one message. Viber wants to be told the size of videos and files,
// which is found out here.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	body, err := sized(ctx, c, a.Payload.Body)
	if err != nil {
		return "", err
	}
	var r struct {
		Token json.Number `json:"message_token"` // more than a float holds
	}
	if err := call(ctx, c, "send_message", body, &r); err != nil {
		return "", err
	}
	if r.Token == "" {
		return "", unreadable(errors.New("send_message answered without a message token"))
	}
	return channel.ProviderID(r.Token), nil
}

// sized fills in the size of the media of a payload.
func sized(ctx context.Context, c *channel.Conn, body []byte) ([]byte, error) {
	var m struct {
		Type  string      `json:"type"`
		Media string      `json:"media"`
		Size  json.Number `json:"size"`
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil || json.Unmarshal(body, &members) != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the payload is no message")
	}
	if m.Type != "video" && m.Type != "file" || m.Size != "" {
		return body, nil
	}
	media, err := c.OpenMedia(ctx, m.Media)
	if err != nil {
		return nil, err
	}
	defer media.Body.Close()
	size := media.Size
	if size < 0 {
		if size, err = io.Copy(io.Discard, io.LimitReader(media.Body, maxOtherFile+1)); err != nil {
			return nil, &channel.Error{
				Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the media could not be read"),
				Outcome: channel.TryAgain, Err: errors.New("read media to measure it"),
			}
		}
	}
	if size > maxOtherFile || m.Type == "video" && size > maxVideoFile {
		return nil, channel.Refuse(parley.ReasonMediaTooLarge, "the media is larger than VIBER takes")
	}
	return setMember(members, "size", size)
}

func setMember(members map[string]json.RawMessage, name string, value any) ([]byte, error) {
	raw, err := channel.Encode(value)
	if err == nil {
		members[name] = raw
		raw, err = channel.Encode(members)
	}
	if err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the payload cannot be encoded")
	}
	return raw, nil
}

// webhookEvents are the events Receive understands. Messages come in any case.
var webhookEvents = []string{"delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"}

// Connect checks the token and, where there is a public address, registers it
// as the bot's webhook. Viber calls it at once and wants a 200.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	var info struct {
		Name string `json:"name"`
	}
	err := ask(ctx, c, "get_account_info", struct{}{}, &info)
	if err == nil && c.WebhookURL != "" {
		err = ask(ctx, c, "set_webhook", map[string]any{
			"url": c.WebhookURL, "event_types": webhookEvents, "send_name": true, "send_photo": false,
		}, nil)
	}
	if err == nil {
		return info.Name, nil
	}
	e := channel.AsError(err)
	if e.Reason.Code == parley.ReasonBadRequest { // of an address, not of a message
		e.Reason.Code = parley.ReasonChannelBadConfiguration
	}
	return "", e
}

// strangers are the reasons for which Viber tells nothing of somebody.
var strangers = []parley.ReasonCode{
	parley.ReasonRecipientNotReachable, parley.ReasonRecipientNotOptedIn, parley.ReasonBadRequest,
}

// Profile asks for somebody's name. Viber answers twice in twelve hours for
// each person.
func (Channel) Profile(ctx context.Context, c *channel.Conn, of channel.Address) (channel.Profile, error) {
	var r struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
	}
	if err := ask(ctx, c, "get_user_details", map[string]string{"id": of.Identity}, &r); err != nil {
		e := channel.AsError(err)
		if slices.Contains(strangers, e.Reason.Code) {
			e.Reason.Code = parley.ReasonNoProfileAvailable
		}
		return channel.Profile{}, e
	}
	return channel.Profile{Name: r.User.Name}, nil
}

// FetchMedia opens what a contact sent. Its address needs no credential but is
// good for an hour only.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	return c.OpenMedia(ctx, ref)
}

// senderOf is who a message is shown to be from.
func senderOf(o *channel.Outgoing) sender {
	s, err := settingsOf(o.Credential)
	if err != nil {
		s = settings{}
	}
	known := ""
	if o.Credential != nil {
		known = o.Credential.ChannelKnownID
	}
	name := cmp.Or(o.Properties["VIBER_SENDER_NAME"], s.SenderName, known, "Bot")
	return sender{
		Name:   transcode.Truncate(name, maxSenderName, channel.UTF16),
		Avatar: cmp.Or(o.Properties["VIBER_SENDER_AVATAR"], s.SenderAvatar),
	}
}

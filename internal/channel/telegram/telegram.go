// Package telegram is the TELEGRAM channel: a bot, spoken to over Telegram's
// Bot API (core.telegram.org/bots/api). Updates come by webhook. Telegram says
// nothing about what becomes of a message, so no receipt ever arrives, and it
// does not drop repeats.
package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Limits of the Bot API (core.telegram.org/bots/api: sendMessage, sendPhoto,
// InlineKeyboardButton, sendContact). "Characters" there are counted here in
// UTF-16 code units, as Telegram counts the offsets in a text: never fewer
// than any other reading of the word.
const (
	maxText         = 4096
	maxCaption      = 1024
	maxCallbackData = 64   // bytes
	maxVCard        = 2048 // bytes
	maxButtons      = 100
)

// The largest files Telegram fetches from an address, in bytes (Bot API,
// Sending files).
const (
	maxPhotoURL = 5 << 20
	maxFileURL  = 20 << 20
)

// style is how Telegram's texts are written by the hosted service.
var style = channel.Style{Bullet: "* "}

// Channel is the TELEGRAM channel. It is stateless.
type Channel struct{}

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.EventSender  = Channel{}
	_ channel.Pacer        = Channel{}
	_ channel.Acknowledger = Channel{}
	_ channel.Profiler     = Channel{}
)

// New returns the channel.
func New() Channel { return Channel{} }

// Name returns TELEGRAM.
func (Channel) Name() parley.Channel { return parley.ChannelTelegram }

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
			{Type: "image/gif", MaxBytes: maxFileURL},
			{Type: "image/*", MaxBytes: maxPhotoURL},
			{Type: "video/mp4", MaxBytes: maxFileURL},
			{Type: "audio/*", MaxBytes: maxFileURL},
			{Type: "application/pdf", MaxBytes: maxFileURL},
			{Type: "application/zip", MaxBytes: maxFileURL},
			{Type: "*/*"}, // as a link
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
		MaxChoices: maxButtons,
		MaxItems:   maxButtons,
		Style:      style,
		// The buttons below the input field, needed to ask for a location,
		// answer with their own words.
		TypedChoices: true,
		Events:       []string{"composing_event", "composing_end_event"},
	}
}

// botToken is a bot's user id and its secret. Nothing else may become a part
// of the request path.
var botToken = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)

// Check validates the shape of the bot's token; only Connect can tell whether
// it works.
func (Channel) Check(c *parley.ChannelCredential) error {
	switch {
	case c.Telegram == nil:
		return parley.Invalid("telegram_credentials", "is required for channel %s", parley.ChannelTelegram)
	case !botToken.MatchString(c.Telegram.Token):
		return parley.Invalid("telegram_credentials.token", "is not a bot token: want digits, a colon and letters")
	case c.Provider != "" && c.Provider != provider:
		return parley.Invalid("provider", "%q does not serve %s", c.Provider, parley.ChannelTelegram)
	case len(c.ProviderSettings) != 0 && !bytes.Equal(c.ProviderSettings, []byte("null")):
		return parley.Invalid("provider_settings", "%s has none", parley.ChannelTelegram)
	}
	return nil
}

// provider is the one provider of the channel.
const provider = "telegram"

// Send posts one payload to the method it names.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	var p struct {
		Method string `json:"method"`
	}
	if err := json.Unmarshal(a.Payload.Body, &p); err != nil || !sending.MatchString(p.Method) {
		return "", channel.Refuse(parley.ReasonInternalError, "the payload names no method that sends")
	}
	var result json.RawMessage
	if err := call(ctx, c, p.Method, a.Payload.Body, &result); err != nil {
		return "", err
	}
	id, ok := sentID(result, a.To.Identity)
	if !ok {
		return "", unreadable(fmt.Errorf("%s answered without a message id", p.Method))
	}
	return id, nil
}

// sentID reads the id from what a send method returned: a Message, a MessageId
// or, of an album, several Messages.
func sentID(result json.RawMessage, identity string) (channel.ProviderID, bool) {
	type sent struct {
		MessageID int64 `json:"message_id"`
		Chat      struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	}
	var all []sent
	if json.Unmarshal(result, &all) != nil {
		all = make([]sent, 1)
		if json.Unmarshal(result, &all[0]) != nil {
			return "", false
		}
	}
	if len(all) == 0 || all[0].MessageID == 0 {
		return "", false
	}
	if all[0].Chat.ID != 0 {
		identity = strconv.FormatInt(all[0].Chat.ID, 10)
	}
	return messageID(identity, all[0].MessageID), true
}

// messageID makes an id that is unique for the bot: Telegram numbers the
// messages of each chat.
func messageID(chat string, id int64) channel.ProviderID {
	return channel.ProviderID(chat + ":" + strconv.FormatInt(id, 10))
}

// Pace implements channel.Pacer: "The API will not allow bulk notifications to
// more than about 30 users per second" (Bots FAQ, broadcasting).
func (Channel) Pace(*parley.ChannelCredential) float64 { return 30 }

// Connect checks the token and, where there is a public address, registers
// our webhook with the account's secret.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	var me struct {
		Username string `json:"username"`
	}
	if err := ask(ctx, c, "getMe", struct{}{}, &me); err != nil {
		return "", err
	}
	if c.WebhookURL == "" {
		return me.Username, nil
	}
	err := ask(ctx, c, "setWebhook", map[string]any{
		"url":             c.WebhookURL,
		"secret_token":    c.Secret,
		"allowed_updates": allowedUpdates,
	}, nil)
	// Telegram says 400 to an address it will not call, such as one that is
	// not https: a matter of configuration, not of a message.
	if e := channel.AsError(err); err != nil && e.Reason.Code == parley.ReasonBadRequest {
		e.Reason.Code = parley.ReasonChannelBadConfiguration
		return "", e
	}
	return me.Username, err
}

// SendEvent shows that somebody types. Telegram takes the sign away by itself
// after 5 seconds or with the next message.
func (Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	switch {
	case e.Event.Composing != nil:
		return "", ask(ctx, c, "sendChatAction", map[string]any{"chat_id": chatID(e.To.Identity), "action": "typing"}, nil)
	case e.Event.ComposingEnd != nil:
		return "", nil
	}
	return "", channel.Refuse(parley.ReasonBadRequest, "TELEGRAM cannot show this event")
}

// Acknowledge ends the waiting sign on a tapped button.
func (Channel) Acknowledge(ctx context.Context, c *channel.Conn, in channel.Inbound) error {
	if in.Ack == "" {
		return nil
	}
	return ask(ctx, c, "answerCallbackQuery", map[string]any{"callback_query_id": in.Ack}, nil)
}

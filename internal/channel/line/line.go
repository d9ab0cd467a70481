// Package line is the LINE channel: an official account, spoken to over LINE's
// Messaging API (developers.line.biz/en/reference/messaging-api). Messages are
// pushed, never sent with reply tokens, which live for a minute. LINE says
// nothing about what becomes of a message, but it drops repeats.
package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Limits of the Messaging API reference (message objects, action objects,
// flex messages). LINE counts some of them in grapheme clusters, of which a
// text never has more than UTF-16 code units, in which they are counted here.
const (
	maxText         = 5000
	maxAltText      = 400 // 1500 since 2023; notifications show far less
	maxMessages     = 5   // of one push
	maxQuickReplies = 13
	maxURL          = 2000
	maxImageURL     = 1000 // of templates and flex images, the older limit
	maxLocation     = 100  // of a location's title and address

	maxLabel     = 20 // of an action in a template or a quick reply
	maxFlexLabel = 40 // of an action in a flex button
	maxData      = 300
	maxURI       = 1000

	maxTemplateTitle   = 40
	maxTemplateText    = 160 // without image and title
	maxTemplateBeside  = 60  // with image or title
	maxTemplateActions = 4
	maxColumns         = 10
	maxColumnText      = 120 // without image and title
	maxColumnActions   = 3

	maxBubble    = 30_000 // bytes of JSON
	maxBubbles   = 12     // of a flex carousel
	maxFlexBytes = 50_000 // of JSON, of a flex carousel
)

// Limits of our own: with them any card and choice message fits a flex bubble.
const (
	maxPanelText = 2000
	maxListItems = 20
)

// The largest files LINE takes by address, in bytes.
const (
	maxImageFile = 10 << 20
	maxMovieFile = 200 << 20
)

// loadingSeconds is how long the loading animation is shown at most: a
// multiple of 5 from 5 to 60. A message ends it.
const loadingSeconds = 20

var style = channel.Style{}

// Channel is the LINE channel. It is stateless.
type Channel struct{}

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.Connector    = Channel{}
	_ channel.MediaFetcher = Channel{}
	_ channel.EventSender  = Channel{}
	_ channel.Profiler     = Channel{}
)

// New returns the channel.
func New() Channel { return Channel{} }

// Name returns LINE.
func (Channel) Name() parley.Channel { return parley.ChannelLINE }

// Capabilities says what an official account can show. No receipt is ever
// waited for: only notification messages, which go to phone numbers, are
// reported as delivered.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:       maxText,
		Unit:          channel.UTF16,
		MaxCaption:    maxPanelText,
		MaxChoiceText: maxPanelText,
		Text:          channel.Native,
		Media:         channel.Native,
		MediaTypes: []channel.MediaType{
			{Type: "image/jpeg", MaxBytes: maxImageFile},
			{Type: "image/png", MaxBytes: maxImageFile},
			{Type: "video/mp4", MaxBytes: maxMovieFile},
			{Type: "audio/*", MaxBytes: maxMovieFile},
			{Type: "*/*"},
		},
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
		MaxItems:   maxListItems,
		Style:      style,
		Events:     []string{"composing_event", "composing_end_event"},
		Idempotent: true,
	}
}

// provider is the one provider of the channel.
const provider = "line"

// headerValue is what may be in a header of a request.
var headerValue = regexp.MustCompile(`^[\x21-\x7e]+$`)

// Check validates the shape of the credential; only Connect can tell whether
// it works.
func (Channel) Check(c *parley.ChannelCredential) error {
	path, token, _ := account(c)
	switch {
	case path == "":
		return parley.Invalid("line_credentials", "is required for channel %s", parley.ChannelLINE)
	case !headerValue.MatchString(token):
		return parley.Invalid(path+".token", "is not a channel access token: want visible ASCII characters")
	case c.Provider != "" && c.Provider != provider:
		return parley.Invalid("provider", "%q does not serve %s", c.Provider, parley.ChannelLINE)
	case len(c.ProviderSettings) != 0 && !bytes.Equal(c.ProviderSettings, []byte("null")):
		return parley.Invalid("provider_settings", "%s has none", parley.ChannelLINE)
	}
	return nil
}

// account returns where in the credential the account is, its channel access
// token and its channel secret; all are "" where there is none.
func account(c *parley.ChannelCredential) (path, token, secret string) {
	switch {
	case c == nil:
	case c.LINE != nil:
		return "line_credentials", c.LINE.Token, c.LINE.Secret
	case c.LINEEnterprise != nil && c.LINEEnterprise.Japan != nil:
		return "line_enterprise_credentials.line_japan", c.LINEEnterprise.Japan.Token, c.LINEEnterprise.Japan.Secret
	case c.LINEEnterprise != nil && c.LINEEnterprise.Thailand != nil:
		return "line_enterprise_credentials.line_thailand", c.LINEEnterprise.Thailand.Token, c.LINEEnterprise.Thailand.Secret
	}
	return "", "", ""
}

// Send pushes one payload: to a contact or, as a notification message, to a
// phone number.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	var p struct {
		To          string `json:"to"`
		TemplateKey string `json:"templateKey"`
	}
	if err := json.Unmarshal(a.Payload.Body, &p); err != nil {
		return "", channel.Refuse(parley.ReasonInternalError, "the payload is no push")
	}
	switch {
	case p.TemplateKey != "":
		return notify(ctx, c, "/v2/bot/message/pnp/templated/push", a)
	case hashedPhone.MatchString(p.To):
		return notify(ctx, c, "/bot/pnp/push", a)
	}
	header := http.Header{"X-Line-Retry-Key": {retryKey(a.Key)}}
	answer, err := call(ctx, c, http.MethodPost, "/v2/bot/message/push", header, a.Payload.Body)
	if err != nil {
		return "", err
	}
	return sentID(answer)
}

// sentID reads the id of the message from an answer: to the first attempt or,
// with the same body, to one that repeats an accepted one.
func sentID(a *channel.Answer) (channel.ProviderID, error) {
	var r struct {
		SentMessages []struct {
			ID string `json:"id"`
		} `json:"sentMessages"`
	}
	accepted := a.Header.Get("X-Line-Accepted-Request-Id")
	if !a.OK() && (a.Status != http.StatusConflict || accepted == "") {
		return "", refused(a)
	}
	err := json.Unmarshal(a.Body, &r)
	if err == nil && len(r.SentMessages) > 0 && r.SentMessages[0].ID != "" {
		return channel.ProviderID(r.SentMessages[0].ID), nil
	}
	// The message is sent; any id that is its own will do.
	for _, id := range []string{accepted, a.Header.Get("X-Line-Request-Id")} {
		if id != "" {
			return channel.ProviderID(id), nil
		}
	}
	return "", unreadable(errors.New("the push was answered without a message id"))
}

// SendEvent shows the loading animation, which LINE ends by itself.
func (Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	switch {
	case e.Event.Composing != nil:
		body := map[string]any{"chatId": e.To.Identity, "loadingSeconds": loadingSeconds}
		return "", ask(ctx, c, http.MethodPost, "/v2/bot/chat/loading/start", body, nil)
	case e.Event.ComposingEnd != nil:
		return "", nil
	}
	return "", channel.Refuse(parley.ReasonBadRequest, "LINE cannot show this event")
}

// Profile asks for somebody's name, which LINE tells of friends alone.
func (Channel) Profile(ctx context.Context, c *channel.Conn, of channel.Address) (channel.Profile, error) {
	var p struct {
		DisplayName string `json:"displayName"`
	}
	err := ask(ctx, c, http.MethodGet, "/v2/bot/profile/"+url.PathEscape(of.Identity), nil, &p)
	if err != nil {
		if e := channel.AsError(err); e.Reason.Code == parley.ReasonRecipientNotReachable {
			e.Reason.Code = parley.ReasonNoProfileAvailable
		}
		return channel.Profile{}, err
	}
	return channel.Profile{Name: p.DisplayName}, nil
}

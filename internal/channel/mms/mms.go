// Package mms is channel MMS. Its providers are sinch, the MM7 protocol of
// 3GPP TS 23.140 as Sinch's MM7 service and other relays speak it, which takes
// the media themselves, and bandwidth and twilio, HTTP APIs that take their
// addresses.
//
// An MMS is one slide: a file and the words beside it, with the title of a
// card as its subject. What else there is to say is written out as text.
package mms

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/twilio"
)

// The providers, as a credential's provider names them. The first serves
// credentials that name none, because those are the hosted API's.
const (
	providerSinch     = "sinch"
	providerBandwidth = "bandwidth"
	providerTwilio    = "twilio"
)

// maxText is the longest text of a slide in characters (developers.sinch.com,
// MMS); longer text becomes several messages.
const maxText = 5000

// style is how MMS writes what it has no form for: unlike in SMS, the cards of
// a carousel are one text without numbers.
func style() channel.Style { return channel.Style{Unnumbered: true, OneText: true} }

// MMS is channel MMS.
type MMS struct{}

// New returns the channel.
func New() *MMS { return new(MMS) }

// Name implements channel.Channel.
func (*MMS) Name() parley.Channel { return parley.ChannelMMS }

// Capabilities implements channel.Channel. A card keeps its choices, whatever
// their kind: they are lines of the text on its slide.
func (*MMS) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     maxText,
		MaxCaption:  maxText,
		Unit:        channel.Characters,
		Text:        channel.Native,
		Media:       channel.Native,
		Card:        channel.Native,
		Carousel:    channel.Degraded,
		Choice:      channel.Degraded,
		List:        channel.Degraded,
		Location:    channel.Degraded,
		ContactInfo: channel.Native,
		Template:    channel.Rejected,
		MediaTypes:  append(strictTypes(), channel.MediaType{Type: "*/*"}),
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		Style:        style(),
		TypedChoices: true,
		Receipts: []parley.DeliveryStatus{
			parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead, parley.StatusFailed,
		},
	}
}

// strictTypes are the files that all networks take (developers.sinch.com, MMS
// best practices). Others may arrive; MMS_STRICT_VALIDATION refuses them.
func strictTypes() []channel.MediaType {
	return []channel.MediaType{
		{Type: "image/jpeg"},
		{Type: "image/png"},
		{Type: "image/gif"},
		{Type: "video/mp4"},
		{Type: "video/3gpp"},
		{Type: "audio/mpeg"},
		{Type: "audio/mp3"},
		{Type: "audio/amr"},
		{Type: "text/vcard"},
		{Type: "text/x-vcard"},
		{Type: "text/calendar"},
		{Type: "text/plain"},
	}
}

// Check implements channel.Channel.
func (*MMS) Check(c *parley.ChannelCredential) error {
	if c.MMS == nil {
		return parley.Invalid("mms_credentials", "is required for channel MMS")
	}
	if c.MMS.DefaultSender != "" && senderKind(c.MMS.DefaultSender) == "" {
		return parley.Invalid("mms_credentials.default_sender", "must be a phone number, a short code or an e-mail address")
	}
	switch channel.Provider(c, providerSinch) {
	case providerSinch:
		_, err := readMM7Settings(c)
		return err
	case providerBandwidth:
		return checkBandwidth(c)
	case providerTwilio:
		return checkTwilio(c)
	}
	return parley.Invalid("provider", "is %q; channel MMS has sinch, bandwidth and twilio", c.Provider)
}

// Render implements channel.Channel.
func (*MMS) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	does := abilities{maxText: maxText, subject: true, vCard: true}
	switch channel.Provider(o.Credential, providerSinch) {
	case providerBandwidth:
		does = abilities{maxText: bandwidthMaxText}
	case providerTwilio:
		does = abilities{maxText: twilio.MaxText}
	}
	slides, err := slidesOf(o, does)
	if err != nil {
		return nil, err
	}
	out := make([]channel.Payload, len(slides))
	for i := range slides {
		body, err := json.Marshal(&slides[i])
		if err != nil {
			return nil, err
		}
		out[i].Body = body
	}
	return out, nil
}

// Send implements channel.Channel.
func (*MMS) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	var s slide
	if err := json.Unmarshal(a.Payload.Body, &s); err != nil {
		return "", internalError(err)
	}
	switch channel.Provider(c.Credential, providerSinch) {
	case providerBandwidth:
		return sendBandwidth(ctx, c, a, &s)
	case providerTwilio:
		return sendTwilio(ctx, c, a, &s)
	}
	return sendMM7(ctx, c, a, &s)
}

// Connect implements channel.Connector. Only Twilio has a question that tells
// whether the account works and does no harm.
func (*MMS) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	if channel.Provider(c.Credential, providerSinch) != providerTwilio {
		return "", nil
	}
	return "", twilioAccount(c).Connect(ctx, c)
}

// Receive implements channel.Receiver.
func (*MMS) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	name := channel.Provider(c.Credential, providerSinch)
	if name == providerTwilio {
		return twilioAccount(c).Receive(c, r, body)
	}
	if !genuine(c.Credential.CallbackSecret, r) {
		return channel.Received{}, channel.ErrForged
	}
	if name == providerBandwidth {
		in, err := receiveBandwidth(body)
		return channel.Received{Inbound: in}, err
	}
	return receiveMM7(r, body)
}

// FetchMedia implements channel.MediaFetcher.
func (*MMS) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	name := channel.Provider(c.Credential, providerSinch)
	switch {
	case strings.HasPrefix(ref, inlinePrefix): // whatever the provider is by now
	case name == providerBandwidth:
		return fetchBandwidth(ctx, c, ref)
	case name == providerTwilio && c.Credential.MMS != nil:
		return twilioAccount(c).Fetch(ctx, c, ref)
	}
	return inlineMedia(ref)
}

func internalError(err error) *channel.Error {
	return &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
}

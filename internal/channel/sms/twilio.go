package sms

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/twilio"
)

// twilioSettings is provider_settings of provider twilio. The Account SID is
// the credential's claimed_identity and the auth token its token.
type twilioSettings struct {
	DefaultSender       string `json:"default_sender"`
	MessagingServiceSID string `json:"messaging_service_sid"` // picks the sender when none is given
	SmartEncoding       bool   `json:"smart_encoding"`
}

func readTwilioSettings(c *parley.ChannelCredential) (*twilioSettings, error) {
	s := &twilioSettings{}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerTwilio, s); err != nil {
		return nil, err
	}
	if s.DefaultSender == "" && s.MessagingServiceSID == "" {
		return nil, channel.Setting("default_sender", "is required, or messaging_service_sid")
	}
	return s, checkSender(s.DefaultSender)
}

func checkTwilio(c *parley.ChannelCredential) error {
	_, err := readTwilioSettings(c)
	return err
}

func renderTwilio(o *channel.Outgoing) ([]channel.Payload, error) {
	s, err := readTwilioSettings(o.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	return forms(o, s.DefaultSender, s.SmartEncoding, twilio.MaxText, func(d *draft, text string) form {
		f := form{"To": plus(d.to), "Body": text}
		if d.from != "" {
			f["From"] = plus(d.from)
		} else {
			f["MessagingServiceSid"] = s.MessagingServiceSID
		}
		return f
	})
}

func twilioAccount(c *channel.Conn) twilio.Account {
	return twilio.Account{SID: c.Credential.StaticBearer.ClaimedIdentity, Token: c.Credential.StaticBearer.Token}
}

func sendTwilio(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	var f form
	if err := json.Unmarshal(a.Payload.Body, &f); err != nil {
		return "", &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	return twilioAccount(c).Send(ctx, c, a, f.values())
}

func connectTwilio(ctx context.Context, c *channel.Conn) error {
	return twilioAccount(c).Connect(ctx, c)
}

func receiveTwilio(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	return twilioAccount(c).Receive(c, r, body)
}

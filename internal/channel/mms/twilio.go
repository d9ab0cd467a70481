package mms

import (
	"context"
	"net/url"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/twilio"
)

const (
	// twilioMaxBytes is what the media of a message may have (Twilio, Accepted
	// content types for media).
	twilioMaxBytes = 5 << 20
	twilioMaxMedia = 10
)

func checkTwilio(c *parley.ChannelCredential) error {
	return channel.DecodeSettings(c.ProviderSettings, "provider "+providerTwilio, new(struct{}))
}

// sendTwilio sends a slide.
func sendTwilio(ctx context.Context, c *channel.Conn, a channel.Attempt, s *slide) (channel.ProviderID, error) {
	if s.Strict {
		files, err := openAll(ctx, c, s, twilioMaxBytes)
		if err != nil {
			return "", err
		}
		closeAll(files)
	}
	return twilioAccount(c).Send(ctx, c, a, twilioFields(s))
}

// twilioFields is the form of a message (Twilio, Messages). Text alone is an
// MMS, too: the app chose the channel.
func twilioFields(s *slide) url.Values {
	fields := url.Values{"To": {plus(s.To)}, "From": {plus(s.From)}}
	if s.Text != "" {
		fields.Set("Body", s.Text)
	}
	if len(s.Media) == 0 {
		fields.Set("SendAsMms", "true")
	}
	for i := range s.Media[:min(len(s.Media), twilioMaxMedia)] {
		fields.Add("MediaUrl", s.Media[i].URL)
	}
	return fields
}

// twilioAccount is the account of a credential: the account id is the Account
// SID, the API key the auth token.
func twilioAccount(c *channel.Conn) twilio.Account {
	return twilio.Account{SID: c.Credential.MMS.AccountID, Token: c.Credential.MMS.APIKey}
}

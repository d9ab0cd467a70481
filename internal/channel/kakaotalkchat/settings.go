package kakaotalkchat

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// provider is the one provider of the channel.
const provider = "happytalk"

// settings is provider_settings. The client secret is the credential's
// api_key; what its callback_secret is for is at genuine.
type settings struct {
	ClientID  string `json:"client_id"`
	SenderKey string `json:"sender_key"` // of the KakaoTalk channel's profile
	// Codes says what the provider's codes mean, ahead of what the channel
	// thinks: there is no public list of them.
	Codes map[string]parley.ReasonCode `json:"codes"`
}

// codeReasons are what a code may be said to mean.
var codeReasons = []parley.ReasonCode{
	parley.ReasonBadRequest, parley.ReasonChannelBadConfiguration, parley.ReasonChannelFailure, parley.ReasonChannelReject,
	parley.ReasonOutsideAllowedSendingWindow, parley.ReasonRateLimited, parley.ReasonRecipientInvalidChannelIdentity,
	parley.ReasonRecipientNotOptedIn, parley.ReasonRecipientNotReachable,
}

// headerForm is what an account's key and secret look like; they are headers.
var headerForm = regexp.MustCompile(`^[!-~]{1,200}$`)

// An account is a credential ready to be used.
type account struct {
	settings
	secret string
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	switch {
	case c == nil || c.KakaoTalkChat == nil:
		return nil, parley.Invalid("kakaotalkchat_credentials", "is required for channel KAKAOTALKCHAT")
	case channel.Provider(c, provider) != provider:
		return nil, parley.Invalid("provider", "is %q; channel KAKAOTALKCHAT has %s", c.Provider, provider)
	case !headerForm.MatchString(c.KakaoTalkChat.APIKey):
		return nil, parley.Invalid("kakaotalkchat_credentials.api_key", "must be the client secret")
	}
	a := &account{secret: c.KakaoTalkChat.APIKey}
	return a, a.decode(c.ProviderSettings)
}

// decode reads and checks provider_settings.
func (s *settings) decode(raw json.RawMessage) error {
	if err := channel.DecodeSettings(raw, string(parley.ChannelKakaoTalkChat), s); err != nil {
		return err
	}
	switch {
	case !headerForm.MatchString(s.ClientID):
		return channel.Setting("client_id", "is required")
	case s.SenderKey == "" || len(s.SenderKey) > 40:
		return channel.Setting("sender_key", "is required, of at most 40 characters")
	}
	for _, code := range slices.Sorted(maps.Keys(s.Codes)) {
		if !slices.Contains(codeReasons, s.Codes[code]) {
			return channel.Setting("codes."+code, "is not a reason a provider may have")
		}
	}
	return nil
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*account, error) {
	a, err := readAccount(c.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return a, nil
}

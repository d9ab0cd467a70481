// Package wechat is the WECHAT channel: an Official Account, spoken to over
// WeChat's Official Account API (developers.weixin.qq.com). Messages go out as
// customer service messages, which WeChat allows for a while after the contact
// did something, or as template messages, which it allows at any time.
//
// WeChat gives customer service messages no ids and says nothing about what
// becomes of them; of template messages it tells those that failed. It does
// not drop repeats.
package wechat

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Limits of customer service messages in bytes. That of a text is the one
// behind error 45002; those of articles are what the sibling WeCom API gives
// for the same object. WeChat documents none for menus: theirs are cautious.
const (
	maxText        = 2048
	maxTitle       = 128 // of a news article
	maxDescription = 512 // of a news article
	maxHead        = 1024
	maxTail        = 512
	maxMenu        = 10 // items
)

// Limits of temporary media in bytes (Add temporary media).
const (
	maxImage = 10 << 20
	maxVoice = 2 << 20
	maxVideo = 10 << 20
	maxThumb = 64 << 10
)

// provider is the one provider of the channel.
const provider = "wechat"

// WeChat is the WECHAT channel. Its only state is the access tokens of the
// accounts it served.
type WeChat struct{ tokens *tokens }

// The optional interfaces the channel has.
var (
	_ channel.Channel      = (*WeChat)(nil)
	_ channel.Receiver     = (*WeChat)(nil)
	_ channel.Connector    = (*WeChat)(nil)
	_ channel.MediaFetcher = (*WeChat)(nil)
	_ channel.EventSender  = (*WeChat)(nil)
)

// New returns the channel.
func New() *WeChat { return &WeChat{tokens: newTokens()} }

// Name returns WECHAT.
func (*WeChat) Name() parley.Channel { return parley.ChannelWeChat }

// Capabilities says what an Official Account can show. Of choices only texts
// can be tapped in place; the others open an address or a number in a text,
// which does for tapping. A carousel counts as native because it is put into
// as few messages as possible: a contact's message allows five in return.
//
// DELIVERED is not among the receipts although WeChat tells it of template
// messages: no other message would ever get there.
func (*WeChat) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:       maxText,
		Unit:          channel.Bytes,
		MaxCaption:    maxHead,
		MaxChoiceText: maxHead,
		Text:          channel.Native,
		Media:         channel.Native,
		MediaTypes: []channel.MediaType{
			{Type: "image/jpeg", MaxBytes: maxImage},
			{Type: "image/png", MaxBytes: maxImage},
			{Type: "image/gif", MaxBytes: maxImage},
			{Type: "audio/amr", MaxBytes: maxVoice},
			{Type: "audio/mpeg", MaxBytes: maxVoice},
			{Type: "video/mp4", MaxBytes: maxVideo},
			{Type: "*/*"},
		},
		Card:        channel.Native,
		Carousel:    channel.Native,
		Choice:      channel.Native,
		List:        channel.Native,
		Location:    channel.Native,
		ContactInfo: channel.Degraded,
		Template:    channel.Native,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		MaxChoices: maxMenu,
		MaxItems:   maxMenu,
		// Phones that do not know menus show them as text.
		TypedChoices: true,
		Events:       []string{"composing_event", "composing_end_event"},
		Receipts:     []parley.DeliveryStatus{parley.StatusFailed},
	}
}

// settings are the provider settings.
type settings struct {
	// RequireEncryption refuses webhooks that are not encrypted, whose
	// signature does not cover the body.
	RequireEncryption bool `json:"require_encryption"`
}

const requireEncryption = "require_encryption"

var (
	appIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9]{3,32}$`) // Developer configuration: Token
)

// Check validates the shape of the credential; only Connect can tell whether
// it works.
func (*WeChat) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

// An account is a credential that was checked.
type account struct {
	appID, secret, token string
	key                  []byte // of AES
	settings
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if c == nil || c.WeChat == nil {
		return nil, parley.Invalid("wechat_credentials", "is required for channel %s", parley.ChannelWeChat)
	}
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "%q does not serve %s", c.Provider, parley.ChannelWeChat)
	}
	a := &account{appID: c.WeChat.AppID, secret: c.WeChat.AppSecret, token: c.WeChat.Token}
	switch {
	case !appIDForm.MatchString(a.appID):
		return nil, parley.Invalid("wechat_credentials.app_id", "is not an AppID")
	case a.secret == "":
		return nil, parley.Invalid("wechat_credentials.app_secret", "is required")
	case !tokenForm.MatchString(a.token):
		return nil, parley.Invalid("wechat_credentials.token", "must be 3 to 32 letters and digits")
	}
	var err error
	if a.key, err = aesKey(c.WeChat.AESKey); err != nil {
		return nil, parley.Invalid("wechat_credentials.aes_key", "must be 43 letters and digits")
	}
	return a, a.decode(c.ProviderSettings)
}

// decode reads the settings. A member that does not exist is an error: a
// misspelt one would otherwise be a default in disguise.
func (s *settings) decode(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != requireEncryption {
			return parley.Invalid("provider_settings."+name, "is not a setting of %s, which has %s", parley.ChannelWeChat, requireEncryption)
		}
	}
	if json.Unmarshal(raw, s) != nil {
		return parley.Invalid("provider_settings."+requireEncryption, "must be a boolean")
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

// redact takes the account's secrets and an access token out of the provider's
// words.
func (a *account) redact(words, accessToken string) string {
	for _, secret := range []string{a.secret, a.token, accessToken} {
		if secret != "" {
			words = strings.ReplaceAll(words, secret, "***")
		}
	}
	return words
}

// Package kakaotalk is the KAKAOTALK channel: business messages to phone
// numbers, which only Kakao's dealers can send. Its provider is nhn, NHN
// Cloud's KakaoTalk Bizmessage (docs.nhncloud.com): approved templates go out
// as AlimTalk, everything else as Brand Message, the successor of FriendTalk.
//
// Contacts cannot answer on this product; KAKAOTALKCHAT is for that. Results
// come by webhook.
package kakaotalk

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Limits in characters (Brand Message v1.0, Request to send a free-form
// message), and of images in bytes (Upload Image Specifications).
const (
	maxText    = 1300
	maxCaption = 400 // of an image
	maxButtons = 5
	maxName    = 14 // of a button
	maxLink    = 1000
	maxImage   = 5 << 20
)

// provider is the one provider of the channel.
const provider = "nhn"

// KakaoTalk is the KAKAOTALK channel. It is stateless.
type KakaoTalk struct{}

// The optional interfaces the channel has.
var (
	_ channel.Channel   = KakaoTalk{}
	_ channel.Receiver  = KakaoTalk{}
	_ channel.Connector = KakaoTalk{}
)

// New returns the channel.
func New() KakaoTalk { return KakaoTalk{} }

// Name returns KAKAOTALK.
func (KakaoTalk) Name() parley.Channel { return parley.ChannelKakaoTalk }

// Capabilities says what a message with buttons can show. NHN refuses a
// repeated key instead of answering as before, so the channel does not count
// as one that drops repeats.
func (KakaoTalk) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:    maxText,
		Unit:       channel.Characters,
		MaxCaption: maxCaption,
		Text:       channel.Native,
		Media:      channel.Native,
		MediaTypes: []channel.MediaType{
			{Type: "image/jpeg", MaxBytes: maxImage}, {Type: "image/png", MaxBytes: maxImage}, {Type: "*/*"},
		},
		Card:        channel.Native,
		Carousel:    channel.Degraded,
		Choice:      channel.Native,
		List:        channel.Degraded,
		Location:    channel.Degraded,
		ContactInfo: channel.Degraded,
		Template:    channel.Native,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
			channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
		},
		MaxChoices: maxButtons,
		Receipts:   []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusFailed},
	}
}

// settings are the provider settings.
type settings struct {
	AppKey    string `json:"app_key"`    // of the service in NHN Cloud's console
	SecretKey string `json:"secret_key"` // made there
	// Targeting is who gets Brand Messages: I, friends of the channel (the
	// default); M, all who agreed to marketing; N, those of them who are no
	// friends.
	Targeting string `json:"targeting"`
}

// friends is the default targeting.
const friends = "I"

var keyForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// An account is a credential that was checked.
type account struct {
	senderKey string
	signature string // of webhooks; "" where none was chosen
	settings
}

// Check validates the credential; only Connect can tell whether it works.
func (KakaoTalk) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if c == nil || c.KakaoTalk == nil {
		return nil, parley.Invalid("kakaotalk_credentials", "is required for channel %s", parley.ChannelKakaoTalk)
	}
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "is %q; channel %s has only %s", c.Provider, parley.ChannelKakaoTalk, provider)
	}
	a := &account{senderKey: c.KakaoTalk.SenderKey, signature: c.CallbackSecret}
	if !keyForm.MatchString(a.senderKey) {
		return nil, parley.Invalid("kakaotalk_credentials.kakaotalk_sender_key", "is not a sender key")
	}
	return a, a.decode(c.ProviderSettings)
}

// decode reads the settings over their defaults and checks them.
func (s *settings) decode(raw json.RawMessage) error {
	s.Targeting = friends
	if err := channel.DecodeSettings(raw, "provider "+provider, s); err != nil {
		return err
	}
	switch {
	case !keyForm.MatchString(s.AppKey):
		return channel.Setting("app_key", "must be the app key of the service")
	case s.SecretKey == "":
		return channel.Setting("secret_key", "is required")
	case !slices.Contains([]string{"I", "M", "N"}, s.Targeting):
		return channel.Setting("targeting", "must be I, M or N")
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

func (a *account) header() http.Header {
	return http.Header{"X-Secret-Key": {a.SecretKey}, "Content-Type": {"application/json;charset=UTF-8"}}
}

// redact takes the account's secrets out of the provider's words.
func (a *account) redact(words string) string {
	for _, secret := range []string{a.SecretKey, a.AppKey, a.senderKey, a.signature} {
		if secret != "" {
			words = strings.ReplaceAll(words, secret, "***")
		}
	}
	return words
}

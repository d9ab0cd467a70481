// Package kakaotalkchat is channel KAKAOTALKCHAT, KakaoTalk's consultation
// talk: a contact opens a chat with a KakaoTalk channel, and for as long as
// the session lasts the app may answer. Kakao speaks to its contracted hub
// partners alone, so the provider is one of them: happytalk, its KakaoWebhook
// interface. docs/channels/kakaotalkchat.md says how to connect an account.
package kakaotalkchat

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The provider's limits. That of a text is documented (developer-center.
// happytalk.io, KakaoWebhook, MessageSend); those of buttons and files are
// what Kakao has for its other messages with the same objects.
const (
	maxText    = 1000 // characters
	maxButtons = 5
	maxName    = 14 // characters of a button
	maxFile    = 20 << 20
)

// Channel is the KAKAOTALKCHAT channel.
type Channel struct{}

// New returns the channel.
func New() Channel { return Channel{} }

// The optional interfaces the channel has.
var (
	_ channel.Channel      = Channel{}
	_ channel.Receiver     = Channel{}
	_ channel.MediaFetcher = Channel{}
)

// Name returns KAKAOTALKCHAT.
func (Channel) Name() parley.Channel { return parley.ChannelKakaoTalkChat }

// Capabilities says what a consultation shows. A tapped button is told as the
// text that is on it, so choices count as typed. A carousel becomes its cards.
func (Channel) Capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     maxText,
		Unit:        channel.Characters,
		MaxCaption:  maxText,
		Text:        channel.Native,
		Media:       channel.Native,
		MediaTypes:  []channel.MediaType{{Type: "*/*", MaxBytes: maxFile}},
		Card:        channel.Native,
		Carousel:    channel.Degraded,
		Choice:      channel.Native,
		List:        channel.Degraded,
		Location:    channel.Degraded,
		ContactInfo: channel.Degraded,
		Template:    channel.Degraded,
		Choices: []channel.ChoiceKind{
			channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall, channel.ChoiceLocation,
		},
		MaxChoices:   maxButtons,
		Style:        style(),
		TypedChoices: true,
	}
}

func style() channel.Style { return channel.Style{BlankBefore: true} }

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

// FetchMedia opens a file that a contact sent. Kakao keeps it at a public
// address, and not for long.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	return c.OpenMedia(ctx, ref)
}

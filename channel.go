package parley

import "strings"

// A Channel is the name of a messaging channel on the wire.
type Channel string

// The channels of the API. ChannelEmail is Parley's addition.
const (
	ChannelWhatsApp      Channel = "WHATSAPP"
	ChannelRCS           Channel = "RCS"
	ChannelSMS           Channel = "SMS"
	ChannelMMS           Channel = "MMS"
	ChannelMessenger     Channel = "MESSENGER"
	ChannelInstagram     Channel = "INSTAGRAM"
	ChannelTelegram      Channel = "TELEGRAM"
	ChannelViber         Channel = "VIBER"
	ChannelViberBM       Channel = "VIBERBM"
	ChannelLINE          Channel = "LINE"
	ChannelKakaoTalk     Channel = "KAKAOTALK"
	ChannelKakaoTalkChat Channel = "KAKAOTALKCHAT"
	ChannelWeChat        Channel = "WECHAT"
	ChannelAppleBC       Channel = "APPLEBC"
	ChannelEmail         Channel = "EMAIL"

	// ChannelUnspecified is the active channel of a conversation in which
	// nothing was sent or received yet.
	ChannelUnspecified Channel = "CHANNEL_UNSPECIFIED"
)

// Channels lists every channel that can be configured on an app.
func Channels() []Channel {
	return []Channel{
		ChannelWhatsApp, ChannelRCS, ChannelSMS, ChannelMMS, ChannelMessenger, ChannelInstagram, ChannelTelegram,
		ChannelViber, ChannelViberBM, ChannelLINE, ChannelKakaoTalk, ChannelKakaoTalkChat, ChannelWeChat,
		ChannelAppleBC, ChannelEmail,
	}
}

// Known reports whether c is a channel that can be configured on an app.
func (c Channel) Known() bool {
	switch c {
	case ChannelWhatsApp, ChannelRCS, ChannelSMS, ChannelMMS, ChannelMessenger, ChannelInstagram, ChannelTelegram,
		ChannelViber, ChannelViberBM, ChannelLINE, ChannelKakaoTalk, ChannelKakaoTalkChat, ChannelWeChat,
		ChannelAppleBC, ChannelEmail:
		return true
	case ChannelUnspecified:
		return false
	default:
		return false
	}
}

// AppScoped reports whether the same identity on c means a different person
// under another app, so that an identity must name its app.
func (c Channel) AppScoped() bool {
	return c == ChannelMessenger || c == ChannelInstagram || c == ChannelLINE || c == ChannelWeChat
}

// Phone reports whether identities on c are phone numbers: accepted with or
// without a leading +, kept and returned without it.
func (c Channel) Phone() bool {
	switch c {
	case ChannelSMS, ChannelMMS, ChannelRCS, ChannelWhatsApp, ChannelViberBM, ChannelKakaoTalk:
		return true
	case ChannelMessenger, ChannelInstagram, ChannelTelegram, ChannelViber, ChannelLINE, ChannelKakaoTalkChat,
		ChannelWeChat, ChannelAppleBC, ChannelEmail, ChannelUnspecified:
		return false
	default:
		return false
	}
}

// Unified reports whether Unified Contact ID takes a phone number on c for
// the same contact as on the other UnifiedChannels.
func (c Channel) Unified() bool { return c == ChannelSMS || c == ChannelMMS || c == ChannelRCS }

// UnifiedChannels lists the channels that Unified Contact ID unites
// (developers.sinch.com/docs/conversation/unified-contact-id).
func UnifiedChannels() []Channel { return []Channel{ChannelSMS, ChannelMMS, ChannelRCS} }

// A ChannelIdentity is who somebody is on a channel. AppID is set only on
// channels whose identities are app-scoped and is otherwise "".
type ChannelIdentity struct {
	Channel  Channel `json:"channel"`
	Identity string  `json:"identity"`
	AppID    string  `json:"app_id"`
}

// Normalize returns the identity as it is stored and compared: phone numbers
// lose their +, spaces and the + that an unescaped query turned into a space;
// mail addresses are in lower case, as people write their own in either.
func (c ChannelIdentity) Normalize() ChannelIdentity {
	switch {
	case c.Channel.Phone():
		c.Identity = strings.TrimLeft(strings.TrimSpace(c.Identity), "+")
	case c.Channel == ChannelEmail:
		c.Identity = strings.ToLower(strings.TrimSpace(c.Identity))
	}
	if !c.Channel.AppScoped() {
		c.AppID = ""
	}
	return c
}

// MaxIdentity bounds an identity; the longest real ones (Apple, RCS) are far
// below it.
const MaxIdentity = 512

func (c *ChannelIdentity) validate(p path) error {
	if err := c.Channel.validate(p.field("channel")); err != nil {
		return err
	}
	if strings.TrimSpace(c.Identity) == "" {
		return missing(p.field("identity"))
	}
	return atMost(p.field("identity"), c.Identity, MaxIdentity)
}

func (c Channel) validate(p path) error {
	if c == "" {
		return missing(p)
	}
	if !c.Known() {
		return invalid(p, "unknown channel %q", c)
	}
	return nil
}

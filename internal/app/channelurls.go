package app

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/parley-im/parley"
)

// ChannelURLs replace the providers' own addresses: a proxy, a server of one's
// own, a simulator. One address stands for all hosts of a provider.
type ChannelURLs struct {
	Telegram       string `help:"Address of TELEGRAM's Bot API." name:"telegram-base-url" env:"TELEGRAM_BASE_URL" yaml:"telegram_base_url"`
	WhatsApp       string `help:"Address of WHATSAPP's Graph API." name:"whatsapp-base-url" env:"WHATSAPP_BASE_URL" yaml:"whatsapp_base_url"`
	SMSSinch       string `help:"Address of SMS's Sinch's REST API." name:"sms-sinch-base-url" env:"SMS_SINCH_BASE_URL" yaml:"sms_sinch_base_url"`
	SMSSMPP        string `help:"Address of SMS's SMPP centre, smpp://host:port." name:"sms-smpp-base-url" env:"SMS_SMPP_BASE_URL" yaml:"sms_smpp_base_url"`
	SMSTwilio      string `help:"Address of SMS's Twilio's API." name:"sms-twilio-base-url" env:"SMS_TWILIO_BASE_URL" yaml:"sms_twilio_base_url"`
	SMSVonage      string `help:"Address of SMS's Vonage's API." name:"sms-vonage-base-url" env:"SMS_VONAGE_BASE_URL" yaml:"sms_vonage_base_url"`
	SMSKannel      string `help:"Address of SMS's Kannel's sendsms." name:"sms-kannel-base-url" env:"SMS_KANNEL_BASE_URL" yaml:"sms_kannel_base_url"`
	MMSSinch       string `help:"Address of MMS's Sinch's MM7 relay." name:"mms-sinch-base-url" env:"MMS_SINCH_BASE_URL" yaml:"mms_sinch_base_url"`
	MMSTwilio      string `help:"Address of MMS's Twilio's API." name:"mms-twilio-base-url" env:"MMS_TWILIO_BASE_URL" yaml:"mms_twilio_base_url"`
	MMSBandwidth   string `help:"Address of MMS's Bandwidth's API." name:"mms-bandwidth-base-url" env:"MMS_BANDWIDTH_BASE_URL" yaml:"mms_bandwidth_base_url"`
	RCSGoogle      string `help:"Address of RCS's Google's API and token endpoint." name:"rcs-google-base-url" env:"RCS_GOOGLE_BASE_URL" yaml:"rcs_google_base_url"`
	RCSSinch       string `help:"Address of RCS's Sinch's API." name:"rcs-sinch-base-url" env:"RCS_SINCH_BASE_URL" yaml:"rcs_sinch_base_url"`
	Messenger      string `help:"Address of MESSENGER's Graph API." name:"messenger-base-url" env:"MESSENGER_BASE_URL" yaml:"messenger_base_url"`
	Instagram      string `help:"Address of INSTAGRAM's Graph API." name:"instagram-base-url" env:"INSTAGRAM_BASE_URL" yaml:"instagram_base_url"`
	Viber          string `help:"Address of VIBER's bot API." name:"viber-base-url" env:"VIBER_BASE_URL" yaml:"viber_base_url"`
	ViberBMVonage  string `help:"Address of VIBERBM's Vonage's Messages API." name:"viberbm-vonage-base-url" env:"VIBERBM_VONAGE_BASE_URL" yaml:"viberbm_vonage_base_url"`
	ViberBMInfobip string `help:"Address of VIBERBM's Infobip's API." name:"viberbm-infobip-base-url" env:"VIBERBM_INFOBIP_BASE_URL" yaml:"viberbm_infobip_base_url"`
	LINE           string `help:"Address of LINE's Messaging API, content included." name:"line-base-url" env:"LINE_BASE_URL" yaml:"line_base_url"`
	KakaoTalk      string `help:"Address of KAKAOTALK's NHN API." name:"kakaotalk-base-url" env:"KAKAOTALK_BASE_URL" yaml:"kakaotalk_base_url"`
	KakaoTalkChat  string `help:"Address of KAKAOTALKCHAT's API." name:"kakaotalkchat-base-url" env:"KAKAOTALKCHAT_BASE_URL" yaml:"kakaotalkchat_base_url"`
	WeChat         string `help:"Address of WECHAT's API." name:"wechat-base-url" env:"WECHAT_BASE_URL" yaml:"wechat_base_url"`
	AppleBC        string `help:"Address of APPLEBC's Business API." name:"applebc-base-url" env:"APPLEBC_BASE_URL" yaml:"applebc_base_url"`
	Email          string `help:"Address of EMAIL's server, smtp://host:port." name:"email-base-url" env:"EMAIL_BASE_URL" yaml:"email_base_url"`
}

// A channelURL is the setting for one provider of a channel. The provider is
// "" where the channel has only one.
type channelURL struct {
	channel  parley.Channel
	provider string
	address  *string
}

// all lists the settings; of a channel's providers the one that serves
// credentials which name none comes first.
func (u *ChannelURLs) all() []channelURL {
	return []channelURL{
		{parley.ChannelTelegram, "", &u.Telegram},
		{parley.ChannelWhatsApp, "", &u.WhatsApp},
		{parley.ChannelSMS, "sinch", &u.SMSSinch},
		{parley.ChannelSMS, "smpp", &u.SMSSMPP},
		{parley.ChannelSMS, "twilio", &u.SMSTwilio},
		{parley.ChannelSMS, "vonage", &u.SMSVonage},
		{parley.ChannelSMS, "kannel", &u.SMSKannel},
		{parley.ChannelMMS, "sinch", &u.MMSSinch},
		{parley.ChannelMMS, "twilio", &u.MMSTwilio},
		{parley.ChannelMMS, "bandwidth", &u.MMSBandwidth},
		{parley.ChannelRCS, "google", &u.RCSGoogle},
		{parley.ChannelRCS, "sinch", &u.RCSSinch},
		{parley.ChannelMessenger, "", &u.Messenger},
		{parley.ChannelInstagram, "", &u.Instagram},
		{parley.ChannelViber, "", &u.Viber},
		{parley.ChannelViberBM, "vonage", &u.ViberBMVonage},
		{parley.ChannelViberBM, "infobip", &u.ViberBMInfobip},
		{parley.ChannelLINE, "", &u.LINE},
		{parley.ChannelKakaoTalk, "", &u.KakaoTalk},
		{parley.ChannelKakaoTalkChat, "", &u.KakaoTalkChat},
		{parley.ChannelWeChat, "", &u.WeChat},
		{parley.ChannelAppleBC, "", &u.AppleBC},
		{parley.ChannelEmail, "", &u.Email},
	}
}

// name is what the setting is called in the configuration file.
func (c channelURL) name() string {
	name := strings.ToLower(string(c.channel))
	if c.provider != "" {
		name += "_" + c.provider
	}
	return "channels." + name + "_base_url"
}

// simulated is what the provider is called in the simulator, and after a slash
// its path there.
func (c channelURL) simulated() string {
	name := strings.ToLower(string(c.channel))
	if c.provider != "" {
		name += "-" + c.provider
	}
	return name
}

// baseURL returns what replaces a provider's address, or "".
func (u *ChannelURLs) baseURL(ch parley.Channel, provider string) string {
	for _, c := range u.all() {
		if c.channel == ch && (provider == "" || c.provider == "" || c.provider == provider) {
			return *c.address
		}
	}
	return ""
}

// hosts lists the addresses, which are always reachable.
func (u *ChannelURLs) hosts() []string {
	var out []string
	for _, c := range u.all() {
		s := *c.address
		if p, err := url.Parse(s); err == nil && (p.Scheme == "smpp" || p.Scheme == "smtp") {
			s = p.Host
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// check refuses addresses that are not absolute, and drops trailing slashes.
func (u *ChannelURLs) check() error {
	for _, c := range u.all() {
		if *c.address == "" {
			continue
		}
		if p, err := url.Parse(*c.address); err != nil || p.Host == "" {
			return fmt.Errorf("%s: must be an absolute URL", c.name())
		}
		*c.address = strings.TrimSuffix(*c.address, "/")
	}
	return nil
}

package parley

import "encoding/json"

// The states of a channel credential.
const (
	CredentialPending = "PENDING"
	CredentialActive  = "ACTIVE"
	CredentialFailing = "FAILING"
)

// A ChannelCredential is what an app needs to use a channel: the one object
// that fits the channel. Credentials are echoed back in clear, because clients
// read an app and write it back.
type ChannelCredential struct {
	Channel        Channel                  `json:"channel"`
	StaticBearer   *StaticBearer            `json:"static_bearer,omitempty"`
	StaticToken    *StaticToken             `json:"static_token,omitempty"`
	MMS            *MMSCredentials          `json:"mms_credentials,omitempty"`
	Instagram      *InstagramCredentials    `json:"instagram_credentials,omitempty"`
	Telegram       *TelegramCredentials     `json:"telegram_credentials,omitempty"`
	KakaoTalk      *KakaoTalkCredentials    `json:"kakaotalk_credentials,omitempty"`
	KakaoTalkChat  *KakaoTalkChatCredential `json:"kakaotalkchat_credentials,omitempty"`
	LINE           *LINECredentials         `json:"line_credentials,omitempty"`
	LINEEnterprise *LINEEnterprise          `json:"line_enterprise_credentials,omitempty"`
	WeChat         *WeChatCredentials       `json:"wechat_credentials,omitempty"`
	AppleBC        *AppleBCCredentials      `json:"applebc_credentials,omitempty"`

	CallbackSecret          string           `json:"callback_secret"`
	State                   *CredentialState `json:"state,omitempty"`
	ChannelKnownID          string           `json:"channel_known_id"`
	CredentialOrdinalNumber int              `json:"credential_ordinal_number"`

	// Provider and ProviderSettings are Parley's additions: which of several
	// providers of the channel serves it, and what that provider needs beyond
	// the API's credential objects. Both are documented per channel.
	Provider         string          `json:"provider,omitempty"`
	ProviderSettings json.RawMessage `json:"provider_settings,omitempty"`
}

// CredentialState says whether a credential works, and when not, why.
type CredentialState struct {
	Status      string `json:"status"`
	Description string `json:"description"`
}

// StaticBearer is the credential of WHATSAPP, RCS, SMS and VIBERBM.
type StaticBearer struct {
	ClaimedIdentity string `json:"claimed_identity"`
	Token           string `json:"token"`
}

// StaticToken is the credential of MESSENGER and VIBER.
type StaticToken struct {
	Token string `json:"token"`
}

// MMSCredentials is the credential of MMS.
type MMSCredentials struct {
	AccountID     string     `json:"account_id"`
	APIKey        string     `json:"api_key"`
	BasicAuth     *BasicAuth `json:"basic_auth,omitempty"`
	DefaultSender string     `json:"default_sender,omitempty"`
}

// BasicAuth is a user name and password.
type BasicAuth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// InstagramCredentials is the credential of INSTAGRAM.
type InstagramCredentials struct {
	Token             string `json:"token"`
	BusinessAccountID string `json:"business_account_id,omitempty"`
}

// TelegramCredentials is the credential of TELEGRAM: a bot token.
type TelegramCredentials struct {
	Token string `json:"token"`
}

// KakaoTalkCredentials is the credential of KAKAOTALK.
type KakaoTalkCredentials struct {
	PlusFriendID string `json:"kakaotalk_plus_friend_id"`
	SenderKey    string `json:"kakaotalk_sender_key"`
}

// KakaoTalkChatCredential is the credential of KAKAOTALKCHAT.
type KakaoTalkChatCredential struct {
	PlusFriendID string `json:"kakaotalk_plus_friend_id"`
	APIKey       string `json:"api_key"`
}

// LINECredentials is a credential of LINE.
type LINECredentials struct {
	Token     string `json:"token"`
	Secret    string `json:"secret"`
	IsDefault bool   `json:"is_default,omitempty"`
}

// LINEEnterprise is a credential of LINE for enterprise accounts: exactly one
// country is set.
type LINEEnterprise struct {
	Japan     *LINECountry `json:"line_japan,omitempty"`
	Thailand  *LINECountry `json:"line_thailand,omitempty"`
	IsDefault bool         `json:"is_default,omitempty"`
}

// LINECountry is the enterprise account of one country.
type LINECountry struct {
	Token  string `json:"token"`
	Secret string `json:"secret"`
}

// WeChatCredentials is the credential of WECHAT.
type WeChatCredentials struct {
	AppID     string `json:"app_id"`
	AppSecret string `json:"app_secret"`
	Token     string `json:"token"`
	AESKey    string `json:"aes_key"`
}

// AppleBCCredentials is the credential of APPLEBC.
type AppleBCCredentials struct {
	BusinessChatAccountID        string `json:"business_chat_account_id"`
	MerchantID                   string `json:"merchant_id,omitempty"`
	ApplePayCertificateReference string `json:"apple_pay_certificate_reference,omitempty"`
	ApplePayCertificatePassword  string `json:"apple_pay_certificate_password,omitempty"`
}

// Key returns what tells one account on the channel from another without
// revealing its secret: the claimed identity and the like; "" where the
// credential has none but its token.
func (c *ChannelCredential) Key() string {
	switch {
	case c.StaticBearer != nil:
		return c.StaticBearer.ClaimedIdentity
	case c.MMS != nil:
		return c.MMS.AccountID
	case c.Instagram != nil:
		return c.Instagram.BusinessAccountID
	case c.KakaoTalk != nil:
		return c.KakaoTalk.PlusFriendID
	case c.KakaoTalkChat != nil:
		return c.KakaoTalkChat.PlusFriendID
	case c.WeChat != nil:
		return c.WeChat.AppID
	case c.AppleBC != nil:
		return c.AppleBC.BusinessChatAccountID
	}
	return ""
}

func (c *ChannelCredential) isDefault() bool {
	return c.LINE != nil && c.LINE.IsDefault || c.LINEEnterprise != nil && c.LINEEnterprise.IsDefault
}

func (c *ChannelCredential) validate(p path) error {
	if err := first(
		c.Channel.validate(p.field("channel")),
		atMost(p.field("callback_secret"), c.CallbackSecret, 256),
	); err != nil {
		return err
	}
	if n := c.CredentialOrdinalNumber; n < 0 || n > 255 {
		return invalid(p.field("credential_ordinal_number"), "must be 0 to 255")
	}
	set := c.objects()
	if len(set) > 1 {
		return invalid(p, "has more than one credential object: %s and %s", set[0], set[1])
	}
	want := credentialObjects(c.Channel)
	if len(set) == 0 {
		if c.Channel == ChannelEmail {
			return nil
		}
		return invalid(p.field(want[0]), "is required for channel %s", c.Channel)
	}
	fits := false
	for _, w := range want {
		fits = fits || w == set[0]
	}
	if !fits {
		return invalid(p.field(set[0]), "does not fit channel %s, which needs %s", c.Channel, want[0])
	}
	return c.validateObject(p)
}

// credentialObjects lists the credential objects that fit a channel, the usual
// one first.
func credentialObjects(c Channel) []string {
	switch c {
	case ChannelMessenger, ChannelViber:
		return []string{"static_token"}
	case ChannelMMS:
		return []string{"mms_credentials"}
	case ChannelInstagram:
		return []string{"instagram_credentials"}
	case ChannelTelegram:
		return []string{"telegram_credentials"}
	case ChannelKakaoTalk:
		return []string{"kakaotalk_credentials"}
	case ChannelKakaoTalkChat:
		return []string{"kakaotalkchat_credentials"}
	case ChannelLINE:
		return []string{"line_credentials", "line_enterprise_credentials"}
	case ChannelWeChat:
		return []string{"wechat_credentials"}
	case ChannelAppleBC:
		return []string{"applebc_credentials"}
	case ChannelWhatsApp, ChannelRCS, ChannelSMS, ChannelViberBM, ChannelEmail, ChannelUnspecified:
		return []string{"static_bearer"}
	default:
		return []string{"static_bearer"}
	}
}

// objects names the credential objects that are set.
func (c *ChannelCredential) objects() []string {
	var set []string
	add := func(present bool, name string) {
		if present {
			set = append(set, name)
		}
	}
	add(c.StaticBearer != nil, "static_bearer")
	add(c.StaticToken != nil, "static_token")
	add(c.MMS != nil, "mms_credentials")
	add(c.Instagram != nil, "instagram_credentials")
	add(c.Telegram != nil, "telegram_credentials")
	add(c.KakaoTalk != nil, "kakaotalk_credentials")
	add(c.KakaoTalkChat != nil, "kakaotalkchat_credentials")
	add(c.LINE != nil, "line_credentials")
	add(c.LINEEnterprise != nil, "line_enterprise_credentials")
	add(c.WeChat != nil, "wechat_credentials")
	add(c.AppleBC != nil, "applebc_credentials")
	return set
}

// validateObject checks the required members of the one object that is set.
func (c *ChannelCredential) validateObject(p path) error {
	switch {
	case c.StaticBearer != nil:
		q := p.field("static_bearer")
		return first(required(q.field("claimed_identity"), c.StaticBearer.ClaimedIdentity),
			required(q.field("token"), c.StaticBearer.Token))
	case c.StaticToken != nil:
		return required(p.field("static_token").field("token"), c.StaticToken.Token)
	case c.MMS != nil:
		q := p.field("mms_credentials")
		return first(required(q.field("account_id"), c.MMS.AccountID), required(q.field("api_key"), c.MMS.APIKey))
	case c.Instagram != nil:
		return required(p.field("instagram_credentials").field("token"), c.Instagram.Token)
	case c.Telegram != nil:
		return required(p.field("telegram_credentials").field("token"), c.Telegram.Token)
	case c.KakaoTalk != nil:
		q := p.field("kakaotalk_credentials")
		return first(required(q.field("kakaotalk_plus_friend_id"), c.KakaoTalk.PlusFriendID),
			required(q.field("kakaotalk_sender_key"), c.KakaoTalk.SenderKey))
	case c.KakaoTalkChat != nil:
		return required(p.field("kakaotalkchat_credentials").field("kakaotalk_plus_friend_id"), c.KakaoTalkChat.PlusFriendID)
	case c.LINE != nil:
		q := p.field("line_credentials")
		return first(required(q.field("token"), c.LINE.Token), required(q.field("secret"), c.LINE.Secret))
	case c.LINEEnterprise != nil:
		return c.LINEEnterprise.validate(p.field("line_enterprise_credentials"))
	case c.WeChat != nil:
		q := p.field("wechat_credentials")
		return first(required(q.field("app_id"), c.WeChat.AppID), required(q.field("app_secret"), c.WeChat.AppSecret),
			required(q.field("token"), c.WeChat.Token), required(q.field("aes_key"), c.WeChat.AESKey))
	case c.AppleBC != nil:
		return required(p.field("applebc_credentials").field("business_chat_account_id"), c.AppleBC.BusinessChatAccountID)
	}
	return nil
}

func (e *LINEEnterprise) validate(p path) error {
	country, name := e.Japan, "line_japan"
	switch {
	case e.Japan != nil && e.Thailand != nil:
		return invalid(p, "has more than one country: line_japan and line_thailand")
	case e.Thailand != nil:
		country, name = e.Thailand, "line_thailand"
	case e.Japan == nil:
		return invalid(p, "needs line_japan or line_thailand")
	}
	q := p.field(name)
	return first(required(q.field("token"), country.Token), required(q.field("secret"), country.Secret))
}

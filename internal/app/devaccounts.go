package app

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
)

// devApp is the app with all channels that parley dev makes. An app has one
// credential a channel, so a channel's further providers have apps of their
// own; see devOver.
const devApp = "Demo"

// A devAccount is an account at a simulated provider and an app's credential
// for it.
type devAccount struct {
	app      string
	channel  parley.Channel
	provider string // in the simulator
	id       string // of the account there
	handset  string // an identity to write to
	// credential is what the app gets. secret is the same for all.
	credential func(secret string) parley.ChannelCredential
	// account is the simulator's account. webhook is where it reports to, ""
	// while the server does not run yet; providers that are told by the server
	// itself, or over a session, have no use for it.
	account func(secret, webhook string) any
}

// The accounts open nothing but a simulator on this machine.
const (
	devTelegramToken = "100200300:parley-dev-telegram-bot-token"
	devPassword      = "parley1"
	devSender        = "12025550100"
	devMailbox       = "parley"
	devMail          = "demo@parley.example"
	devPhone         = "12025550123"
	devInstagram     = "17841400008460056"
	devPage          = "104528752223344"
	devPageToken     = "parley-dev-page-token" //nolint:gosec // opens a simulator only
	devBusiness      = "3f1e2b8a-0c55-4e0e-9a0b-0d9b6f2f4a11"
	devVASP          = "parley-dev-vasp"
	devToken         = "parley-dev-token" //nolint:gosec // opens a simulator only
)

// devAccounts is what parley dev has ready: a channel is one row. The first is
// the one in the printed example.
func devAccounts() []devAccount {
	return append([]devAccount{
		{
			devApp, parley.ChannelWhatsApp, simulator.ProviderWhatsApp, "106540352242922", devPhone,
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "106540352242922", Token: devToken},
					ProviderSettings: devSettings(map[string]any{"app_secret": secret, "verify_token": secret}),
				}
			},
			func(secret, webhook string) any {
				return simulator.WhatsAppAccount{
					Token: devToken, AppSecret: secret, VerifyToken: secret, WebhookURL: webhook, DisplayPhoneNumber: devSender,
				}
			},
		},
		{
			devApp, parley.ChannelSMS, simulator.ProviderSinch, "parley-dev-plan", devPhone,
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					StaticBearer:   &parley.StaticBearer{ClaimedIdentity: "parley-dev-plan", Token: devToken},
					CallbackSecret: secret, ProviderSettings: devSettings(map[string]any{"default_sender": devSender}),
				}
			},
			func(secret, webhook string) any {
				return simulator.SinchAccount{
					Token: devToken, CallbackURL: webhook, CallbackSecret: secret, DefaultOriginator: devSender,
				}
			},
		},
		{
			devApp, parley.ChannelTelegram, simulator.ProviderTelegram, devTelegramToken, "1001",
			func(string) parley.ChannelCredential {
				return parley.ChannelCredential{Telegram: &parley.TelegramCredentials{Token: devTelegramToken}}
			},
			func(string, string) any { return simulator.TelegramAccount{Username: "parley_dev_bot", Name: "Demo"} },
		},
		{
			devApp, parley.ChannelMessenger, simulator.ProviderMessenger, devPage, "2001",
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					StaticToken:      &parley.StaticToken{Token: devPageToken},
					ProviderSettings: devSettings(map[string]any{"page_id": devPage, "app_secret": secret, "verify_token": secret}),
				}
			},
			func(secret, webhook string) any {
				return simulator.PageAccount{Token: devPageToken, AppSecret: secret, VerifyToken: secret, WebhookURL: webhook, Name: "Demo"}
			},
		},
		devWeChat(),
		devKakaoTalk(),
		{
			devApp, parley.ChannelLINE, simulator.ProviderLINE, "1653000000", "U4af4980629aabbccddeeff0011223344",
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{LINE: &parley.LINECredentials{Token: devToken, Secret: secret}}
			},
			func(secret, webhook string) any {
				return simulator.LINEAccount{Token: devToken, Secret: secret, WebhookURL: webhook, Name: "Demo"}
			},
		},
		{
			devApp, parley.ChannelMMS, simulator.ProviderMMSSinch, devVASP, devPhone,
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					MMS:              &parley.MMSCredentials{AccountID: "parley-dev-vas", APIKey: devVASP, DefaultSender: devSender},
					CallbackSecret:   secret,
					ProviderSettings: devSettings(map[string]any{"read_reply": true}),
				}
			},
			func(secret, webhook string) any {
				return simulator.MMSSinchAccount{
					VASID: "parley-dev-vas", WebhookURL: webhook, WebhookPassword: secret, Number: devSender,
				}
			},
		},
		{
			devApp, parley.ChannelInstagram, simulator.ProviderInstagram, devInstagram, "3001",
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					Instagram:        &parley.InstagramCredentials{Token: devPageToken, BusinessAccountID: devInstagram},
					ProviderSettings: devSettings(map[string]any{"app_secret": secret, "verify_token": secret}),
				}
			},
			func(secret, webhook string) any {
				return simulator.PageAccount{Token: devPageToken, AppSecret: secret, VerifyToken: secret, WebhookURL: webhook, Name: "demo"}
			},
		},
		{
			devApp, parley.ChannelEmail, simulator.ProviderEmail, devMailbox, "ada@phone.example",
			func(string) parley.ChannelCredential {
				return parley.ChannelCredential{
					StaticBearer: &parley.StaticBearer{ClaimedIdentity: devMailbox, Token: devPassword},
					ProviderSettings: devSettings(map[string]any{
						"host": "127.0.0.1", "from": "Demo <" + devMail + ">", "bounces": "bounces@parley.example",
						"delivery_reports": true, "read_reports": true, "list_unsubscribe": true,
					}),
				}
			},
			// putDevMail completes it.
			func(string, string) any { return simulator.EmailAccount{Password: devPassword} },
		},
		{
			devApp, parley.ChannelViberBM, simulator.ProviderVonageViber, "16273", devPhone,
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					StaticBearer:   &parley.StaticBearer{ClaimedIdentity: "16273", Token: devToken},
					CallbackSecret: secret, ProviderSettings: devSettings(map[string]any{"api_key": "parleydev"}),
				}
			},
			func(secret, webhook string) any {
				return simulator.VonageViberAccount{APIKey: "parleydev", Secret: devToken, WebhookURL: webhook, SignatureSecret: secret}
			},
		},
		{
			devApp, parley.ChannelViber, simulator.ProviderViber, devToken, "01234567890A=",
			func(string) parley.ChannelCredential {
				return parley.ChannelCredential{StaticToken: &parley.StaticToken{Token: devToken}}
			},
			func(_, webhook string) any { return simulator.ViberAccount{Name: "Demo", WebhookURL: webhook} },
		},
		{
			devApp, parley.ChannelRCS, simulator.ProviderRCSGoogle, "parley-dev-agent", devPhone,
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "parley-dev-agent", Token: devToken},
					ProviderSettings: devSettings(map[string]any{"client_token": secret}),
				}
			},
			func(secret, webhook string) any {
				return simulator.RCSGoogleAccount{Token: devToken, ClientToken: secret, WebhookURL: webhook}
			},
		},
		{
			devApp, parley.ChannelKakaoTalkChat, simulator.ProviderKakaoChat, "parley-dev-sender", "Xj1bW5wlE5SR",
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					KakaoTalkChat:    &parley.KakaoTalkChatCredential{PlusFriendID: "@demo", APIKey: devToken},
					CallbackSecret:   secret,
					ProviderSettings: devSettings(map[string]any{"client_id": "parley-dev", "sender_key": "parley-dev-sender"}),
				}
			},
			func(secret, webhook string) any {
				if webhook != "" {
					webhook += "/" + secret
				}
				return simulator.KakaoChatAccount{ClientID: "parley-dev", Secret: devToken, WebhookURL: webhook}
			},
		},
		{
			devApp, parley.ChannelAppleBC, simulator.ProviderAppleBC, devBusiness, "urn:mbid:AQAAY0000001",
			func(secret string) parley.ChannelCredential {
				return parley.ChannelCredential{
					AppleBC: &parley.AppleBCCredentials{BusinessChatAccountID: devBusiness},
					ProviderSettings: devSettings(map[string]any{
						"msp_id": "parley-dev", "secret": base64.StdEncoding.EncodeToString([]byte("parley-dev-" + secret)),
					}),
				}
			},
			func(secret, webhook string) any {
				return simulator.AppleBCAccount{
					MSPID: "parley-dev", Secret: base64.StdEncoding.EncodeToString([]byte("parley-dev-" + secret)), WebhookURL: webhook,
				}
			},
		},
	}, devProviders()...)
}

// devApps lists the names of the apps.
func devApps() []string {
	var names []string
	for _, a := range devAccounts() {
		if !slices.Contains(names, a.app) {
			names = append(names, a.app)
		}
	}
	return names
}

// devCredentials is what the app of that name gets.
func devCredentials(app, secret string) []parley.ChannelCredential {
	var out []parley.ChannelCredential
	for _, a := range devAccounts() {
		if a.app == app {
			c := a.credential(secret)
			c.Channel = a.channel
			out = append(out, c)
		}
	}
	return out
}

func devSettings(members map[string]any) json.RawMessage {
	raw, err := json.Marshal(members)
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return raw
}

// A devSession is a simulated provider with a listener of its own besides the
// simulator's.
type devSession struct {
	provider string
	setting  string // as channelURL.simulated has it
	scheme   string
	listen   string
}

func (o *DevOptions) sessions() []devSession {
	return []devSession{
		{simulator.ProviderSMPP, "sms-smpp", "smpp", o.SMPPListen},
		{simulator.ProviderEmail, "email", "smtp", o.SMTPListen},
	}
}

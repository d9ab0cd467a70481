package app

import (
	"maps"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
)

// The accounts at the providers that have an app of their own; each opens
// nothing but a simulator.
const (
	devTwilioSID   = "ACparleydev0000000000000000000000"
	devVonageKey   = "parleydev"
	devKannelUser  = "parley"
	devBandwidthID = "5500001"
	devBandwidth   = "parley-dev-application"
	devSinchAgent  = "parley-dev-sinch-agent"
)

// devOver is the name of the app that has a provider's channels. Of a channel's
// providers the one that serves credentials which name none is in devApp; each
// of the others is a row with devOver, here or beside the channel's own.
func devOver(provider string) string { return devApp + " over " + provider }

// devProviders is the rows of the providers besides those of devApp.
func devProviders() []devAccount {
	return []devAccount{
		devSMPP(), devTwilioSMS(), devTwilioMMS(), devVonageSMS(), devKannel(), devBandwidthMMS(),
		devInfobipViberBM(), devSinchRCS(),
	}
}

func devSMPP() devAccount {
	return devAccount{
		devOver("SMPP"), parley.ChannelSMS, simulator.ProviderSMPP, "parley", devPhone,
		func(string) parley.ChannelCredential {
			return parley.ChannelCredential{
				StaticBearer: &parley.StaticBearer{ClaimedIdentity: "parley", Token: devPassword}, Provider: "smpp",
				ProviderSettings: devSettings(map[string]any{
					"host": "127.0.0.1", "default_sender": devSender, "rate_limit_per_s": 0,
				}),
			}
		},
		func(string, string) any { return simulator.SMPPAccount{Password: devPassword, Number: devSender} },
	}
}

// devGateway is the row of a gateway for SMS. settings are what it needs
// besides the sender.
func devGateway(app, provider, simulated, id string, settings map[string]any) devAccount {
	return devAccount{
		app, parley.ChannelSMS, simulated, id, devPhone,
		func(secret string) parley.ChannelCredential {
			all := map[string]any{"default_sender": devSender}
			maps.Copy(all, settings)
			return parley.ChannelCredential{
				StaticBearer: &parley.StaticBearer{ClaimedIdentity: id, Token: devToken}, Provider: provider,
				CallbackSecret: secret, ProviderSettings: devSettings(all),
			}
		},
		func(secret, webhook string) any {
			return simulator.SMSGatewayAccount{Token: devToken, Number: devSender, WebhookURL: webhook, Secret: secret}
		},
	}
}

func devTwilioSMS() devAccount {
	return devGateway(devOver("Twilio"), "twilio", simulator.ProviderTwilioSMS, devTwilioSID, nil)
}

func devVonageSMS() devAccount {
	return devGateway(devOver("Vonage"), "vonage", simulator.ProviderVonageSMS, devVonageKey, nil)
}

func devKannel() devAccount {
	return devGateway(devOver("Kannel"), "kannel", simulator.ProviderKannel, devKannelUser, map[string]any{
		"url": "http://kannel.example:13013", // required, and replaced by the simulator's
	})
}

func devTwilioMMS() devAccount {
	return devAccount{
		devOver("Twilio"), parley.ChannelMMS, simulator.ProviderMMSTwilio, devTwilioSID, devPhone,
		func(string) parley.ChannelCredential {
			return parley.ChannelCredential{
				MMS: &parley.MMSCredentials{AccountID: devTwilioSID, APIKey: devToken, DefaultSender: devSender}, Provider: "twilio",
			}
		},
		func(_, webhook string) any {
			return simulator.TwilioMMSAccount{Token: devToken, Number: "+" + devSender, WebhookURL: webhook}
		},
	}
}

func devBandwidthMMS() devAccount {
	return devAccount{
		devOver("Bandwidth"), parley.ChannelMMS, simulator.ProviderMMSBandwidth, devBandwidthID, devPhone,
		func(secret string) parley.ChannelCredential {
			return parley.ChannelCredential{
				MMS: &parley.MMSCredentials{
					AccountID: devBandwidthID, APIKey: devBandwidth, DefaultSender: devSender,
					BasicAuth: &parley.BasicAuth{Username: "parley", Password: devPassword},
				},
				Provider: "bandwidth", CallbackSecret: secret,
			}
		},
		func(secret, webhook string) any {
			return simulator.BandwidthAccount{
				Username: "parley", Password: devPassword, ApplicationID: devBandwidth,
				WebhookURL: webhook, WebhookPassword: secret, Number: "+" + devSender,
			}
		},
	}
}

func devInfobipViberBM() devAccount {
	return devAccount{
		devOver("Infobip"), parley.ChannelViberBM, simulator.ProviderInfobipViber, "Demo", devPhone,
		func(secret string) parley.ChannelCredential {
			return parley.ChannelCredential{
				StaticBearer: &parley.StaticBearer{ClaimedIdentity: "Demo", Token: devToken}, Provider: "infobip",
				CallbackSecret: secret,
			}
		},
		func(secret, webhook string) any {
			return simulator.InfobipViberAccount{
				APIKey: devToken, WebhookURL: webhook, WebhookUser: "parley", WebhookPassword: secret,
			}
		},
	}
}

func devSinchRCS() devAccount {
	return devAccount{
		devOver("Sinch"), parley.ChannelRCS, simulator.ProviderRCSSinch, devSinchAgent, devPhone,
		func(secret string) parley.ChannelCredential {
			return parley.ChannelCredential{
				StaticBearer: &parley.StaticBearer{ClaimedIdentity: devSinchAgent, Token: devToken}, Provider: "sinch",
				CallbackSecret: secret,
			}
		},
		func(secret, webhook string) any {
			if webhook != "" {
				webhook += "/" + secret // tells these callbacks from others
			}
			return simulator.RCSSinchAccount{Token: devToken, WebhookURL: webhook}
		},
	}
}

package app

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
)

// The KakaoTalk sender of parley dev; its keys open nothing but a simulator.
const (
	devKakaoApp    = "parley-dev-app-key"
	devKakaoSecret = "parley-dev-secret-key" //nolint:gosec // opens a simulator only
	devKakaoSender = "4c9591f37822ae1ed5b781582af08b1e2d922cea"
	devKakaoPhone  = "821012345678"
)

// devKakaoTalk is the row of KAKAOTALK.
func devKakaoTalk() devAccount {
	return devAccount{
		devApp, parley.ChannelKakaoTalk, simulator.ProviderKakaoTalk, devKakaoApp, devKakaoPhone,
		func(secret string) parley.ChannelCredential {
			return parley.ChannelCredential{
				KakaoTalk:        &parley.KakaoTalkCredentials{PlusFriendID: "@parley", SenderKey: devKakaoSender},
				CallbackSecret:   secret,
				ProviderSettings: devSettings(map[string]any{"app_key": devKakaoApp, "secret_key": devKakaoSecret}),
			}
		},
		func(secret, webhook string) any {
			return simulator.KakaoTalkAccount{
				SecretKey: devKakaoSecret, SenderKey: devKakaoSender, PlusFriendID: "@parley", WebhookURL: webhook, Signature: secret,
			}
		},
	}
}

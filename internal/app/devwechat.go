package app

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
)

// The Official Account of parley dev; it opens nothing but a simulator.
const (
	devWeChatID     = "wxparleydev"
	devWeChatSecret = "parley-dev-app-secret"                       //nolint:gosec // opens a simulator only
	devWeChatKey    = "ParleyDevParleyDevParleyDevParleyDevParleyD" //nolint:gosec // opens a simulator only
	devOpenID       = "oParleyDev_0123456789abcdefg"
)

// devWeChat is the row of WECHAT, whose webhooks are encrypted.
func devWeChat() devAccount {
	return devAccount{
		devApp, parley.ChannelWeChat, simulator.ProviderWeChat, devWeChatID, devOpenID,
		func(secret string) parley.ChannelCredential {
			return parley.ChannelCredential{WeChat: &parley.WeChatCredentials{
				AppID: devWeChatID, AppSecret: devWeChatSecret, Token: secret, AESKey: devWeChatKey,
			}}
		},
		func(secret, webhook string) any {
			return simulator.WeChatAccount{AppSecret: devWeChatSecret, Token: secret, AESKey: devWeChatKey, WebhookURL: webhook}
		},
	}
}

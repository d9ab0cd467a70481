package parleytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
)

// The names of the accounts: a channel and, after a slash, its provider where
// that is not the usual one.
const (
	Telegram = "TELEGRAM"
	WhatsApp = "WHATSAPP"
	SMS      = "SMS"
	SMPP     = "SMS/smpp"
)

// Accounts lists the names of all accounts.
func Accounts() []string { return []string{Telegram, WhatsApp, SMS, SMPP} }

// The accounts at the simulated providers.
const (
	botToken   = "100200300:parleytest-telegram-bot-token"
	numberID   = "106540352242922"
	plan       = "parleytest-plan"
	systemID   = "parleytest"
	password   = "parley1"
	token      = "parleytest-token"
	hookSecret = "parleytest-provider-secret"
	sender     = "12025550100"
)

// OpenAccount makes an account at its provider, without webhooks yet, and
// returns an app's credential for it.
func (s *Simulator) OpenAccount(tb testing.TB, name string) parley.ChannelCredential {
	tb.Helper()
	s.putAccount(tb, name, "")
	bearer := func(id, token string) *parley.StaticBearer {
		return &parley.StaticBearer{ClaimedIdentity: id, Token: token}
	}
	switch name {
	case Telegram:
		return parley.ChannelCredential{Channel: parley.ChannelTelegram, Telegram: &parley.TelegramCredentials{Token: botToken}}
	case WhatsApp:
		return parley.ChannelCredential{
			Channel: parley.ChannelWhatsApp, StaticBearer: bearer(numberID, token),
			ProviderSettings: settings(map[string]any{"app_secret": hookSecret, "verify_token": hookSecret}),
		}
	case SMS:
		return parley.ChannelCredential{
			Channel: parley.ChannelSMS, StaticBearer: bearer(plan, token), CallbackSecret: hookSecret,
			ProviderSettings: settings(map[string]any{"default_sender": sender}),
		}
	case SMPP:
		return parley.ChannelCredential{
			Channel: parley.ChannelSMS, StaticBearer: bearer(systemID, password), Provider: "smpp",
			ProviderSettings: settings(map[string]any{"host": "127.0.0.1", "default_sender": sender, "rate_limit_per_s": 0}),
		}
	}
	tb.Fatalf("there is no account %q", name)
	return parley.ChannelCredential{}
}

func settings(members map[string]any) json.RawMessage {
	raw, err := json.Marshal(members)
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return raw
}

// putAccount makes or changes an account; webhook is where the provider
// reports to, if it needs to be told. Telegram is told by the server itself.
func (s *Simulator) putAccount(tb testing.TB, name, webhook string) {
	tb.Helper()
	var err error
	switch name {
	case Telegram:
		err = s.Put(tb.Context(), simulator.ProviderTelegram, botToken, simulator.TelegramAccount{Username: "parleytest_bot"})
	case WhatsApp:
		err = s.Put(tb.Context(), simulator.ProviderWhatsApp, numberID, simulator.WhatsAppAccount{
			Token: token, AppSecret: hookSecret, VerifyToken: hookSecret, WebhookURL: webhook, DisplayPhoneNumber: sender,
		})
	case SMS:
		err = s.Put(tb.Context(), simulator.ProviderSinch, plan, simulator.SinchAccount{
			Token: token, CallbackURL: webhook, CallbackSecret: hookSecret, DefaultOriginator: sender,
		})
	case SMPP:
		err = s.Put(tb.Context(), simulator.ProviderSMPP, systemID, simulator.SMPPAccount{Password: password, Number: sender})
	}
	if err != nil {
		tb.Fatalf("account %s: %v", name, err)
	}
}

// NewApp creates an app on an account, whose callbacks go to the sink, and
// returns its id when it is ready.
func (s *Simulator) NewApp(tb testing.TB, server *Server, name string, sink *Sink) string {
	tb.Helper()
	var app parley.App
	server.Call(tb, http.MethodPost, "/apps", map[string]any{
		"display_name": name, "channel_credentials": []any{s.OpenAccount(tb, name)}, "processing_mode": parley.ModeConversation,
	}, &app)
	server.AwaitActive(tb, app.ID)
	switch name {
	case WhatsApp:
		s.putAccount(tb, name, server.URL+"/channels/whatsapp/"+app.ID)
	case SMS:
		s.putAccount(tb, name, server.URL+"/channels/sms/"+app.ID)
	}
	sink.Follow(tb, server, app.ID)
	return app.ID
}

// AwaitActive waits until an app's first credential works.
func (s *Server) AwaitActive(tb testing.TB, appID string) {
	tb.Helper()
	Eventually(tb, patience, func() string {
		var app parley.App
		s.Call(tb, http.MethodGet, "/apps/"+appID, nil, &app)
		if state := app.ChannelCredentials[0].State; state.Status != parley.CredentialActive {
			return fmt.Sprintf("the credential is %s: %s", state.Status, state.Description)
		}
		return ""
	})
}

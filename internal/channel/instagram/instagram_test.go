package instagram_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/instagram"
	"github.com/parley-im/parley/internal/channel/sendapi/sendapitest"
)

const accountID = "17841400008460056"

// credential returns an account whose webhooks are signed with its callback
// secret.
func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelInstagram,
		Instagram:        &parley.InstagramCredentials{Token: "page-token-of-the-test", BusinessAccountID: accountID},
		CallbackSecret:   "callback-secret-of-the-test",
		ProviderSettings: json.RawMessage(`{"verify_token":"verify-token-of-the-test"}`),
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel:    instagram.New(),
		Credential: credential(),
		To:         "6543217890123456",
		SignsBody:  true,
		Sign:       sendapitest.Sign,
		Check:      sendapitest.Limits(1000, func(text string) int { return len(text) }),
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// TestProperties sends with the channel property, right and wrong.
func TestProperties(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"":            `{"recipient":{"id":"1"},"message":{"text":"Hi"}}`,
		"HUMAN_AGENT": `{"recipient":{"id":"1"},"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT","message":{"text":"Hi"}}`,
		"human agent": "BAD_REQUEST: channel property INSTAGRAM_MESSAGE_TAG must be a tag such as HUMAN_AGENT",
	} {
		got, err := instagram.New().Render(&channel.Outgoing{
			To: channel.Address{Identity: "1"}, Properties: map[string]string{"INSTAGRAM_MESSAGE_TAG": tag},
			Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hi"}},
		})
		switch {
		case err != nil && err.Error() != want:
			t.Errorf("%q: got error %v, want %s", tag, err, want)
		case err == nil && string(got[0].Body) != want:
			t.Errorf("%q: got %s, want %s", tag, got[0].Body, want)
		}
	}
}

// TestCheck refuses what cannot work, by its name.
func TestCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`{"login":"x"}`:                         "provider_settings.login",
		`{"page_id":"7"}`:                       "provider_settings.page_id",
		`{"page_id":7}`:                         "provider_settings.page_id",
		`{"login":"facebook","page_id":"shop"}`: "provider_settings.page_id",
		`{"api_version":"23"}`:                  "provider_settings.api_version",
		`{"app_secrets":"x"}`:                   "provider_settings.app_secrets",
		`{"verify_signatures":"x"}`:             "provider_settings.verify_signatures",
		`[]`:                                    "provider_settings",
	} {
		c := credential()
		c.ProviderSettings = json.RawMessage(settings)
		if err := instagram.New().Check(c); field(err) != want {
			t.Errorf("%s: got error %v, want one about %s", settings, err, want)
		}
	}
	for own, want := range map[parley.InstagramCredentials]string{
		{Token: "a\nb"}:                         "instagram_credentials.token",
		{Token: "t", BusinessAccountID: "shop"}: "instagram_credentials.business_account_id",
	} {
		c := credential()
		c.Instagram = &own
		if err := instagram.New().Check(c); field(err) != want {
			t.Errorf("got error %v, want one about %s", err, want)
		}
	}
}

// field returns the member an error is about.
func field(err error) string {
	if e, ok := errors.AsType[*parley.Error](err); ok {
		return e.Field
	}
	return ""
}

package messenger_test

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/messenger"
	"github.com/parley-im/parley/internal/channel/sendapi/sendapitest"
)

const pageID = "104528752223344"

// credential returns a page whose webhooks are signed with its callback
// secret.
func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelMessenger,
		StaticToken:      &parley.StaticToken{Token: "page-token-of-the-test"},
		CallbackSecret:   "callback-secret-of-the-test",
		ProviderSettings: json.RawMessage(`{"page_id":"` + pageID + `","verify_token":"verify-token-of-the-test"}`),
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel:    messenger.New(),
		Credential: credential(),
		To:         "6543217890123456",
		SignsBody:  true,
		Sign:       sendapitest.Sign,
		Check:      sendapitest.Limits(2000, utf8.RuneCountInString),
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// TestProperties sends with each channel property, right and wrong.
func TestProperties(t *testing.T) {
	t.Parallel()
	const kind, tag, push = "MESSENGER_MESSAGING_TYPE", "MESSENGER_MESSAGE_TAG", "MESSENGER_NOTIFICATION_TYPE"
	tests := map[string]struct {
		properties map[string]string
		want       string // the frame, or the property that is refused
	}{
		"none":            {nil, `"messaging_type":"RESPONSE"`},
		"update":          {map[string]string{kind: "UPDATE"}, `"messaging_type":"UPDATE"`},
		"tag":             {map[string]string{tag: "HUMAN_AGENT"}, `"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"`},
		"silent":          {map[string]string{push: "NO_PUSH"}, `"messaging_type":"RESPONSE","notification_type":"NO_PUSH"`},
		"another channel": {map[string]string{"SMS_SENDER": "x"}, `"messaging_type":"RESPONSE"`},
		"no such type":    {map[string]string{kind: "x"}, kind},
		"type alone":      {map[string]string{kind: "MESSAGE_TAG"}, kind},
		"odd tag":         {map[string]string{tag: "human agent"}, tag},
		"no such push":    {map[string]string{push: "LOUD"}, push},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := messenger.New().Render(&channel.Outgoing{
				To: channel.Address{Identity: "1"}, Properties: tt.properties,
				Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hi"}},
			})
			if err != nil {
				want := "BAD_REQUEST: channel property " + tt.want + " must be "
				if len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
					t.Errorf("got error %v, want %s…", err, want)
				}
				return
			}
			want := `{"recipient":{"id":"1"},` + tt.want + `,"message":{"text":"Hi"}}`
			if string(got[0].Body) != want {
				t.Errorf("got %s, want %s", got[0].Body, want)
			}
		})
	}
}

// TestCheck refuses what cannot work, by its name.
func TestCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`{"page_id":"shop"}`:        "provider_settings.page_id",
		`{"page_id":7}`:             "provider_settings.page_id",
		`{"api_version":"23"}`:      "provider_settings.api_version",
		`{"app_secrets":"x"}`:       "provider_settings.app_secrets",
		`{"verify_signatures":"x"}`: "provider_settings.verify_signatures",
		`[]`:                        "provider_settings",
	} {
		c := credential()
		c.ProviderSettings = json.RawMessage(settings)
		if err := messenger.New().Check(c); field(err) != want {
			t.Errorf("%s: got error %v, want one about %s", settings, err, want)
		}
	}
	c := credential()
	c.StaticToken = &parley.StaticToken{Token: "a\nb"}
	if err := messenger.New().Check(c); field(err) != "static_token.token" {
		t.Errorf("got error %v, want one about static_token.token", err)
	}
}

// field returns the member an error is about.
func field(err error) string {
	if e, ok := errors.AsType[*parley.Error](err); ok {
		return e.Field
	}
	return ""
}

package trace

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
)

// credentials is one of each, each secret of it telling its name.
func credentials() []parley.ChannelCredential {
	const s = `s3cret"<&/+:é-` // what is escaped in one form or another
	return []parley.ChannelCredential{
		{Channel: parley.ChannelSMS, CallbackSecret: s + "callback", StaticBearer: &parley.StaticBearer{ClaimedIdentity: "plan", Token: s + "bearer"}},
		{Channel: parley.ChannelMessenger, StaticToken: &parley.StaticToken{Token: s + "static"}},
		{Channel: parley.ChannelMMS, MMS: &parley.MMSCredentials{
			AccountID: "account", APIKey: s + "mms-key", BasicAuth: &parley.BasicAuth{Username: "user", Password: s + "mms-password"},
		}},
		{Channel: parley.ChannelInstagram, Instagram: &parley.InstagramCredentials{Token: s + "instagram"}},
		{Channel: parley.ChannelTelegram, Telegram: &parley.TelegramCredentials{Token: "12345:" + s + "telegram"}},
		{Channel: parley.ChannelKakaoTalk, KakaoTalk: &parley.KakaoTalkCredentials{PlusFriendID: "friend", SenderKey: s + "sender-key"}},
		{Channel: parley.ChannelKakaoTalkChat, KakaoTalkChat: &parley.KakaoTalkChatCredential{PlusFriendID: "friend", APIKey: s + "chat-key"}},
		{Channel: parley.ChannelLINE, LINE: &parley.LINECredentials{Token: s + "line", Secret: s + "line-secret"}},
		{Channel: parley.ChannelLINE, LINEEnterprise: &parley.LINEEnterprise{
			Japan: &parley.LINECountry{Token: s + "japan", Secret: s + "japan-secret"},
		}},
		{Channel: parley.ChannelWeChat, WeChat: &parley.WeChatCredentials{
			AppID: "wx", AppSecret: s + "wx-secret", Token: s + "wx-token", AESKey: s + "wx-aes",
		}},
		{Channel: parley.ChannelAppleBC, AppleBC: &parley.AppleBCCredentials{
			BusinessChatAccountID: "apple", ApplePayCertificatePassword: s + "apple-password", ApplePayCertificateReference: s + "apple-ref",
		}},
		{Channel: parley.ChannelSMS, Provider: "smpp", ProviderSettings: json.RawMessage(
			`{"host":"smsc.example","password":"smpp-pa55word","tls":{"client_secret":"tls-s3cret"}}`)},
	}
}

// secretsOf lists the texts of a credential that tell they are secret.
func secretsOf(t *testing.T, c *parley.ChannelCredential) []string {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	texts(doc, "", func(_, text string) {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "pa55word") {
			out = append(out, text)
		}
	})
	return out
}

// TestNoSecret puts every secret of every kind of credential into every place
// of a step, in every form, and looks for it in what would be kept.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	for _, c := range credentials() {
		all := append(secretsOf(t, &c), "derived-s3cret")
		if len(all) < 2 {
			t.Fatalf("%s: no secret to look for", c.Channel)
		}
		for _, secret := range all {
			quoted, _ := json.Marshal(secret)
			twice, _ := json.Marshal(string(quoted))
			forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), inJSON(secret), inJSON(inJSON(secret))}
			for _, f := range append(forms, string(quoted), string(twice)) {
				got := string(everywhere(f, OfCredential(&c, "derived-s3cret")).appendTo(nil, new(clock)))
				if !json.Valid([]byte(got)) {
					t.Fatalf("not JSON: %s", got)
				}
				var doc any
				_ = json.Unmarshal([]byte(got), &doc)
				texts(doc, "", func(name, text string) {
					for _, f := range forms {
						if strings.Contains(text, f) || strings.Contains(text, "s3cret") || strings.Contains(text, "pa55word") {
							t.Errorf("%s: %s shows the secret %q: %s", c.Channel, name, secret, text)
							return
						}
					}
				})
			}
		}
	}
}

// everywhere is a step that has a text in every place that comes from outside.
func everywhere(text string, s *Secrets) *Step {
	h := http.Header{"Authorization": {"Bearer " + text}, "Content-Type": {"text/plain; x=" + text}, "X-Key": {text}}
	reason := parley.ChannelReason(parley.ReasonUnknown, text)
	reason.ChannelCode = text
	return &Step{
		At: time.Unix(1, 0), Kind: Attempt, Identity: text, Provider: text, Contact: text, Conversation: text, Detail: text,
		Reason: &reason, Body: []byte(text), Payloads: [][]byte{[]byte(text)}, LeftOut: []LeftOut{{Identity: text}},
		Exchanges: []egress.Exchange{{
			Method: "POST", URL: "https://provider.example/bot" + text + "/send", Status: 200, Error: text,
			Request: egress.Part{Header: h, Body: []byte(text), Size: int64(len(text))},
			// Cut off within the secret.
			Response: egress.Part{Header: h, Body: []byte("x" + text + text[:len(text)*2/3]), Size: 9999},
		}},
		Secrets: s,
	}
}

// TestTokensInAnswers: what a provider hands out is as secret as what we have.
func TestTokensInAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"access_token":"abc","expires_in":5}`:                `{"access_token":"***","expires_in":5}`,
		`{"a":{"refresh_token" : "a\"bc","n":null},"x":"tok"}`: `{"a":{"refresh_token" : "***","n":null},"x":"tok"}`,
		`{"client_secret":"cut o`:                              `{"client_secret":"***"`,
		`{"token_type":"bearer"}`:                              `{"token_type":"***"}`,
		`{"text":"my password is \"x\": \"y\""}`:               `{"text":"my password is \"x\": \"y\""}`,
		`no json with a token`:                                 `no json with a token`,
		``:                                                     ``,
	} {
		if got := hideMembers(body); got != want {
			t.Errorf("hideMembers(%s) = %s, want %s", body, got, want)
		}
	}
	if got := hideForm("grant_type=x&client_secret=abc&to=1"); got != "grant_type=x&client_secret=***&to=1" {
		t.Errorf("hideForm = %s", got)
	}
}

// FuzzStep: whatever comes from outside, a step is JSON and has no secret.
func FuzzStep(f *testing.F) {
	f.Add("text", "s3cret", int64(10))
	f.Add("\x00\xff\"\\", "é\"é\"", int64(0))
	f.Add(strings.Repeat("é", 3000), "éééé", int64(99999))
	f.Fuzz(func(t *testing.T, text, secret string, size int64) {
		s := everywhere(text, NewSecrets(secret))
		s.Exchanges[0].Request.Body, s.Exchanges[0].Request.Size = []byte(text+secret), size
		got := s.appendTo(nil, new(clock))
		if !json.Valid(got) {
			t.Fatalf("not JSON: %q", got)
		}
	})
}

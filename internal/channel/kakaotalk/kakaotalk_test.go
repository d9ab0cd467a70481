package kakaotalk_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/kakaotalk"
)

const (
	appKey    = "app-key-of-the-account"
	secretKey = "secret-key-of-the-account"
	senderKey = "4c9591f37822ae1ed5b781582af08b1e2d922cea"
)

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelKakaoTalk, CallbackSecret: "signature-of-webhooks",
		KakaoTalk:        &parley.KakaoTalkCredentials{PlusFriendID: "@parley", SenderKey: senderKey},
		ProviderSettings: json.RawMessage(`{"app_key":"` + appKey + `","secret_key":"` + secretKey + `"}`),
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: kakaotalk.New(), Credential: credential(), To: "821012345678", Serve: serve, Sign: sign, Check: limits,
		Secrets: []string{appKey, secretKey},
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

// TestAuthentication marks templates as authentication by the channel's
// property.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	m := &parley.AppMessage{Template: &parley.TemplateMessage{ChannelTemplate: map[parley.Channel]parley.TemplateReference{
		parley.ChannelKakaoTalk: {TemplateID: "T1"},
	}}}
	for value, want := range map[string]string{"": "template", "false": "template", "odd": "template", "true": "authentication", "TRUE": "authentication"} {
		payloads, err := kakaotalk.New().Render(&channel.Outgoing{
			To: channel.Address{Identity: "821012345678"}, Message: m, Credential: credential(),
			Properties: map[string]string{"KAKAOTALK_AUTHENTICATION": value},
		})
		if err != nil || !strings.Contains(string(payloads[0].Body), `"call":"`+want+`"`) {
			t.Errorf("%q: got %v, %v", value, payloads, err)
		}
	}
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// serve takes uploads.
func serve(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/images") {
		return false
	}
	_, _ = io.WriteString(w, `{"header":{"resultCode":0,"resultMessage":"SUCCESS","isSuccessful":true},"image":{"imageSeq":1,"imageUrl":"https://mud-kage.kakao.example/1.jpg"}}`)
	return true
}

// sign sends the signature that was entered with the webhook.
func sign(c *channel.Conn, r *http.Request, _ []byte) {
	r.Header.Set("X-Toast-Webhook-Signature", c.Credential.CallbackSecret)
}

// limits checks the lengths that NHN documents.
func limits(p channel.Payload) error {
	var r struct {
		Call string `json:"call"`
		Body struct {
			Bubble  string `json:"chatBubbleType"`
			Content string `json:"content"`
			Buttons []struct {
				Name string `json:"name"`
			} `json:"buttons"`
			Recipients []struct {
				Number string `json:"recipientNo"`
			} `json:"recipientList"`
		} `json:"body"`
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return err
	}
	content, most := utf8.RuneCountInString(r.Body.Content), 1300
	if r.Body.Bubble == "IMAGE" {
		most = 400
	}
	worded := r.Body.Bubble == "TEXT" || r.Body.Bubble == "IMAGE"
	if worded && (content == 0 || content > most) || len(r.Body.Buttons) > 5 {
		return fmt.Errorf("%s of %d characters with %d buttons", r.Body.Bubble, content, len(r.Body.Buttons))
	}
	for _, b := range r.Body.Buttons {
		if n := utf8.RuneCountInString(b.Name); n == 0 || n > 14 {
			return fmt.Errorf("button %q", b.Name)
		}
	}
	if len(r.Body.Recipients) != 1 || r.Body.Recipients[0].Number != "01012345678" {
		return fmt.Errorf("recipients %v", r.Body.Recipients)
	}
	return nil
}

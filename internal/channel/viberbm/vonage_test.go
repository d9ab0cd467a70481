package viberbm_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/viberbm"
)

const serviceID = "16273"

// vonageCredential returns an account that speaks with key and secret, and whose
// webhooks are signed.
func vonageCredential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelViberBM,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: serviceID, Token: "api-secret-of-the-test"},
		CallbackSecret:   "signature-secret-of-the-test",
		ProviderSettings: json.RawMessage(`{"api_key":"a1b2c3d4"}`),
	}
}

func vonageSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel: viberbm.New(), Credential: vonageCredential(), Testdata: "testdata/vonage",
		SignsBody: true, Sign: sign, Check: limits,
	}
}

func TestVonage(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, vonageSuite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, vonageSuite()) }

// sign is Vonage's way to say who it is.
func sign(c *channel.Conn, r *http.Request, body []byte) {
	r.Header.Set("Authorization", "Bearer "+token(`{"typ":"JWT","alg":"HS256"}`, c.Credential.CallbackSecret, body))
}

func token(head, secret string, body []byte) string {
	claims := fmt.Sprintf(`{"iat":1587494962,"jti":"c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5","payload_hash":"%x"}`, sha256.Sum256(body))
	signed := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// limits checks what Viber takes.
func limits(p channel.Payload) error {
	var r struct {
		MessageType string `json:"message_type"`
		Text        string
		Image, File struct{ URL, Caption, Name string }
		Service     struct {
			Category string
			Action   *struct{ URL, Text string }
		} `json:"viber_service"`
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return err
	}
	switch n := utf8.RuneCountInString(r.Text); {
	case n > 1000 || utf8.RuneCountInString(r.Image.Caption) > 1000 || utf8.RuneCountInString(r.File.Name) > 25:
		return errors.New("too long")
	case r.MessageType == "text" && n == 0:
		return errors.New("no text")
	case r.Service.Category != "promotion" && (r.MessageType != "text" || r.Service.Action != nil):
		return errors.New("a transactional message that is not words alone")
	}
	if a := r.Service.Action; a != nil && (a.URL == "" || a.Text == "" || utf8.RuneCountInString(a.Text) > 30) {
		return fmt.Errorf("button %+v", *a)
	}
	return nil
}

// TestCheck refuses what cannot work, by its name.
func TestCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		``:                                       "provider_settings.application_id",
		`{"api_key":"k","application_id":"a"}`:   "provider_settings.application_id",
		`{"api_key":"a:b"}`:                      "provider_settings.api_key",
		`{"api_key":7}`:                          "provider_settings.api_key",
		`{"application_id":"a b"}`:               "provider_settings.application_id",
		`{"application_id":"a"}`:                 "static_bearer.token", // is no key
		`{"api_key":"k","region":"mars"}`:        "provider_settings.region",
		`{"api_key":"k","category":"marketing"}`: "provider_settings.category",
		`{"api_keys":"k"}`:                       "provider_settings.api_keys",
		`[]`:                                     "provider_settings",
	} {
		c := vonageCredential()
		c.ProviderSettings = json.RawMessage(settings)
		err := viberbm.New().Check(c)
		if e, ok := errors.AsType[*parley.Error](err); !ok || e.Field != want {
			t.Errorf("%s: got error %v, want one about %s", settings, err, want)
		}
	}
}

// TestSignatureAlgorithm refuses tokens that only look signed.
func TestSignatureAlgorithm(t *testing.T) {
	t.Parallel()
	body := []byte(`{"channel":"viber_service","message_uuid":"1","from":"1","message_type":"text","text":"Hi"}`)
	c := &channel.Conn{Credential: vonageCredential()}
	for header, ok := range map[string]bool{
		"Bearer " + token(`{"alg":"HS256"}`, c.Credential.CallbackSecret, body): true,
		"Bearer " + token(`{"alg":"none"}`, c.Credential.CallbackSecret, body):  false,
		"Bearer " + token(`{"alg":"HS256"}`, "other", body):                     false,
		"Bearer a.b": false,
		token(`{"alg":"HS256"}`, c.Credential.CallbackSecret, body): false,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		if _, err := viberbm.New().Receive(c, r, body); (err == nil) != ok {
			t.Errorf("%s: got error %v", header, err)
		}
	}
}

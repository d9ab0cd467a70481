package kakaotalkchat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/kakaotalkchat"
)

const (
	userKey   = "Xj1bW5wlE5SR"
	senderKey = "4c9591f37822ae1ed5b781582af08b1e2d922cea"
)

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelKakaoTalkChat,
		KakaoTalkChat:    &parley.KakaoTalkChatCredential{PlusFriendID: "@shop", APIKey: "client-secret-of-the-test"},
		CallbackSecret:   "part-of-the-address",
		ProviderSettings: json.RawMessage(`{"client_id":"shop","sender_key":"` + senderKey + `","codes":{"-777":"RECIPIENT_NOT_REACHABLE"}}`),
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: kakaotalkchat.New(), Credential: credential(), To: userKey, Serve: upload, Check: limits,
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			r.SetPathValue("rest", c.Credential.CallbackSecret+"/"+path.Base(r.URL.Path))
		},
	}
}

// upload takes files, which come ahead of the messages that name them.
func upload(w http.ResponseWriter, r *http.Request) bool {
	switch path.Base(path.Dir(r.URL.Path)) {
	case "image":
		fmt.Fprint(w, `{"code":"0000","image":"http://kage.example/img_l.jpg"}`)
	case "file":
		fmt.Fprint(w, `{"code":"0000","file":"http://kage.example/f.pdf","name":"f.pdf","size":5}`)
	default:
		return false
	}
	return true
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// limits checks what the provider documents.
func limits(p channel.Payload) error {
	var m struct {
		Path string
		Body struct {
			UserKey    string `json:"user_key"`
			Message    string
			Attachment struct{ Buttons []struct{ Name string } }
		}
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(m.Body.Message); n > 1000 || m.Body.UserKey != userKey || len(m.Body.Attachment.Buttons) > 5 {
		return fmt.Errorf("to %q, %d characters, %d buttons", m.Body.UserKey, n, len(m.Body.Attachment.Buttons))
	}
	for _, b := range m.Body.Attachment.Buttons {
		if n := utf8.RuneCountInString(b.Name); n == 0 || n > 14 {
			return fmt.Errorf("a button's name has %d characters", n)
		}
	}
	return nil
}

// TestCheck refuses what cannot work, by its name.
func TestCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		``:                  "provider_settings.client_id",
		`{"client_id":"a"}`: "provider_settings.sender_key",
		`{"client_id":"a","sender_key":"` + strings.Repeat("x", 41) + `"}`: "provider_settings.sender_key",
		`{"client_id":7}`:    "provider_settings.client_id",
		`{"client_ids":"a"}`: "provider_settings.client_ids",
		`{"client_id":"a","sender_key":"b","codes":{"-1":"MESSAGE_EXPIRED"}}`: "provider_settings.codes.-1",
		`[]`: "provider_settings",
	} {
		c := credential()
		c.ProviderSettings = json.RawMessage(settings)
		if e, ok := errors.AsType[*parley.Error](kakaotalkchat.New().Check(c)); !ok || e.Field != want {
			t.Errorf("%s: got error %v, want one about %s", settings, e, want)
		}
	}
	c := credential()
	c.KakaoTalkChat.APIKey = ""
	if e, ok := errors.AsType[*parley.Error](kakaotalkchat.New().Check(c)); !ok || e.Field != "kakaotalkchat_credentials.api_key" {
		t.Errorf("no api_key: got error %v", e)
	}
}

// TestAddress takes webhooks at the address that was given out alone.
func TestAddress(t *testing.T) {
	t.Parallel()
	const body = `{"user_key":"u","type":"text","contents":"Hi"}`
	for rest, ok := range map[string]bool{
		"part-of-the-address/message": true, "message": false, "part-of-the-addresz/message": false, "": false,
		"x/part-of-the-address/message": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.SetPathValue("rest", rest)
		_, err := kakaotalkchat.New().Receive(&channel.Conn{Credential: credential()}, r, []byte(body))
		if ok != (err == nil) || !ok && !errors.Is(err, channel.ErrForged) {
			t.Errorf("%q: got error %v", rest, err)
		}
	}
}

package wechat_test

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/wechat"
)

const openID = "oia2TjuEGTNoeX76QEjQNrcURxG8"

// credential is the account of the recorded requests.
func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{Channel: parley.ChannelWeChat, WeChat: &parley.WeChatCredentials{
		AppID: "wxappid", AppSecret: "app-secret-of-the-account", Token: "wxtoken",
		AESKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
	}}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: wechat.New(), Credential: credential(), To: openID,
		Secrets: []string{"ACCESS-TOKEN-1"}, Serve: serve, Sign: sign, Check: limits,
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// serve gives out access tokens and takes uploads, but for images that a
// verdict is about.
func serve(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/cgi-bin/stable_token":
		_, _ = io.WriteString(w, `{"access_token":"ACCESS-TOKEN-1","expires_in":7200}`)
	case "/cgi-bin/media/upload":
		_, _ = io.WriteString(w, `{"type":"`+r.URL.Query().Get("type")+`","media_id":"MEDIA-1","created_at":1454119029}`)
	default:
		return false
	}
	return true
}

var encrypted = regexp.MustCompile(`<Encrypt>(?:<!\[CDATA\[)?([^<\]]*)`)

// sign puts WeChat's signatures into the query.
func sign(c *channel.Conn, r *http.Request, body []byte) {
	q, token := r.URL.Query(), c.Credential.WeChat.Token
	q.Set("signature", digest(token, q.Get("timestamp"), q.Get("nonce")))
	if m := encrypted.FindSubmatch(body); m != nil {
		q.Set("msg_signature", digest(token, q.Get("timestamp"), q.Get("nonce"), string(m[1])))
	}
	r.URL.RawQuery = q.Encode()
}

func digest(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// limits checks what WeChat documents, and what the channel promises itself.
func limits(p channel.Payload) error {
	var r struct {
		Path string `json:"path"`
		Body struct {
			To   string `json:"touser"`
			Text *struct {
				Content string `json:"content"`
			} `json:"text"`
			News *struct {
				Articles []struct{ Title, URL string } `json:"articles"`
			} `json:"news"`
			Menu *struct {
				Head string                         `json:"head_content"`
				List []struct{ ID, Content string } `json:"list"`
			} `json:"msgmenu"`
		} `json:"body"`
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return err
	}
	b := r.Body
	switch {
	case b.To != openID:
		return fmt.Errorf("to %q", b.To)
	case b.Text != nil && (b.Text.Content == "" || len(b.Text.Content) > 2048):
		return fmt.Errorf("text of %d bytes", len(b.Text.Content))
	case b.News != nil && (len(b.News.Articles) != 1 || b.News.Articles[0].Title == "" || b.News.Articles[0].URL == ""):
		return fmt.Errorf("articles %v", b.News.Articles)
	case b.Menu != nil && (b.Menu.Head == "" || len(b.Menu.Head) > 2048 || len(b.Menu.List) == 0 || len(b.Menu.List) > 10):
		return fmt.Errorf("menu of %d items below %d bytes", len(b.Menu.List), len(b.Menu.Head))
	}
	return nil
}

// receive gives the channel a request with a query.
func receive(t *testing.T, c *parley.ChannelCredential, method string, q url.Values, body string) (channel.Received, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://parley.example/hook?"+q.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return wechat.New().Receive(&channel.Conn{Credential: c}, r, []byte(body))
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	q := url.Values{"timestamp": {"1"}, "nonce": {"2"}, "echostr": {"4242"}, "signature": {digest("wxtoken", "1", "2")}}
	got, err := receive(t, credential(), http.MethodGet, q, "")
	if err != nil || string(got.Reply.Body) != "4242" {
		t.Errorf("got %+v, %v", got, err)
	}
	q.Set("signature", digest("other", "1", "2"))
	if _, err := receive(t, credential(), http.MethodGet, q, ""); !errors.Is(err, channel.ErrForged) {
		t.Errorf("another token: got %v", err)
	}
}

// TestVectors reads a body that another implementation encrypted and signed.
func TestVectors(t *testing.T) {
	t.Parallel()
	var v struct {
		Token, Timestamp, Nonce, Encrypt string
		AESKey                           string `json:"aes_key"`
		AppID                            string `json:"app_id"`
		Signature                        string `json:"msg_signature"`
		Plain                            string `json:"plain_signature"`
	}
	raw, err := os.ReadFile("testdata/signature-vectors.json")
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := credential()
	c.WeChat.Token, c.WeChat.AESKey, c.WeChat.AppID = v.Token, v.AESKey, v.AppID
	q := url.Values{"timestamp": {v.Timestamp}, "nonce": {v.Nonce}, "msg_signature": {v.Signature}, "encrypt_type": {"aes"}}
	body := func(encrypted string) string { return "<xml><Encrypt>" + encrypted + "</Encrypt></xml>" }
	got, err := receive(t, c, http.MethodPost, q, body(v.Encrypt))
	if err != nil || len(got.Inbound) != 1 || got.Inbound[0].Message.Text.Text != "hi" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for at := 0; at < len(v.Encrypt); at += 37 {
		changed := []byte(v.Encrypt)
		changed[at] = 'A' + (changed[at]+1)%26
		if _, err := receive(t, c, http.MethodPost, q, body(string(changed))); !errors.Is(err, channel.ErrForged) {
			t.Errorf("changed at %d: got %v", at, err)
		}
	}
	c.WeChat.AppID = "another"
	if _, err := receive(t, c, http.MethodPost, q, body(v.Encrypt)); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("another account: got %v", err)
	}
	// The plain signature does not cover the body.
	q = url.Values{"timestamp": {v.Timestamp}, "nonce": {v.Nonce}, "signature": {v.Plain}}
	plain := "<xml><FromUserName>o1</FromUserName><MsgType>text</MsgType><Content>hi</Content></xml>"
	if _, err := receive(t, c, http.MethodPost, q, plain); err != nil {
		t.Errorf("plain: got %v", err)
	}
	c.ProviderSettings = json.RawMessage(`{"require_encryption":true}`)
	if _, err := receive(t, c, http.MethodPost, q, plain); !errors.Is(err, channel.ErrForged) {
		t.Errorf("plain, where encryption is required: got %v", err)
	}
}

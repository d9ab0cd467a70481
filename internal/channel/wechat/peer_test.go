package wechat_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/simulator"
)

// A sealed body is one of a webhook in safe mode, as wechat-crypto has it.
type sealed struct {
	Timestamp string `json:"timestamp"`
	Nonce     string `json:"nonce"`
	Text      string `json:"text,omitempty"`
	Encrypt   string `json:"encrypt,omitempty"`
	ID        string `json:"id,omitempty"`
	Signature string `json:"signature,omitempty"`
}

// query is that of the webhook with the body.
func (s *sealed) query() url.Values {
	return url.Values{"timestamp": {s.Timestamp}, "nonce": {s.Nonce}, "encrypt_type": {"aes"}, "msg_signature": {s.Signature}}
}

// peer has wechat-crypto encrypt or decrypt bodies for an account.
func peer(t *testing.T, c *parley.WeChatCredentials, bodies []sealed) []sealed {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "test", "peers")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "wechat-crypto")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("test/peers has no npm package wechat-crypto: run make setup")
		}
		t.Skip("test/peers has no npm package wechat-crypto: run make setup")
	}
	var in, said bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, b := range bodies {
		if err := enc.Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "node", "--no-deprecation", "wechat.mjs", c.Token, c.AESKey, c.AppID)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, &in, &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	answers := make([]sealed, len(bodies))
	dec := json.NewDecoder(bytes.NewReader(out))
	for i, b := range bodies {
		answers[i].Timestamp, answers[i].Nonce = b.Timestamp, b.Nonce
		if err := dec.Decode(&answers[i]); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return answers
}

// words of every length that the padding can make a difference for.
func words() []string {
	all := []string{"玫瑰 & <tulips> 🌷", strings.Repeat("长", 3000)}
	for n := range 40 {
		all = append(all, strings.Repeat("x", n+1))
	}
	return all
}

// TestCryptoOfOthers takes in what wechat-crypto encrypted and signed.
func TestCryptoOfOthers(t *testing.T) {
	t.Parallel()
	var bodies []sealed
	for _, text := range words() {
		var b strings.Builder
		b.WriteString("<xml><ToUserName>gh_1</ToUserName><FromUserName>" + openID + "</FromUserName><CreateTime>1348831860</CreateTime>" +
			"<MsgType>text</MsgType><MsgId>1234567890123456</MsgId><Content>")
		if err := xml.EscapeText(&b, []byte(text)); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, sealed{Timestamp: "1348831860", Nonce: "n0nce", Text: b.String() + "</Content></xml>"})
	}
	for i, s := range peer(t, credential().WeChat, bodies) {
		body := "<xml><ToUserName>gh_1</ToUserName><Encrypt>" + s.Encrypt + "</Encrypt></xml>"
		got, err := receive(t, credential(), http.MethodPost, s.query(), body)
		if err != nil || len(got.Inbound) != 1 || got.Inbound[0].Message.Text.Text != words()[i] {
			t.Fatalf("%d: got %+v, error %v", i, got, err)
		}
		for name, change := range map[string]func(*parley.WeChatCredentials){
			"token": func(c *parley.WeChatCredentials) { c.Token = "another" },
			"key":   func(c *parley.WeChatCredentials) { c.AESKey = strings.Repeat("a", 43) },
			"AppID": func(c *parley.WeChatCredentials) { c.AppID = "wxanother" },
		} {
			other := credential()
			change(other.WeChat)
			_, err := receive(t, other, http.MethodPost, s.query(), body)
			if !errors.Is(err, channel.ErrForged) && !errors.Is(err, channel.ErrMalformed) {
				t.Fatalf("%d, another %s: got error %v", i, name, err)
			}
		}
	}
}

// TestSimulatorCryptoForOthers has wechat-crypto read what the simulated
// WeChat encrypts.
func TestSimulatorCryptoForOthers(t *testing.T) {
	t.Parallel()
	type heard struct {
		query url.Values
		body  []byte
	}
	posts := make(chan heard, len(words()))
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, q.Get("echostr"))
			return
		}
		body, _ := io.ReadAll(r.Body)
		posts <- heard{q, body}
		_, _ = io.WriteString(w, "success")
	}))
	t.Cleanup(hook.Close)
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	c := credential().WeChat
	if err := sim.Put(t.Context(), simulator.ProviderWeChat, c.AppID, simulator.WeChatAccount{
		AppSecret: c.AppSecret, Token: c.Token, AESKey: c.AESKey, WebhookURL: hook.URL,
	}); err != nil {
		t.Fatal(err)
	}
	var bodies []sealed
	var signatures []string
	for _, text := range words() {
		if _, err := sim.Reply(t.Context(), simulator.ChannelWeChat, openID, simulator.Reply{Text: &text}); err != nil {
			t.Fatal(err)
		}
		p := <-posts
		var x struct{ Encrypt string }
		if err := xml.Unmarshal(p.body, &x); err != nil || x.Encrypt == "" {
			t.Fatalf("%s: %v", p.body, err)
		}
		bodies = append(bodies, sealed{Timestamp: p.query.Get("timestamp"), Nonce: p.query.Get("nonce"), Encrypt: x.Encrypt})
		signatures = append(signatures, p.query.Get("msg_signature"))
	}
	for i, s := range peer(t, c, bodies) {
		var x struct{ Content string }
		if err := xml.Unmarshal([]byte(s.Text), &x); err != nil || x.Content != words()[i] || s.ID != c.AppID {
			t.Errorf("%d: they read %q for %s, error %v", i, s.Text, s.ID, err)
		}
		if s.Signature != signatures[i] {
			t.Errorf("%d: signed %s, they say %s", i, signatures[i], s.Signature)
		}
	}
}

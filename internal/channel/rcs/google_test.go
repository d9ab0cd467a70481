package rcs_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/rcs"
)

// TestSignatureVector checks a signature that other software made.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		RCS struct {
			ClientToken string          `json:"client_token"`
			Body        json.RawMessage `json:"push_body"`
			Value       string          `json:"value"`
		} `json:"rcs"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	c := conn(credential(t), "")
	c.Credential.CallbackSecret = v.RCS.ClientToken
	c.Log = slog.New(slog.DiscardHandler)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	r.Header.Set("X-Goog-Signature", v.RCS.Value)
	if _, err := rcs.New().Receive(c, r, v.RCS.Body); err != nil {
		t.Errorf("the vector is refused: %v", err)
	}
	c.Credential.CallbackSecret = "another"
	if _, err := rcs.New().Receive(c, r, v.RCS.Body); !errors.Is(err, channel.ErrForged) {
		t.Errorf("with another token: got %v, want ErrForged", err)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	c := conn(credential(t), "")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	got, err := rcs.New().Receive(c, r, []byte(`{"clientToken":"`+clientToken+`","secret":"1234567890"}`))
	if err != nil || string(got.Reply.Body) != "1234567890" || got.Reply.Status != http.StatusOK {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = rcs.New().Receive(c, r, []byte(`{"clientToken":"guessed","secret":"1234567890"}`))
	if !errors.Is(err, channel.ErrForged) {
		t.Errorf("with another token: got %v, want ErrForged", err)
	}
	c.Credential.CallbackSecret = ""
	_, err = rcs.New().Receive(c, r, []byte(`{"clientToken":"","secret":"1234567890"}`))
	if !errors.Is(err, channel.ErrForged) {
		t.Errorf("without a token: got %v, want ErrForged", err)
	}
}

// tokenServer hands out a token, which the API refuses as often as it is told.
type tokenServer struct {
	asked, refuse atomic.Int64
	expiresIn     string
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/token":
		s.asked.Add(1)
		_, _ = io.WriteString(w, `{"access_token":"`+accessToken+`","expires_in":`+s.expiresIn+`}`)
	case s.refuse.Add(-1) >= 0:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		_, _ = io.WriteString(w, `{}`)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	attempt := channel.Attempt{
		Key: "k", To: channel.Address{Identity: phone}, Payload: channel.Payload{Body: json.RawMessage(`{"contentMessage":{"text":"Hi"}}`)},
	}
	for _, c := range []struct {
		name      string
		expiresIn string
		refuse    int64
		want      int64 // tokens asked for by two sends
		fails     bool
	}{
		{"one token serves several messages", "3600", 0, 1, false},
		{"one that ends soon does not", "200", 0, 2, false},
		{"one that is refused is replaced", "3600", 1, 2, false},
		{"but only once", "3600", 2, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &tokenServer{expiresIn: c.expiresIn}
			s.refuse.Store(c.refuse)
			server := httptest.NewServer(s)
			defer server.Close()
			ch, at := rcs.New(), conn(credential(t), server.URL)
			_, err := ch.Send(t.Context(), at, attempt)
			if (err != nil) != c.fails {
				t.Errorf("first: %v", err)
			}
			if _, err := ch.Send(t.Context(), at, attempt); err != nil {
				t.Errorf("second: %v", err)
			}
			if got := s.asked.Load(); got != c.want {
				t.Errorf("asked for %d tokens, want %d", got, c.want)
			}
		})
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		body    string
		outcome channel.Outcome
		reason  parley.ReasonCode
	}{
		{400, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, channel.NotSent, parley.ReasonChannelBadConfiguration},
		{401, `{"error":"invalid_client"}`, channel.NotSent, parley.ReasonChannelBadConfiguration},
		{503, `oops`, channel.TryAgain, parley.ReasonChannelFailure},
		{200, `{}`, channel.TryAgain, parley.ReasonChannelFailure},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		_, err := rcs.New().Connect(t.Context(), conn(credential(t), server.URL))
		server.Close()
		e, ok := errors.AsType[*channel.Error](err)
		if !ok || e.Outcome != c.outcome || e.Reason.Code != c.reason {
			t.Errorf("%d %s: got %v", c.status, c.body, err)
		}
	}
}

// TestExpireTime holds the end of a message's life to what Google takes.
func TestExpireTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !serveToken(w, r) {
			body, _ := io.ReadAll(r.Body)
			sent = string(body)
		}
	}))
	defer server.Close()
	c := conn(credential(t), server.URL)
	c.Now = func() time.Time { return now }
	for life, want := range map[time.Duration]string{
		time.Hour: `"expireTime":"2030-05-01T11:00:00Z"`, 30 * 24 * time.Hour: `"expireTime":"2030-05-16T10:00:00Z"`,
	} {
		_, err := rcs.New().Send(t.Context(), c, channel.Attempt{
			Key: "k", Expires: now.Add(life), To: channel.Address{Identity: phone}, Payload: channel.Payload{Body: json.RawMessage(`{}`)},
		})
		if err != nil || !strings.Contains(sent, want) {
			t.Errorf("%v: %v, sent %s, want %s", life, err, sent, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, field string }{
		{`{"region":"mars"}`, "provider_settings.region"},
		{`{"traffic_type":"SPAM"}`, "provider_settings.traffic_type"},
		{`{"clienttoken":"x"}`, "provider_settings.clienttoken"},
		{`{"region":1}`, "provider_settings.region"},
		{`{"service_account":"x"}`, "provider_settings"},
		{`{"service_account":{"client_email":1}}`, "provider_settings.service_account.client_email"},
		{`{"service_account":{}}`, "provider_settings.service_account.client_email"},
		{`{"service_account":{"type":"authorized_user","client_email":"a"}}`, "provider_settings.service_account.type"},
		{`{"service_account":{"client_email":"a","private_key":"x"}}`, "provider_settings.service_account.private_key"},
		{`{}`, ""},
		{`{"service_account":null,"region":"europe"}`, ""},
	} {
		cred := credential(t)
		cred.ProviderSettings = json.RawMessage(c.settings)
		err := rcs.New().Check(cred)
		switch {
		case c.field == "" && err != nil, c.field != "" && (err == nil || !strings.Contains(err.Error(), c.field)):
			t.Errorf("%s: got %v, want an error of %q", c.settings, err, c.field)
		}
	}
}

// TestProperties renders cards with the channel's properties.
func TestProperties(t *testing.T) {
	t.Parallel()
	card := &parley.AppMessage{Card: &parley.CardMessage{
		Title: "Tulips", Media: &parley.MediaMessage{URL: "https://media.example/tulip.jpg"},
		Choices: []parley.Choice{{URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}}},
	}}
	payloads, err := rcs.New().Render(&channel.Outgoing{MessageID: channeltest.MessageID, Message: card, Properties: map[string]string{
		"RCS_WEBVIEW_MODE": "half", "RCS_CARD_ORIENTATION": "HORIZONTAL", "RCS_CARD_THUMBNAIL_IMAGE_ALIGNMENT": "RIGHT",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"cardOrientation":"HORIZONTAL"`, `"thumbnailImageAlignment":"RIGHT"`, `"application":"WEBVIEW"`, `"webviewViewMode":"HALF"`,
	} {
		if !strings.Contains(string(payloads[0].Body), want) {
			t.Errorf("%s lacks %s", payloads[0].Body, want)
		}
	}
}

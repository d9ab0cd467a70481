package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/telegram"
)

const (
	token  = "123456:very-secret_Token"
	secret = "0123456789abcdef0123456789abcdef"
)

// A call is one request the bot's server got.
type call struct {
	Path string
	Body string
}

// A botAPI answers every call with the next of its answers, the last for
// ever.
type botAPI struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []call
	answers []answer
}

type answer struct {
	status int
	header http.Header
	body   string
}

func serve(t *testing.T, answers ...answer) *botAPI {
	t.Helper()
	b := &botAPI{answers: answers}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.calls = append(b.calls, call{r.URL.Path, string(body)})
		a := b.answers[0]
		if len(b.answers) > 1 {
			b.answers = b.answers[1:]
		}
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *botAPI) seen() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelTelegram, Telegram: &parley.TelegramCredentials{Token: token},
	}
}

func conn(baseURL string) *channel.Conn {
	return &channel.Conn{
		Credential: credential(),
		BaseURL:    baseURL,
		Secret:     secret,
		HTTP:       &http.Client{Timeout: 10 * time.Second},
		Log:        slog.New(slog.DiscardHandler),
		Now:        time.Now,
	}
}

func hello() channel.Attempt {
	return channel.Attempt{
		To:      channel.Address{Identity: "42"},
		Payload: channel.Payload{Body: json.RawMessage(`{"method":"sendMessage","chat_id":42,"text":"Hello"}`)},
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		edit  func(c *parley.ChannelCredential)
		field string
	}{
		{"fine", func(*parley.ChannelCredential) {}, ""},
		{"named provider", func(c *parley.ChannelCredential) { c.Provider = "telegram" }, ""},
		{"null settings", func(c *parley.ChannelCredential) { c.ProviderSettings = json.RawMessage("null") }, ""},
		{"no object", func(c *parley.ChannelCredential) { c.Telegram = nil }, "telegram_credentials"},
		{"no colon", func(c *parley.ChannelCredential) { c.Telegram.Token = "123456" }, "telegram_credentials.token"},
		{"a path", func(c *parley.ChannelCredential) { c.Telegram.Token = "1:a/../b" }, "telegram_credentials.token"},
		{"other provider", func(c *parley.ChannelCredential) { c.Provider = "meta" }, "provider"},
		{"settings", func(c *parley.ChannelCredential) { c.ProviderSettings = json.RawMessage("{}") }, "provider_settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := credential()
			tt.edit(c)
			err := telegram.New().Check(c)
			got := ""
			if e, ok := errors.AsType[*parley.Error](err); ok {
				got = e.Field
			}
			if got != tt.field || (err != nil) != (tt.field != "") {
				t.Errorf("Check() = %v, want a complaint about %q", err, tt.field)
			}
		})
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, result string
		want         channel.ProviderID
	}{
		{"message", `{"message_id":7,"date":1,"chat":{"id":43,"type":"private"}}`, "43:7"},
		{"message id", `{"message_id":7}`, "42:7"},
		{"album", `[{"message_id":7,"chat":{"id":42}},{"message_id":8,"chat":{"id":42}}]`, "42:7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := serve(t, answer{200, nil, `{"ok":true,"result":` + tt.result + `}`})
			a := hello()
			got, err := telegram.New().Send(t.Context(), conn(api.URL), a)
			if err != nil || got != tt.want {
				t.Errorf("Send() = %q, %v, want %q", got, err, tt.want)
			}
			want := []call{{"/bot" + token + "/sendMessage", string(a.Payload.Body)}}
			if diff := cmp.Diff(want, api.seen()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendKeepsSecret(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(silent.Close)
	echo := serve(t, answer{400, nil, `{"ok":false,"error_code":400,"description":"Bad Request: ` + token + `"}`})
	for name, base := range map[string]string{
		"unreachable": closed.URL, "silent": silent.URL, "malformed": "http://[::1", "echo": echo.URL, "no host": "http://",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := conn(base)
			_, err := telegram.New().Send(t.Context(), c, hello())
			if err == nil {
				t.Fatal("Send() succeeded")
			}
			_, fetchErr := telegram.New().FetchMedia(t.Context(), c, "file")
			for _, err := range []error{err, fetchErr} {
				if err == nil || strings.Contains(err.Error(), "very-secret") {
					t.Errorf("the error tells the token: %v", err)
				}
			}
		})
	}
}

func TestSendWithoutToken(t *testing.T) {
	t.Parallel()
	c := conn("http://127.0.0.1:1")
	c.Credential = &parley.ChannelCredential{Channel: parley.ChannelTelegram}
	_, err := telegram.New().Send(t.Context(), c, hello())
	e := channel.AsError(err)
	if e.Reason.Code != parley.ReasonChannelConfigurationMissing || e.Outcome != channel.NotSent {
		t.Errorf("Send() = %v, want CHANNEL_CONFIGURATION_MISSING", err)
	}
}

func TestSendRefusesOtherMethods(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"method":"deleteWebhook"}`, `{"method":"send../getMe"}`, `{}`, `[]`, ``} {
		a := hello()
		a.Payload.Body = json.RawMessage(body)
		_, err := telegram.New().Send(t.Context(), conn("http://127.0.0.1:1"), a)
		if e := channel.AsError(err); err == nil || e.Outcome != channel.NotSent {
			t.Errorf("Send(%s) = %v, want a refusal", body, err)
		}
	}
}

// me is what getMe answers.
var me = answer{200, nil, `{"ok":true,"result":{"id":123456,"is_bot":true,"first_name":"Shop","username":"shop_bot"}}`}

func TestConnect(t *testing.T) {
	t.Parallel()
	api := serve(t, me)
	c := conn(api.URL)
	for _, hook := range []string{"", "https://parley.example/hook"} {
		c.WebhookURL = hook
		if name, err := telegram.New().Connect(t.Context(), c); err != nil || name != "shop_bot" {
			t.Fatalf("Connect() = %q, %v", name, err)
		}
	}
	want := []call{
		{"/bot" + token + "/getMe", `{}`},
		{"/bot" + token + "/getMe", `{}`},
		{
			"/bot" + token + "/setWebhook",
			`{"allowed_updates":["message","edited_message","callback_query","message_reaction","my_chat_member"],` +
				`"secret_token":"` + secret + `","url":"https://parley.example/hook"}`,
		},
	}
	if diff := cmp.Diff(want, api.seen()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestConnectRefused(t *testing.T) {
	t.Parallel()
	const notHTTPS = `{"ok":false,"error_code":400,"description":"Bad Request: bad webhook: HTTPS url must be provided for webhook"}`
	tests := []struct {
		name   string
		second answer
		want   channel.Outcome
		reason parley.ReasonCode
	}{
		{"address", answer{400, nil, notHTTPS}, channel.NotSent, parley.ReasonChannelBadConfiguration},
		{"trouble", answer{502, nil, `<html>`}, channel.TryAgain, parley.ReasonChannelFailure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := conn(serve(t, me, tt.second).URL)
			c.WebhookURL = "http://parley.example/hook"
			_, err := telegram.New().Connect(t.Context(), c)
			e := channel.AsError(err)
			if err == nil || e.Outcome != tt.want || e.Reason.Code != tt.reason {
				t.Errorf("Connect() = %v, want %s, %v", err, tt.reason, tt.want)
			}
		})
	}
}

func TestSendEvent(t *testing.T) {
	t.Parallel()
	api := serve(t, answer{200, nil, `{"ok":true,"result":true}`})
	send := func(e *parley.AppEvent) error {
		_, err := telegram.New().SendEvent(t.Context(), conn(api.URL),
			&channel.OutgoingEvent{To: channel.Address{Identity: "42"}, Event: e})
		return err
	}
	if err := send(&parley.AppEvent{Composing: &parley.Empty{}}); err != nil {
		t.Error(err)
	}
	if err := send(&parley.AppEvent{ComposingEnd: &parley.Empty{}}); err != nil {
		t.Error(err)
	}
	err := send(&parley.AppEvent{ReadMessage: &parley.Empty{}})
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonBadRequest || e.Outcome != channel.NotSent {
		t.Errorf("read_message_event: %v, want BAD_REQUEST", err)
	}
	want := []call{{"/bot" + token + "/sendChatAction", `{"action":"typing","chat_id":42}`}}
	if diff := cmp.Diff(want, api.seen()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	api := serve(t, answer{200, nil, `{"ok":true,"result":true}`})
	for _, in := range []channel.Inbound{{Ack: "99"}, {}} {
		if err := telegram.New().Acknowledge(t.Context(), conn(api.URL), in); err != nil {
			t.Error(err)
		}
	}
	want := []call{{"/bot" + token + "/answerCallbackQuery", `{"callback_query_id":"99"}`}}
	if diff := cmp.Diff(want, api.seen()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFetchMedia(t *testing.T) {
	t.Parallel()
	api := serve(
		t,
		answer{200, nil, `{"ok":true,"result":{"file_id":"f","file_path":"photos/file 1.jpg"}}`},
		answer{200, http.Header{"Content-Type": {"application/octet-stream"}}, "a picture"},
	)
	m, err := telegram.New().FetchMedia(t.Context(), conn(api.URL), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	got, err := io.ReadAll(m.Body)
	if err != nil || string(got) != "a picture" || m.Size != 9 || m.MIME != "" {
		t.Errorf("FetchMedia() = %q, size %d, type %q, %v", got, m.Size, m.MIME, err)
	}
	want := []call{
		{"/bot" + token + "/getFile", `{"file_id":"f"}`},
		{"/file/bot" + token + "/photos/file 1.jpg", ""},
	}
	if diff := cmp.Diff(want, api.seen()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFetchMediaRefused(t *testing.T) {
	t.Parallel()
	found := answer{200, nil, `{"ok":true,"result":{"file_id":"f","file_path":"photos/1.jpg"}}`}
	tests := []struct {
		name    string
		answers []answer
		reason  parley.ReasonCode
		outcome channel.Outcome
	}{
		{
			"too big",
			[]answer{{400, nil, `{"ok":false,"error_code":400,"description":"Bad Request: file is too big"}`}},
			parley.ReasonMediaTooLarge, channel.NotSent,
		},
		{
			"unknown",
			[]answer{{400, nil, `{"ok":false,"error_code":400,"description":"Bad Request: invalid file_id"}`}},
			parley.ReasonMediaNotReachable, channel.NotSent,
		},
		{"gone", []answer{found, {404, nil, `{"ok":false}`}}, parley.ReasonMediaNotReachable, channel.NotSent},
		{"trouble", []answer{found, {502, nil, ``}}, parley.ReasonChannelFailure, channel.TryAgain},
		{
			"elsewhere",
			[]answer{{200, nil, `{"ok":true,"result":{"file_path":"../../../secrets"}}`}},
			parley.ReasonMediaNotReachable, channel.NotSent,
		},
		{"on the server's disk", []answer{{200, nil, `{"ok":true,"result":{"file_path":"/var/lib/x"}}`}}, parley.ReasonMediaNotReachable, channel.NotSent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := telegram.New().FetchMedia(t.Context(), conn(serve(t, tt.answers...).URL), "f")
			e := channel.AsError(err)
			if err == nil || e.Reason.Code != tt.reason || e.Outcome != tt.outcome {
				t.Errorf("FetchMedia() = %v, want %s, %v", err, tt.reason, tt.outcome)
			}
		})
	}
}

func TestSendCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	api := serve(t, answer{200, nil, `{}`})
	_, err := telegram.New().Send(ctx, conn(api.URL), hello())
	if e := channel.AsError(err); err == nil || e.Outcome != channel.TryAgain {
		t.Errorf("Send() = %v, want TryAgain: nothing left", err)
	}
}

func TestReceiveWithoutSecret(t *testing.T) {
	t.Parallel()
	c := conn("")
	c.Secret = ""
	r := httptest.NewRequest(http.MethodPost, "/hook", nil)
	if _, err := telegram.New().Receive(c, r, []byte(`{"update_id":1}`)); !errors.Is(err, channel.ErrForged) {
		t.Errorf("Receive() = %v, want ErrForged", err)
	}
}

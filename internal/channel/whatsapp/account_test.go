package whatsapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/whatsapp"
)

func TestCheckNamesTheMember(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(c *parley.ChannelCredential)
		want string // the field; "" is a good credential
	}{
		{"as it is", func(*parley.ChannelCredential) {}, ""},
		{"no settings", func(c *parley.ChannelCredential) { c.ProviderSettings = nil }, ""},
		{"null settings", func(c *parley.ChannelCredential) { c.ProviderSettings = json.RawMessage("null") }, ""},
		{"provider named", func(c *parley.ChannelCredential) { c.Provider = "meta" }, ""},
		{"every setting", settings(`{"app_secret":"s","verify_token":"v","api_version":"v24.0","waba_id":"1",` +
			`"auth_header":"D360-API-KEY","verify_signatures":true}`), ""},
		{"other provider", func(c *parley.ChannelCredential) { c.Provider = "smpp" }, "provider"},
		{"no object", func(c *parley.ChannelCredential) { c.StaticBearer = nil }, "static_bearer"},
		{"token of two lines", func(c *parley.ChannelCredential) { c.StaticBearer.Token = "a\nb" }, "static_bearer.token"},
		{"number of two lines", func(c *parley.ChannelCredential) { c.StaticBearer.ClaimedIdentity = "1\n2" }, "static_bearer.claimed_identity"},
		{"a list", settings(`[]`), "provider_settings"},
		{"misspelt", settings(`{"app_secrets":"x"}`), "provider_settings.app_secrets"},
		{"wrong case", settings(`{"App_Secret":"x"}`), "provider_settings.App_Secret"},
		{"wrong type", settings(`{"app_secret":1}`), "provider_settings.app_secret"},
		{"version without v", settings(`{"api_version":"23.0"}`), "provider_settings.api_version"},
		{"version with a path", settings(`{"api_version":"v23.0/../x"}`), "provider_settings.api_version"},
		{"no header name", settings(`{"auth_header":"a b"}`), "provider_settings.auth_header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := credential()
			tt.edit(c)
			err := whatsapp.New().Check(c)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got error %v", err)
				}
				return
			}
			e, ok := errors.AsType[*parley.Error](err)
			if !ok || e.Field != tt.want || !strings.HasPrefix(e.Message, tt.want) {
				t.Errorf("got error %v, want one that names %s", err, tt.want)
			}
		})
	}
}

func settings(s string) func(*parley.ChannelCredential) {
	return func(c *parley.ChannelCredential) { c.ProviderSettings = json.RawMessage(s) }
}

// post returns what Receive says of a body with a signature.
func post(t *testing.T, c *parley.ChannelCredential, signature string, body []byte) (channel.Received, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/channels/WHATSAPP/x", bytes.NewReader(body))
	if signature != "" {
		r.Header.Set("X-Hub-Signature-256", signature)
	}
	return whatsapp.New().Receive(conn(c, ""), r, body)
}

// TestSignatureVector checks a signature made by another implementation. The
// body is no webhook of WhatsApp's, so that a genuine one is malformed.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "signature-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Meta struct {
			AppSecret string `json:"app_secret"`
			Body      string
			Value     string
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v := vectors.Meta
	c := credential()
	c.ProviderSettings = json.RawMessage(`{"app_secret":"` + v.AppSecret + `"}`)
	if _, err := post(t, c, v.Value, []byte(v.Body)); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("genuine: got error %v, want ErrMalformed", err)
	}
	for name, signature := range map[string]string{
		"none":        "",
		"no prefix":   strings.TrimPrefix(v.Value, "sha256="),
		"not hex":     "sha256=zz",
		"cut":         v.Value[:len(v.Value)-2],
		"other":       v.Value[:len(v.Value)-1] + "0",
		"callback's":  sign(c.CallbackSecret, []byte(v.Body)), // app_secret wins
		"old SHA-1":   "sha1=" + strings.Repeat("0", 40),
		"empty":       "sha256=",
		"empty key's": sign("", []byte(v.Body)),
	} {
		if _, err := post(t, c, signature, []byte(v.Body)); !errors.Is(err, channel.ErrForged) {
			t.Errorf("%s: got error %v, want ErrForged", name, err)
		}
	}
}

func TestSignatureKeys(t *testing.T) {
	t.Parallel()
	body := []byte(`{"object":"whatsapp_business_account","entry":[]}`)
	tests := []struct {
		name, callbackSecret, settings, key string
		want                                error
	}{
		{"no key", "", `{}`, "", channel.ErrForged},
		{"no key, signed with nothing", "", `{}`, "-", channel.ErrForged},
		{"no key, checks wanted", "", `{"verify_signatures":true}`, "", channel.ErrForged},
		{"no key, no checks", "", `{"verify_signatures":false}`, "", nil},
		{"callback secret", "secret1", `{}`, "secret1", nil},
		{"app secret", "secret1", `{"app_secret":"secret2"}`, "secret2", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := credential()
			c.CallbackSecret, c.ProviderSettings = tt.callbackSecret, json.RawMessage(tt.settings)
			signature := ""
			if tt.key != "" {
				signature = sign(strings.Trim(tt.key, "-"), body)
			}
			if _, err := post(t, c, signature, body); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestHandshakeToken: without a token of its own, an account has the server's.
func TestHandshakeToken(t *testing.T) {
	t.Parallel()
	c := credential()
	c.ProviderSettings = nil
	own := conn(c, "")
	q := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"42"}, "hub.verify_token": {own.Secret}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/channels/WHATSAPP/x?"+q.Encode(), http.NoBody)
	got, err := whatsapp.New().Receive(own, r, nil)
	want := channel.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte("42")}
	if diff := cmp.Diff(want, got.Reply); diff != "" || err != nil {
		t.Errorf("error %v, reply (-want +got):\n%s", err, diff)
	}
	own.Secret = ""
	q.Set("hub.verify_token", "")
	r.URL.RawQuery = q.Encode()
	if got, err := whatsapp.New().Receive(own, r, nil); err != nil || got.Reply.Status != http.StatusForbidden {
		t.Errorf("no token at all: got status %d, error %v, want 403", got.Reply.Status, err)
	}
}

// TestTranscodeExample compares with the answer the official Java SDK expects,
// byte for byte.
func TestTranscodeExample(t *testing.T) {
	t.Parallel()
	got, err := whatsapp.New().Render(&channel.Outgoing{
		To: channel.Address{Identity: "{{to}}"},
		Message: &parley.AppMessage{Location: &parley.LocationMessage{
			Title: "Phare d'Eckmühl", Label: "Pointe de Penmarch",
			Coordinates: parley.Coordinates{Latitude: 47.7981899, Longitude: -4.3727685},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"to":"{{to}}","type":"location","recipient_type":"individual","location":{"longitude":"-4.3727684",` +
		`"latitude":"47.79819","name":"Phare d'Eckmühl","address":"Pointe de Penmarch"},` +
		`"messaging_product":"whatsapp","biz_opaque_callback_data":null}`
	if len(got) != 1 || string(got[0].Body) != want {
		t.Errorf("got %s\nwant %s", got[0].Body, want)
	}
}

// TestUserID: who hides the phone number is written to by another member.
func TestUserID(t *testing.T) {
	t.Parallel()
	for identity, member := range map[string]string{
		"46700000001":              "to",
		"{{to}}":                   "to",
		"US.13491208655302741918":  "recipient",
		"US.ENT.11815799212886844": "recipient",
	} {
		got, err := whatsapp.New().Render(&channel.Outgoing{
			To:      channel.Address{Identity: identity},
			Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hi"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(got[0].Body, &body); err != nil {
			t.Fatal(err)
		}
		if body[member] != identity || len(body) != 6 {
			t.Errorf("%s: got %s, want it in %s alone", identity, got[0].Body, member)
		}
	}
}

// TestAuthHeader: resellers want the bare token under a name of their own,
// also for media.
func TestAuthHeader(t *testing.T) {
	t.Parallel()
	var seen []http.Header
	var paths []string
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, paths = append(seen, r.Header), append(paths, r.URL.Path)
		_, _ = io.WriteString(w, `{"url":"`+server.URL+`/file","mime_type":"image/png"}`)
	}))
	t.Cleanup(server.Close)
	c := credential()
	c.ProviderSettings = json.RawMessage(`{"auth_header":"d360-api-key","api_version":"v25.0"}`)
	media, err := whatsapp.New().FetchMedia(context.Background(), conn(c, server.URL), "7")
	if err != nil {
		t.Fatal(err)
	}
	media.Body.Close()
	if diff := cmp.Diff([]string{"/v25.0/7", "/file"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	for _, h := range seen {
		if h.Get("D360-API-KEY") != token || h.Get("Authorization") != "" {
			t.Errorf("got header %v", h)
		}
	}
}

func TestMediaFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		where, get http.HandlerFunc
		reason     parley.ReasonCode
		outcome    channel.Outcome
	}{
		{
			"id unknown", graph(400, `{"error":{"code":100,"error_subcode":33,"message":"no such object"}}`), nil,
			parley.ReasonMediaNotReachable, channel.NotSent,
		},
		{"token expired", graph(401, `{"error":{"code":190}}`), nil, parley.ReasonChannelBadConfiguration, channel.NotSent},
		{"no address", graph(200, `{}`), nil, parley.ReasonMediaNotReachable, channel.NotSent},
		{"no such address", graph(200, `{"url":"http://%zz"}`), nil, parley.ReasonChannelFailure, channel.NotSent},
		{"media gone", nil, graph(404, `gone`), parley.ReasonMediaNotReachable, channel.NotSent},
		{"host down", nil, graph(503, ``), parley.ReasonChannelFailure, channel.TryAgain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			if tt.where == nil {
				tt.where = graph(200, `{"url":"`+server.URL+`/file"}`)
				mux.HandleFunc("/file", tt.get)
			}
			mux.HandleFunc("/v23.0/7", tt.where)
			_, err := whatsapp.New().FetchMedia(t.Context(), conn(credential(), server.URL), "7")
			if e := channel.AsError(err); err == nil || e.Reason.Code != tt.reason || e.Outcome != tt.outcome {
				t.Errorf("got error %v, want %s and %s", err, tt.reason, tt.outcome)
			}
		})
	}
}

func graph(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestAccountNews: news of another WhatsApp Business Account are not ours,
// where the settings say which one is.
func TestAccountNews(t *testing.T) {
	t.Parallel()
	body := []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","time":1893492183,` +
		`"changes":[{"field":"account_update","value":{"event":"VERIFIED_ACCOUNT"}}]}]}`)
	for id, want := range map[string]int{"": 1, "1": 1, "2": 0} {
		c := credential()
		c.ProviderSettings = json.RawMessage(`{"waba_id":"` + id + `"}`)
		got, err := post(t, c, sign(c.CallbackSecret, body), body)
		if err != nil || len(got.Inbound) != want {
			t.Errorf("waba_id %q: got %d events, error %v, want %d", id, len(got.Inbound), err, want)
		}
	}
}

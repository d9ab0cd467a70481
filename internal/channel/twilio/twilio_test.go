package twilio

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/parley-im/parley/internal/channel"
)

// TestSignatureVector holds the formula against Twilio's own library.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Twilio struct {
			Token, URL, Value string
			Params            map[string]string
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v, posted := vectors.Twilio, url.Values{}
	for name, value := range v.Params {
		posted.Set(name, value)
	}
	if got := (Account{Token: v.Token}).Signature(v.URL, posted); got != v.Value {
		t.Errorf("got %s, want %s", got, v.Value)
	}
}

// A port may be in the address and not in what is signed, or the other way
// round; anything else is another address.
func TestSignedAddress(t *testing.T) {
	t.Parallel()
	posted := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	a := Account{SID: "AC1", Token: "auth-token-of-the-test"}
	for _, tc := range []struct {
		hook, signed string
		genuine      bool
	}{
		{"https://parley.example/hook", "https://parley.example/hook?key=k", true},
		{"https://parley.example:8443/hook", "https://parley.example:8443/hook?key=k", true},
		{"https://parley.example:8443/hook", "https://parley.example/hook?key=k", true},
		{"https://parley.example/hook", "https://parley.example:443/hook?key=k", true},
		{"http://[2001:db8::1]:8080/hook", "http://[2001:db8::1]/hook?key=k", true},
		{"https://parley.example/hook", "https://parley.example:8443/hook?key=k", false},
		{"https://parley.example/hook", "https://parley.example/hook", false},
		{"https://parley.example/hook", "http://parley.example/hook?key=k", false},
		{"", "?key=k", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/hook?key=k", http.NoBody)
		r.Header.Set("X-Twilio-Signature", a.Signature(tc.signed, posted))
		in, err := a.Receive(&channel.Conn{WebhookURL: tc.hook}, r, []byte(posted.Encode()))
		if tc.genuine && (err != nil || len(in.Inbound) != 1) || !tc.genuine && !errors.Is(err, channel.ErrForged) {
			t.Errorf("%s signed as %s: %v, %v", tc.hook, tc.signed, in, err)
		}
	}
}

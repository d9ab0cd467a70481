package sms

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// TestVonageClient holds our requests against those of Vonage's own client,
// and has it check the signatures we expect of webhooks.
func TestVonageClient(t *testing.T) {
	t.Parallel()
	requirePeer(t, "@vonage/sms", "node")
	requests := make(chan map[string]string, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- vonageRequest(t, r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"message-count":"1","messages":[{"to":"15551230001","message-id":"1","status":"0"}]}`)
	}))
	defer api.Close()
	cases, err := json.Marshal(vonageWebhooks())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "vonage-sms.mjs", api.URL, string(cases))
	cmd.Dir, cmd.Stderr = peersDir(), t.Output()
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var believed []bool
	if err := json.Unmarshal(said, &believed); err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	for i, c := range vonageWebhooks() {
		if i >= len(believed) || !believed[i] {
			t.Errorf("the client does not believe %+v", c)
		}
	}

	now := testTime
	c := &channel.Conn{
		Credential: gatewayCredential(providerVonage, `{"default_sender":"Parley"}`), BaseURL: api.URL,
		WebhookURL: "https://parley.example/hook", HTTP: api.Client(), Now: func() time.Time { return now },
	}
	theirs := []map[string]string{<-requests, <-requests, <-requests}
	for i, tc := range []struct {
		text       string
		properties map[string]string
		expires    time.Time
	}{
		{text: "Hello & <welcome> + 100%"},
		{text: "Привет 😀", expires: now.Add(90 * time.Second)},
		{text: "Look", properties: map[string]string{"SMS_FLASH_MESSAGE": "true"}},
	} {
		payloads, err := New().Render(&channel.Outgoing{
			To: channel.Address{Identity: "15551230001"}, Credential: c.Credential, Properties: tc.properties,
			Message: &parley.AppMessage{Text: &parley.TextMessage{Text: tc.text}},
		})
		if err != nil || len(payloads) != 1 {
			t.Fatal(payloads, err)
		}
		if _, err := New().Send(t.Context(), c, channel.Attempt{Key: "k-0", Payload: payloads[0], Expires: tc.expires}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(theirs[i], <-requests); diff != "" {
			t.Errorf("-Vonage's client +ours:\n%s", diff)
		}
	}
}

// vonageRequest is what a request says, as JSON or as a form, with the account
// in a header or among the fields.
func vonageRequest(t *testing.T, r *http.Request) map[string]string {
	t.Helper()
	got := map[string]string{"path": r.URL.Path}
	if user, password, ok := r.BasicAuth(); ok {
		got["api_key"], got["api_secret"] = user, password
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	fields, err := vonageFields(r, body)
	if err != nil {
		t.Errorf("%s: %v", body, err)
	}
	for name := range fields {
		got[name] = fields.Get(name)
	}
	return got
}

type vonageWebhook struct {
	Fields map[string]string `json:"fields"`
	Secret string            `json:"secret"`
	Method signatureMethod   `json:"method"`
}

// vonageWebhooks are a message in awkward words, signed in every way.
func vonageWebhooks() []vonageWebhook {
	var out []vonageWebhook
	for _, method := range []signatureMethod{signMD5Hash, signMD5, signSHA1, signSHA256, signSHA512} {
		fields := url.Values{
			"messageId": {"0A00"}, "msisdn": {"15551230001"}, "to": {"Parley"}, "type": {"unicode"},
			"text": {"a=b&c _ Привет 😀 [x]"}, "keyword": {"A=B&C"}, "message-timestamp": {"2026-11-22 10:00:00"},
		}
		const secret = "signature-secret-of-the-test"
		sig := hex.EncodeToString(vonageSignature(method, secret, fields))
		w := vonageWebhook{Fields: map[string]string{"sig": sig}, Secret: secret, Method: method}
		for name := range fields {
			w.Fields[name] = fields.Get(name)
		}
		out = append(out, w)
	}
	return out
}

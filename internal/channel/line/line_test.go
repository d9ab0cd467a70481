package line_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/line"
	"github.com/parley-im/parley/internal/transcode"
)

const messageKey = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

func conn(c *parley.ChannelCredential, baseURL string) *channel.Conn {
	return &channel.Conn{
		Credential: c, BaseURL: baseURL, HTTP: http.DefaultClient, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// render renders m as the engine does; a message that is refused has no
// payloads.
func render(t *testing.T, m *parley.AppMessage) []channel.Payload {
	t.Helper()
	return renderTo(t, m, userID)
}

func renderTo(t *testing.T, m *parley.AppMessage, to string) []channel.Payload {
	t.Helper()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, parley.ChannelLINE), messageKey), line.New().Capabilities())
	if err != nil {
		return nil
	}
	var out []channel.Payload
	for _, part := range parts {
		payloads, err := line.New().Render(&channel.Outgoing{
			MessageID: messageKey, To: channel.Address{Identity: to}, Message: part, Credential: credential(),
		})
		if err != nil {
			return nil
		}
		out = append(out, payloads...)
	}
	return out
}

func post(t *testing.T, c *parley.ChannelCredential, signature string, body []byte) (channel.Received, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/channels/LINE/x", bytes.NewReader(body))
	if signature != "" {
		r.Header.Set("X-Line-Signature", signature)
	}
	return line.New().Receive(conn(c, ""), r, body)
}

// TestSignatureVector checks a signature made by another implementation. The
// body is no webhook of LINE's, so that a genuine one is malformed.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "signature-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		LINE struct{ Secret, Body, Value string }
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v := vectors.LINE
	c := credential()
	c.LINE.Secret = v.Secret
	if _, err := post(t, c, v.Value, []byte(v.Body)); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("genuine: got error %v, want ErrMalformed", err)
	}
	for name, wrong := range map[string]string{
		"none": "", "not base64": "!", "cut": v.Value[:40], "other": "A" + v.Value[1:], "empty key's": signature("", []byte(v.Body)),
	} {
		if _, err := post(t, c, wrong, []byte(v.Body)); !errors.Is(err, channel.ErrForged) {
			t.Errorf("%s: got error %v, want ErrForged", name, err)
		}
	}
	c.LINE.Secret = ""
	if _, err := post(t, c, signature("", []byte(v.Body)), []byte(v.Body)); !errors.Is(err, channel.ErrForged) {
		t.Errorf("without a secret: got error %v, want ErrForged", err)
	}
}

// TestPeerSignature has LINE's own SDK judge the signatures these tests make.
func TestPeerSignature(t *testing.T) {
	t.Parallel()
	peers, err := filepath.Abs(filepath.Join("..", "..", "..", "test", "peers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "@line", "bot-sdk")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("test/peers has no npm package @line/bot-sdk: run make setup")
		}
		t.Skip("test/peers has no npm package @line/bot-sdk: run make setup")
	}
	body := []byte(`{"destination":"U1","events":[],"text":"héllo 😀"}`)
	const program = `import { validateSignature } from '@line/bot-sdk';
const [body, secret, good, bad] = process.argv.slice(1);
console.log(validateSignature(body, secret, good), validateSignature(body, secret, bad));`
	good, bad := signature(secret, body), signature("another secret", body)
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", program, "--", string(body), secret, good, bad)
	cmd.Dir = peers
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "true false" {
		t.Errorf("the SDK says %s, want true false", got)
	}
	if _, err := post(t, credential(), good, body); err != nil {
		t.Errorf("what the SDK takes: %v", err)
	}
}

func TestEnterpriseCredentials(t *testing.T) {
	t.Parallel()
	country := &parley.LINECountry{Token: "enterprise-token", Secret: "enterprise-secret"}
	for name, e := range map[string]*parley.LINEEnterprise{
		"Japan": {Japan: country}, "Thailand": {Thailand: country},
	} {
		c := &parley.ChannelCredential{Channel: parley.ChannelLINE, LINEEnterprise: e}
		if err := line.New().Check(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		body := []byte(`{"destination":"U1","events":[]}`)
		if _, err := post(t, c, signature(country.Secret, body), body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bad := &parley.LINECountry{Token: "two lines\n"}
		c.LINEEnterprise = &parley.LINEEnterprise{Japan: bad}
		if err := line.New().Check(c); err == nil || !strings.Contains(err.Error(), "line_enterprise_credentials.line_japan.token") {
			t.Errorf("a token that fits no header: got error %v", err)
		}
	}
}

// TestNotification sends messages to a phone number, which LINE is given as a
// hash.
func TestNotification(t *testing.T) {
	t.Parallel()
	// The number and its hash are the example of LINE's documentation
	// (developers.line.biz/en/docs/partner-docs/line-notification-messages/technical-specs).
	const phone, hash = "818000001234", "d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c"
	template := &parley.AppMessage{ChannelSpecific: map[parley.Channel]parley.ChannelSpecificMessage{parley.ChannelLINE: {
		MessageType: "NOTIFICATION_MESSAGE_TEMPLATE",
		Message: json.RawMessage(`{"template_key":"shipment_completed_ja","body":{
			"emphasized_item":{"item_key":"date_002_ja","content":"8/10"},
			"items":[{"item_key":"number_001_ja","content":"1234567"}],
			"buttons":[{"button_key":"contact_ja","url":"https://x.example"}]}}`),
	}}}
	rows := []struct {
		name, path, body string
		message          *parley.AppMessage
	}{
		{
			"template", "/v2/bot/message/pnp/templated/push", `{"to":"` + hash + `","templateKey":"shipment_completed_ja","body":{` +
				`"emphasizedItem":{"itemKey":"date_002_ja","content":"8/10"},"items":[{"itemKey":"number_001_ja","content":"1234567"}],` +
				`"buttons":[{"buttonKey":"contact_ja","url":"https://x.example"}]}}`, template,
		},
		{
			"free", "/bot/pnp/push", `{"to":"` + hash + `","messages":[{"type":"text","text":"Hi"}]}`,
			&parley.AppMessage{Text: &parley.TextMessage{Text: "Hi"}},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			status := http.StatusAccepted
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if diff := cmp.Diff(row.path+" "+row.body, r.URL.Path+" "+string(body)); diff != "" {
					t.Errorf("request (-want +got):\n%s", diff)
				}
				if tag, retry := r.Header.Get("X-Line-Delivery-Tag"), r.Header.Get("X-Line-Retry-Key"); tag != messageKey+".0" || retry != "" {
					t.Errorf("delivery tag %q, retry key %q", tag, retry)
				}
				w.WriteHeader(status)
			}))
			defer server.Close()
			payloads := renderTo(t, row.message, phone)
			if len(payloads) != 1 {
				t.Fatalf("%d payloads, want 1", len(payloads))
			}
			a := channel.Attempt{Key: messageKey + ".0", To: channel.Address{Identity: phone}, Payload: payloads[0]}
			if id, err := line.New().Send(t.Context(), conn(credential(), server.URL), a); err != nil || string(id) != a.Key {
				t.Errorf("got %s, %v", id, err)
			}
			if !a.Payload.Once {
				t.Error("the payload may be repeated; LINE would show it twice")
			}
			for answered, want := range map[int]struct {
				reason  parley.ReasonCode
				outcome channel.Outcome
			}{
				http.StatusUnprocessableEntity: {parley.ReasonRecipientNotReachable, channel.NotSent},
				http.StatusBadGateway:          {parley.ReasonChannelFailure, channel.Unknown}, // it may have been sent
			} {
				status = answered
				_, err := line.New().Send(t.Context(), conn(credential(), server.URL), a)
				if e := channel.AsError(err); e.Reason.Code != want.reason || e.Outcome != want.outcome {
					t.Errorf("status %d: %v, %v", answered, err, e.Outcome)
				}
			}
		})
	}
}

// TestNotificationDelivered reads the one receipt LINE knows, which is for
// what was sent to a phone number.
func TestNotificationDelivered(t *testing.T) {
	t.Parallel()
	body := []byte(`{"destination":"U9","events":[{"type":"delivery","mode":"active","timestamp":1462629479859,
		"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","deliveryContext":{"isRedelivery":false},"delivery":{"data":"` + messageKey + `.0"}}]}`)
	got, err := post(t, credential(), signature(secret, body), body)
	if err != nil || len(got.Inbound) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := &channel.Receipt{ID: messageKey + ".0", Key: messageKey + ".0", Status: parley.StatusDelivered}
	if diff := cmp.Diff(want, got.Inbound[0].Receipt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	payloads, err := line.New().Render(&channel.Outgoing{
		To: channel.Address{Identity: userID}, ReplyTo: "4445:q3Plx:r4", Credential: credential(),
		Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Yes"}},
	})
	if err != nil || len(payloads) != 1 {
		t.Fatalf("%d payloads, %v", len(payloads), err)
	}
	want := `{"to":"` + userID + `","messages":[{"type":"text","text":"Yes","quoteToken":"q3Plx:r4"}]}`
	if got := string(payloads[0].Body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFetchMediaFailures(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		ref     string
		status  int
		outcome channel.Outcome
	}{
		{"325708", http.StatusAccepted, channel.TryAgain}, // being prepared
		{"325708", http.StatusNotFound, channel.NotSent},
		{"325708", http.StatusGone, channel.NotSent},
		{"325708", http.StatusUnauthorized, channel.NotSent},
		{"325708", http.StatusBadGateway, channel.TryAgain},
		{"../profile", http.StatusOK, channel.NotSent},
		{"", http.StatusOK, channel.NotSent},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/bot/message/325708/content" || r.Header.Get("Authorization") != "Bearer "+token {
				t.Errorf("%s %v", r.URL.Path, r.Header)
			}
			w.WriteHeader(row.status)
		}))
		m, err := line.New().FetchMedia(t.Context(), conn(credential(), server.URL), row.ref)
		if err == nil {
			_ = m.Body.Close()
		}
		if e := channel.AsError(err); err == nil || e.Outcome != row.outcome {
			t.Errorf("%q, %d: got %v (%v), want %v", row.ref, row.status, err, e.Outcome, row.outcome)
		}
		server.Close()
	}
}

package twilio_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/mms"
	"github.com/parley-im/parley/internal/channel/sms"
	"github.com/parley-im/parley/internal/channel/twilio"
	"github.com/parley-im/parley/internal/simulator"
)

// These tests hold the channels, and the simulated Twilio, against Twilio's
// own library.

const (
	sid   = "AC0123456789abcdef0123456789abcdef"
	token = "auth-token-of-the-test"
	phone = "15551230001"
)

// library runs test/peers/twilio.mjs and decodes what it prints. Without the
// library the test is skipped, but not where CI promises it.
func library(t *testing.T, into any, command string, args ...string) {
	t.Helper()
	peers := filepath.Join("..", "..", "..", "test", "peers")
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "twilio")); err != nil {
		const missing = "test/peers has no npm package twilio: run make setup"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"twilio.mjs", command}, args...)...)
	cmd.Dir, cmd.Stderr = peers, t.Output()
	said, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(said, into)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

func smsCredential(settings string) *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelSMS, Provider: "twilio", ProviderSettings: json.RawMessage(settings),
		StaticBearer: &parley.StaticBearer{ClaimedIdentity: sid, Token: token},
	}
}

func mmsCredential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelMMS, Provider: "twilio",
		MMS: &parley.MMSCredentials{AccountID: sid, APIKey: token, DefaultSender: "+15550001111"},
	}
}

// A heard request is what the API would see.
type heard struct {
	Path, Type, SID, Token string
	Fields                 url.Values
}

// TestRequests compares our requests with the library's.
func TestRequests(t *testing.T) {
	t.Parallel()
	requests := make(chan heard, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		h := heard{Path: r.URL.Path, Type: r.Header.Get("Content-Type"), Fields: r.PostForm}
		h.SID, h.Token, _ = r.BasicAuth()
		requests <- h
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid":"SM1","status":"queued"}`)
	}))
	defer api.Close()
	var sent []struct{ SID string }
	library(t, &sent, "send", api.URL, `[
		{"to":"+15551230001","from":"+15550001111","body":"Привет & <hello> + 100%","statusCallback":"https://parley.example/hook?key=k-0","validityPeriod":90},
		{"to":"+15551230001","messagingServiceSid":"MG1","body":"Hello","statusCallback":"https://parley.example/hook?key=k-0"},
		{"to":"+15551230001","from":"+15550001111","body":"Tulips","mediaUrl":["https://media.example/tulip.jpg?a=1&b=2"],"statusCallback":"https://parley.example/hook?key=k-0"},
		{"to":"+15551230001","from":"+15550001111","body":"Hello","sendAsMms":true,"statusCallback":"https://parley.example/hook?key=k-0"}
	]`)
	now := time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)
	theirs := []heard{<-requests, <-requests, <-requests, <-requests}
	sender := `{"default_sender":"+15550001111"}`
	text := func(words string) parley.AppMessage {
		return parley.AppMessage{Text: &parley.TextMessage{Text: words}}
	}
	for i, tc := range []struct {
		channel    channel.Channel
		credential *parley.ChannelCredential
		message    parley.AppMessage
		expires    time.Time
	}{
		{sms.New(), smsCredential(sender), text("Привет & <hello> + 100%"), now.Add(90 * time.Second)},
		{sms.New(), smsCredential(`{"messaging_service_sid":"MG1"}`), text("Hello"), time.Time{}},
		{mms.New(), mmsCredential(), parley.AppMessage{Card: &parley.CardMessage{
			Title: "Tulips", Media: &parley.MediaMessage{URL: "https://media.example/tulip.jpg?a=1&b=2"},
		}}, time.Time{}},
		{mms.New(), mmsCredential(), text("Hello"), time.Time{}},
	} {
		c := &channel.Conn{
			Credential: tc.credential, BaseURL: api.URL, WebhookURL: "https://parley.example/hook", HTTP: api.Client(),
			Now: func() time.Time { return now },
		}
		payloads, err := tc.channel.Render(&channel.Outgoing{
			To: channel.Address{Identity: phone}, Message: &tc.message, Credential: tc.credential,
		})
		if err != nil || len(payloads) != 1 {
			t.Fatal(payloads, err)
		}
		if _, err := tc.channel.Send(t.Context(), c, channel.Attempt{Key: "k-0", Payload: payloads[0], Expires: tc.expires}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(theirs[i], <-requests); diff != "" {
			t.Errorf("message %d: -Twilio's library +ours:\n%s", i, diff)
		}
	}
}

// A webhook as test/peers/twilio.mjs takes it.
type webhook struct {
	Signature string         `json:"signature"`
	URL       string         `json:"url"`
	Fields    map[string]any `json:"fields"`
}

func newWebhook(signature, address string, posted url.Values) webhook {
	w := webhook{signature, address, map[string]any{}}
	for name, values := range posted {
		w.Fields[name] = values
		if len(values) == 1 {
			w.Fields[name] = values[0]
		}
	}
	return w
}

// TestSignatures has the library check what we would believe.
func TestSignatures(t *testing.T) {
	t.Parallel()
	posted := url.Values{
		"MessageSid": {"SM1"}, "Body": {"Привет & 100% + <hello>"}, "From": {"+15551230001"}, "a": {"2", "1", "2"}, "Z": {""},
	}
	var hooks []webhook
	for _, address := range []string{
		"https://parley.example/channels/sms/01A", "https://parley.example/channels/sms/01A?key=01A-0-0-1&x=%20y",
		"https://parley.example:8443/channels/sms/01A", "http://parley.example:8080/hook?key=k",
	} {
		for _, fields := range []url.Values{posted, {}} {
			hooks = append(hooks, newWebhook(twilio.Account{Token: token}.Signature(address, fields), address, fields))
		}
	}
	checkWebhooks(t, hooks)
}

func checkWebhooks(t *testing.T, hooks []webhook) {
	t.Helper()
	raw, err := json.Marshal(hooks)
	if err != nil {
		t.Fatal(err)
	}
	believed := make([]bool, len(hooks))
	library(t, &believed, "validate", string(raw))
	for i := range hooks {
		if !believed[i] {
			t.Errorf("the library does not believe %+v", hooks[i])
		}
	}
}

// TestSimulators has the library send over the simulated Twilio, and check
// what that signs.
func TestSimulators(t *testing.T) {
	t.Parallel()
	for provider, tc := range map[string]struct {
		path, channel string
		account       func(hook string) any
	}{
		simulator.ProviderTwilioSMS: {"/sms-twilio", simulator.ChannelSMS, func(hook string) any {
			return simulator.SMSGatewayAccount{Token: token, Number: "+15550001111", WebhookURL: hook}
		}},
		simulator.ProviderMMSTwilio: {"/mms-twilio", simulator.ChannelMMS, func(hook string) any {
			return simulator.TwilioMMSAccount{Token: token, Number: "+15550001111", WebhookURL: hook}
		}},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			got := make(chan webhook, 10)
			hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				got <- newWebhook(r.Header.Get("X-Twilio-Signature"), "http://"+r.Host+r.URL.String(), r.PostForm)
			}))
			defer hook.Close()
			sim := simulator.New(simulator.Options{Now: time.Now})
			defer sim.Close()
			srv := httptest.NewServer(sim.Handler())
			defer srv.Close()
			if err := sim.Put(t.Context(), provider, sid, tc.account(hook.URL+"/hook")); err != nil {
				t.Fatal(err)
			}
			var sent []map[string]any
			library(t, &sent, "send", srv.URL+tc.path, `[
				{"to":"+15551230001","from":"+15550001111","body":"Hello","statusCallback":"`+hook.URL+`/hook?key=k-0"},
				{"to":"nobody","from":"+15550001111","body":"Hello"}
			]`)
			if len(sent) != 2 || sent[0]["sid"] == nil || sent[0]["status"] != "queued" || sent[0]["to"] != "+15551230001" ||
				sent[1]["error"] != 21211.0 || sent[1]["http_status"] != 400.0 {
				t.Errorf("the library says %v", sent)
			}
			hooks := []webhook{<-got, <-got} // sent and delivered
			words := "Привет & <hello>"
			if _, err := sim.Reply(t.Context(), tc.channel, phone, simulator.Reply{Text: &words}); err != nil {
				t.Fatal(err)
			}
			hooks = append(hooks, <-got)
			if hooks[2].Fields["Body"] != words {
				t.Errorf("got %+v", hooks[2])
			}
			checkWebhooks(t, hooks)
		})
	}
}

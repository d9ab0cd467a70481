package sms

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
)

func gatewayCredential(provider, settings string) *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelSMS, Provider: provider, CallbackSecret: "KannelSecret",
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "AC1", Token: "gateway-token-secret"},
		ProviderSettings: json.RawMessage(settings),
	}
}

func twilioSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel: New(), Credential: gatewayCredential(providerTwilio, `{"default_sender":"+15550001111"}`), Testdata: "testdata/twilio",
		SignsBody: true,
		Sign: func(c *channel.Conn, r *http.Request, body []byte) {
			posted, _ := url.ParseQuery(string(body)) // the suite breaks some on purpose
			address := c.WebhookURL
			if r.URL.RawQuery != "" {
				address += "?" + r.URL.RawQuery
			}
			r.Header.Set("X-Twilio-Signature", twilioAccount(c).Signature(address, posted))
		},
	}
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, twilioSuite())
}

func FuzzReceiveTwilio(f *testing.F) { channeltest.FuzzReceive(f, twilioSuite()) }

func vonageSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel: New(), Credential: gatewayCredential(providerVonage, `{"default_sender":"Parley"}`), Testdata: "testdata/vonage",
		SignsBody: true, NoMedia: true,
		Sign: func(c *channel.Conn, r *http.Request, body []byte) {
			fields, _ := vonageFields(r, body) // the suite breaks some on purpose
			sig := hex.EncodeToString(vonageSignature(signSHA256, c.Credential.CallbackSecret, fields))
			q := r.URL.Query()
			q.Set("sig", sig)
			r.URL.RawQuery = q.Encode()
			if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
				signed := strings.TrimSuffix(string(body), "}") + `,"sig":"` + sig + `"}`
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(signed)), int64(len(signed))
			}
		},
	}
}

func TestVonage(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, vonageSuite())
}

func FuzzReceiveVonage(f *testing.F) { channeltest.FuzzReceive(f, vonageSuite()) }

func kannelSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel: New(), Credential: gatewayCredential(providerKannel, `{"url":"http://kannel.example:13013","default_sender":"12345"}`),
		Testdata: "testdata/kannel", NoMedia: true,
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			q := r.URL.Query()
			if key := q.Get("key"); key != "" {
				q.Set("sig", kannelSignature(c, key))
				r.URL.RawQuery = q.Encode()
			}
		},
	}
}

func TestKannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, kannelSuite())
}

func FuzzReceiveKannel(f *testing.F) { channeltest.FuzzReceive(f, kannelSuite()) }

// What tells one gateway's message from another's time to live and reports.
func TestGatewaysCompleteAMessage(t *testing.T) {
	t.Parallel()
	for provider, tc := range map[string]struct {
		settings string
		want     map[string]string
	}{
		providerTwilio: {`{"messaging_service_sid":"MG1"}`, map[string]string{
			"MessagingServiceSid": "MG1", "StatusCallback": "https://parley.example/hook?key=k-0", "ValidityPeriod": "90",
		}},
		providerVonage: {`{"default_sender":"Parley"}`, map[string]string{
			"client-ref": "k-0", "callback": "https://parley.example/hook", "ttl": "90000", "type": "unicode",
		}},
		providerKannel: {`{"url":"http://kannel.example:13013"}`, map[string]string{"dlr-mask": "31", "validity": "1", "coding": "2"}},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			seen := make(chan url.Values, 1)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				seen <- r.Form
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, `{"sid":"SM1","messages":[{"message-id":"1","status":"0"}]}`)
			}))
			defer srv.Close()
			cred := gatewayCredential(provider, tc.settings)
			payloads, err := New().Render(&channel.Outgoing{
				To: channel.Address{Identity: "15551230001"}, Credential: cred,
				Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Привет"}},
			})
			if err != nil || len(payloads) != 1 {
				t.Fatal(payloads, err)
			}
			now := testTime
			c := &channel.Conn{
				Credential: cred, BaseURL: srv.URL, WebhookURL: "https://parley.example/hook", HTTP: srv.Client(), Secret: "s",
				Now: func() time.Time { return testTime },
			}
			a := channel.Attempt{Key: "k-0", Payload: payloads[0], Expires: now.Add(90 * time.Second)}
			if _, err := New().Send(context.Background(), c, a); err != nil {
				t.Fatal(err)
			}
			got := <-seen
			for name, want := range tc.want {
				if got.Get(name) != want {
					t.Errorf("%s = %q, want %q", name, got.Get(name), want)
				}
			}
		})
	}
}

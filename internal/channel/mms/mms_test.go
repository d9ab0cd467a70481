package mms

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
)

func sinchCredential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelMMS,
		MMS: &parley.MMSCredentials{
			AccountID: "vas-4711", APIKey: "vasp-key-81927", DefaultSender: "12025550100",
			BasicAuth: &parley.BasicAuth{Username: "relay-user", Password: "relay-password-5521"},
		},
		CallbackSecret: "callback-password-9914",
	}
}

func sinchSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel: New(), Credential: sinchCredential(), Testdata: "testdata/sinch",
		Properties: map[string]string{"MMS_SENDER": "12345"},
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			r.SetBasicAuth("sinch", c.Credential.CallbackSecret)
		},
		Check: checkSlide,
	}
}

func checkSlide(p channel.Payload) error {
	var s slide
	if err := json.Unmarshal(p.Body, &s); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(s.Text); n > maxText {
		return fmt.Errorf("text of %d characters", n)
	}
	if s.Text == "" && len(s.Media) == 0 && s.VCard == "" {
		return fmt.Errorf("an empty slide")
	}
	if s.Subject != "" && !isSubject(s.Subject) {
		return fmt.Errorf("subject %q", s.Subject)
	}
	return nil
}

func bandwidthSuite() channeltest.Suite {
	c := sinchCredential()
	c.Provider = providerBandwidth
	return channeltest.Suite{
		Channel: New(), Credential: c, Testdata: "testdata/bandwidth",
		Properties: map[string]string{"MMS_SENDER": "12025550111"},
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			r.SetBasicAuth("bandwidth", c.Credential.CallbackSecret)
		},
		Check: func(p channel.Payload) error {
			var s slide
			if err := json.Unmarshal(p.Body, &s); err != nil {
				return err
			}
			if n := utf8.RuneCountInString(s.Text); n > bandwidthMaxText || s.Subject != "" || s.VCard != "" {
				return fmt.Errorf("text of %d characters, subject %q", n, s.Subject)
			}
			return checkSlide(p)
		},
	}
}

func TestBandwidth(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, bandwidthSuite())
}

func FuzzReceiveBandwidth(f *testing.F) { channeltest.FuzzReceive(f, bandwidthSuite()) }

func twilioSuite() channeltest.Suite {
	c := sinchCredential()
	c.Provider, c.MMS.BasicAuth = providerTwilio, nil
	return channeltest.Suite{
		Channel: New(), Credential: c, Testdata: "testdata/twilio", SignsBody: true,
		Properties: map[string]string{"MMS_SENDER": "12025550111"},
		Sign: func(c *channel.Conn, r *http.Request, body []byte) {
			posted, _ := url.ParseQuery(string(body)) // the suite breaks some on purpose
			address := c.WebhookURL
			if r.URL.RawQuery != "" {
				address += "?" + r.URL.RawQuery
			}
			r.Header.Set("X-Twilio-Signature", twilioAccount(c).Signature(address, posted))
		},
		Check: checkSlide,
	}
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, twilioSuite())
}

func FuzzReceiveTwilio(f *testing.F) { channeltest.FuzzReceive(f, twilioSuite()) }

func TestSinch(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, sinchSuite())
}

func FuzzReceiveSinch(f *testing.F) { channeltest.FuzzReceive(f, sinchSuite()) }

func TestCheckNamesTheSetting(t *testing.T) {
	t.Parallel()
	for settings, field := range map[string]string{
		`{"url":"ftp://x"}`:                   "url",
		`{"url":"https://u:p@x.example/"}`:    "url",
		`{"mm7_version":"6.9"}`:               "mm7_version",
		`{"media_encoding":"hex"}`:            "media_encoding",
		`{"max_bytes":1}`:                     "max_bytes",
		`{"max_bytes":"1"}`:                   "max_bytes",
		`{"colour":"red"}`:                    "colour",
		`{"service_code":"` + long(33) + `"}`: "service_code",
	} {
		c := sinchCredential()
		c.ProviderSettings = json.RawMessage(settings)
		if err := New().Check(c); err == nil || !strings.Contains(err.Error(), "provider_settings."+field) {
			t.Errorf("%s: error %v, want one about %s", settings, err, field)
		}
	}
	bare := bandwidthSuite().Credential
	bare.MMS.BasicAuth = nil
	if err := New().Check(bare); err == nil || !strings.Contains(err.Error(), "mms_credentials.basic_auth") {
		t.Errorf("error %v, want one about basic_auth", err)
	}
	c := sinchCredential()
	c.MMS.DefaultSender = "Parley"
	if err := New().Check(c); err == nil || !strings.Contains(err.Error(), "mms_credentials.default_sender") {
		t.Errorf("error %v, want one about default_sender", err)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestSenders(t *testing.T) {
	t.Parallel()
	bare := sinchCredential()
	bare.MMS.DefaultSender = ""
	for name, tt := range map[string]struct {
		credential *parley.ChannelCredential
		properties map[string]string
		to         string
		from       string
		reason     parley.ReasonCode
	}{
		"default":         {sinchCredential(), nil, "15551230001", "12025550100", ""},
		"property":        {sinchCredential(), map[string]string{"MMS_SENDER": "+12025550199"}, "+15551230001", "+12025550199", ""},
		"none":            {bare, nil, "15551230001", "", parley.ReasonBadRequest},
		"a name":          {bare, map[string]string{"MMS_SENDER": "Parley"}, "15551230001", "", parley.ReasonBadRequest},
		"looked at only":  {nil, nil, placeholder, "", ""},
		"no number":       {bare, nil, "me@x.example", "", parley.ReasonRecipientInvalidChannelIdentity},
		"strict, how":     {sinchCredential(), map[string]string{"MMS_STRICT_VALIDATION": "very"}, "15551230001", "", parley.ReasonBadRequest},
		"strict, in caps": {sinchCredential(), map[string]string{"MMS_STRICT_VALIDATION": "TRUE"}, "15551230001", "12025550100", ""},
	} {
		payloads, err := New().Render(&channel.Outgoing{
			To: channel.Address{Identity: tt.to}, Properties: tt.properties, Credential: tt.credential,
			Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "x"}},
		})
		if tt.reason != "" {
			if err == nil || channel.AsError(err).Reason.Code != tt.reason {
				t.Errorf("%s: %v, want %s", name, err, tt.reason)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var s slide
		if err := json.Unmarshal(payloads[0].Body, &s); err != nil || s.From != tt.from {
			t.Errorf("%s: from %q, want %q (%v)", name, s.From, tt.from, err)
		}
	}
	for address, want := range map[string]string{
		"12345": "ShortCode", "12025550100": "Number", "+12345": "Number", "a@b.example": "RFC2822Address",
		"": "", "12": "", "Parley": "", "a b@c": "",
	} {
		if got := senderKind(address); got != want {
			t.Errorf("%q is a %q, want %q", address, got, want)
		}
	}
}

package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
)

func sinchCredential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelSMS,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "SpaceMonkeySquadron", Token: "00112233445566778899aabbccddeeff"},
		CallbackSecret:   "SMSWebhooksSecret",
		ProviderSettings: json.RawMessage(`{"region":"eu"}`),
	}
}

func smppCredential(settings string) *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelSMS, Provider: providerSMPP,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "esme", Token: "pa55w0rd"},
		ProviderSettings: json.RawMessage(settings),
	}
}

func sinchSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel:    New(),
		Credential: sinchCredential(),
		Testdata:   "testdata/sinch",
		Properties: map[string]string{"SMS_SENDER": "12345"},
		Sign:       signSinch,
		SignsBody:  true,
		NoMedia:    true,
		Check: func(p channel.Payload) error {
			var b batch
			if err := json.Unmarshal(p.Body, &b); err != nil {
				return err
			}
			if n := utf8.RuneCountInString(b.Body); n > maxText {
				return fmt.Errorf("body of %d characters", n)
			}
			return nil
		},
	}
}

func TestSinch(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, sinchSuite())
}

func FuzzReceiveSinch(f *testing.F) { channeltest.FuzzReceive(f, sinchSuite()) }

// signSinch signs as the formula of the SMS API says; TestSinchSignatureVector
// holds the formula against a signature of the official SDK's tests.
func signSinch(c *channel.Conn, r *http.Request, body []byte) {
	const nonce, timestamp = "01JHFFHWYY7HSS4FWTMDTQEK8V", "1736760161"
	mac := hmac.New(sha256.New, []byte(c.Credential.CallbackSecret))
	mac.Write([]byte(string(body) + "." + nonce + "." + timestamp))
	r.Header.Set("X-Sinch-Webhook-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	r.Header.Set("X-Sinch-Webhook-Signature-Algorithm", "HmacSHA256")
	r.Header.Set("X-Sinch-Webhook-Signature-Nonce", nonce)
	r.Header.Set("X-Sinch-Webhook-Signature-Timestamp", timestamp)
}

func TestSMPP(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, channeltest.Suite{
		Channel:    New(),
		Credential: smppCredential(`{"host":"127.0.0.1","default_sender":"+15550001111"}`),
		Testdata:   "testdata/smpp",
		NoMedia:    true,
		Check: func(p channel.Payload) error {
			var one segment
			if err := json.Unmarshal(p.Body, &one); err != nil {
				return err
			}
			m, err := one.message()
			if err != nil {
				return err
			}
			if len(m.shortMessage) > 160 {
				return fmt.Errorf("short_message of %d octets", len(m.shortMessage))
			}
			_, err = pdu{sequence: 1, body: m}.encode()
			return err
		},
	})
}

func TestSinchSignatureVector(t *testing.T) {
	t.Parallel()
	body := `{"at":"2025-01-13T09:22:40.914Z","batch_id":"01JHFFHQ0P99JPPNQPJDV7JTBP","client_reference":"a client reference",` +
		`"code":0,"operator_status_at":"2025-01-13T09:22:00Z","recipient":"33662162466","status":"Delivered",` +
		`"type":"recipient_delivery_report_sms"}`
	h := http.Header{
		"X-Sinch-Webhook-Signature":           {"ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0="},
		"X-Sinch-Webhook-Signature-Algorithm": {"HmacSHA256"},
		"X-Sinch-Webhook-Signature-Nonce":     {"01JHFFHWYY7HSS4FWTMDTQEK8V"},
		"X-Sinch-Webhook-Signature-Timestamp": {"1736760161"},
	}
	if !genuineSinch("SMSWebhooksSecret", h, []byte(body)) {
		t.Error("the vector's signature is refused")
	}
	if genuineSinch("SMSWebhooksSecret", h, []byte(body+" ")) {
		t.Error("a changed body is genuine")
	}
	h.Set("X-Sinch-Webhook-Signature-Algorithm", "none")
	if genuineSinch("SMSWebhooksSecret", h, []byte(body)) {
		t.Error("another algorithm is genuine")
	}
	if !genuineSinch("", http.Header{}, []byte(body)) {
		t.Error("without a secret, nothing can be checked")
	}
}

func TestCheckNamesTheSetting(t *testing.T) {
	t.Parallel()
	for settings, field := range map[string]string{
		`{}`:                                                   "host",
		`{"host":"smpp://x"}`:                                  "host",
		`{"host":"x","port":70000}`:                            "port",
		`{"host":"x","port":"2775"}`:                           "port",
		`{"host":"x","colour":"red"}`:                          "colour",
		`{"host":"x","bind_mode":"trx"}`:                       "bind_mode",
		`{"host":"x","window":0}`:                              "window",
		`{"host":"x","source_ton":9}`:                          "source_ton",
		`{"host":"x","destination_npi":19}`:                    "destination_npi",
		`{"host":"x","long_message_mode":"split"}`:             "long_message_mode",
		`{"host":"x","default_alphabet":"ucs2"}`:               "default_alphabet",
		`{"host":"x","msg_id_type":4}`:                         "msg_id_type",
		`{"host":"x","on_unknown":"maybe"}`:                    "on_unknown",
		`{"host":"x","tls_ca":"-----BEGIN"}`:                   "tls_ca",
		`{"host":"x","default_sender":"a name that is long"}`:  "default_sender",
		`{"host":"x","system_type":"more than twelve octets"}`: "system_type",
		`{"host":"x","rate_limit_per_s":-1}`:                   "rate_limit_per_s",
		`{"host":"x","reassembly_s":0}`:                        "reassembly_s",
		`{"host":"x","unknown_state":"delivered"}`:             "unknown_state",
	} {
		err := New().Check(smppCredential(settings))
		if err == nil || !strings.Contains(err.Error(), "provider_settings."+field) {
			t.Errorf("%s: error %v, want one about %s", settings, err, field)
		}
	}
	for name, c := range map[string]*parley.ChannelCredential{
		"static_bearer.claimed_identity": {StaticBearer: &parley.StaticBearer{ClaimedIdentity: "a-system-id-too-long", Token: "x"}},
		"static_bearer.token":            {StaticBearer: &parley.StaticBearer{ClaimedIdentity: "x", Token: "123456789"}},
	} {
		c.Provider, c.ProviderSettings = providerSMPP, json.RawMessage(`{"host":"x"}`)
		if err := New().Check(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one about %s", err, name)
		}
	}
	odd := sinchCredential()
	odd.ProviderSettings = json.RawMessage(`{"region":"mars"}`)
	if err := New().Check(odd); err == nil || !strings.Contains(err.Error(), "provider_settings.region") {
		t.Errorf("error %v, want one about region", err)
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 161)
	for name, tt := range map[string]struct {
		properties map[string]string
		text       string
		reason     parley.ReasonCode
	}{
		"two parts of two":  {map[string]string{"SMS_MAX_NUMBER_OF_MESSAGE_PARTS": "2"}, long, ""},
		"two parts of one":  {map[string]string{"SMS_MAX_NUMBER_OF_MESSAGE_PARTS": "1"}, long, parley.ReasonMessageSplitRequired},
		"no number":         {map[string]string{"SMS_MAX_NUMBER_OF_MESSAGE_PARTS": "many"}, "x", parley.ReasonBadRequest},
		"zero parts":        {map[string]string{"SMS_MAX_NUMBER_OF_MESSAGE_PARTS": "0"}, "x", parley.ReasonBadRequest},
		"flash":             {map[string]string{"SMS_FLASH_MESSAGE": "true"}, "x", ""},
		"not a bool":        {map[string]string{"SMS_FLASH_MESSAGE": "perhaps"}, "x", parley.ReasonBadRequest},
		"sender name":       {map[string]string{"SMS_SENDER": "Müller & Co"}, "x", ""},
		"sender too long":   {map[string]string{"SMS_SENDER": "Twelve chars"}, "x", parley.ReasonBadRequest},
		"sender not GSM-7":  {map[string]string{"SMS_SENDER": "Привет"}, "x", parley.ReasonBadRequest},
		"sender of 19":      {map[string]string{"SMS_SENDER": strings.Repeat("1", 19)}, "x", parley.ReasonBadRequest},
		"256 parts by SMPP": {nil, strings.Repeat("x", 153*255+1), parley.ReasonMessageSplitRequired},
	} {
		for _, c := range []*parley.ChannelCredential{sinchCredential(), smppCredential(`{"host":"x"}`)} {
			_, err := New().Render(&channel.Outgoing{
				To: channel.Address{Identity: "15551230001"}, Properties: tt.properties, Credential: c,
				Message: &parley.AppMessage{Text: &parley.TextMessage{Text: tt.text}},
			})
			got := parley.ReasonCode("")
			if err != nil {
				got = channel.AsError(err).Reason.Code
			}
			if got != tt.reason {
				t.Errorf("%s by %s: %v, want %q", name, channel.Provider(c, providerSinch), err, tt.reason)
			}
		}
	}
}

func TestRenderRecipients(t *testing.T) {
	t.Parallel()
	for identity, ok := range map[string]bool{
		"15551230001": true, "+15551230001": true, "{{to}}": true,
		"": false, "not a number": false, "1234567890123456": false,
	} {
		_, err := New().Render(&channel.Outgoing{
			To: channel.Address{Identity: identity}, Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "x"}},
		})
		if (err == nil) != ok {
			t.Errorf("identity %q: %v", identity, err)
		}
		if err != nil && channel.AsError(err).Reason.Code != parley.ReasonRecipientInvalidChannelIdentity {
			t.Errorf("identity %q: %v", identity, err)
		}
	}
}

func TestSegmentsAsSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings, text string
		properties     map[string]string
		want           messageBody
	}{
		"flash": {
			text: "now", properties: map[string]string{"SMS_FLASH_MESSAGE": "true", "SMS_SENDER": "12345"},
			want: messageBody{source: address{0, 1, "12345"}, dataCoding: 0x10, shortMessage: []byte("now")},
		},
		"flash in UCS-2": {
			text: "ж", properties: map[string]string{"SMS_FLASH_MESSAGE": "true", "SMS_SENDER": "+15550001111"},
			want: messageBody{source: address{1, 1, "15550001111"}, dataCoding: 0x18, shortMessage: []byte{0x04, 0x36}},
		},
		"Latin-1 account": {
			settings: `,"default_alphabet":"latin1","gsm7_data_coding":3`, text: "é",
			want: messageBody{dataCoding: 3, shortMessage: []byte{0xE9}},
		},
		"Latin-1 has no euro": {
			settings: `,"default_alphabet":"latin1"`, text: "€",
			want: messageBody{dataCoding: 8, shortMessage: []byte{0x20, 0xAC}},
		},
		"packed": {
			settings: `,"default_alphabet":"gsm7_packed"`, text: "hellohello",
			want: messageBody{shortMessage: []byte{0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37}},
		},
		"smart": {
			settings: `,"smart_encoding":true`, text: "“it’s”", want: messageBody{shortMessage: []byte(`"it's"`)},
		},
		"own address forms": {
			settings: `,"source_ton":3,"source_npi":0,"service_type":"CMT"`, text: "x",
			properties: map[string]string{"SMS_SENDER": "12345"},
			want:       messageBody{serviceType: "CMT", source: address{3, 0, "12345"}, shortMessage: []byte("x")},
		},
	} {
		payloads, err := New().Render(&channel.Outgoing{
			To: channel.Address{Identity: "15551230001"}, Properties: tt.properties,
			Credential: smppCredential(`{"host":"x"` + tt.settings + `}`),
			Message:    &parley.AppMessage{Text: &parley.TextMessage{Text: tt.text}},
		})
		if err != nil || len(payloads) != 1 {
			t.Errorf("%s: %d payloads, %v", name, len(payloads), err)
			continue
		}
		got, err := submitOf(channel.Attempt{Payload: payloads[0]}, testTime)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tt.want.id, tt.want.dest, tt.want.registeredDelivery = submitSM, address{1, 1, "15551230001"}, 1
		if diff := cmp.Diff(&tt.want, got, cmpPDU); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSubmitErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err       error
		onUnknown string
		outcome   channel.Outcome
		reason    parley.ReasonCode
	}{
		{fmt.Errorf("%w: x", errNotSent), onUnknownWait, channel.TryAgain, parley.ReasonChannelFailure},
		{fmt.Errorf("%w: x", errUnknownOutcome), onUnknownWait, channel.Unknown, parley.ReasonChannelFailure},
		{fmt.Errorf("%w: x", errUnknownOutcome), onUnknownResend, channel.TryAgain, parley.ReasonChannelFailure},
		{&statusError{statusThrottled}, onUnknownWait, channel.TryAgain, parley.ReasonRateLimited},
		{&statusError{statusInvDstAdr}, onUnknownWait, channel.NotSent, parley.ReasonRecipientInvalidChannelIdentity},
		{&statusError{statusInvSrcAdr}, onUnknownWait, channel.NotSent, parley.ReasonChannelBadConfiguration},
		{&statusError{statusRejAppErr}, onUnknownWait, channel.NotSent, parley.ReasonChannelReject},
		{&statusError{statusInvTLVValue}, onUnknownWait, channel.NotSent, parley.ReasonBadRequest},
		{&statusError{0x400}, onUnknownWait, channel.NotSent, parley.ReasonChannelFailure},
	} {
		e := submitError(tt.err, tt.onUnknown)
		if e.Outcome != tt.outcome || e.Reason.Code != tt.reason || e.Unwrap() == nil {
			t.Errorf("%v, %s: %s %s, want %s %s", tt.err, tt.onUnknown, e.Outcome, e.Reason.Code, tt.outcome, tt.reason)
		}
	}
}

func TestReceiptMeanings(t *testing.T) {
	t.Parallel()
	for state, want := range map[messageState]parley.DeliveryStatus{
		stateEnroute: parley.StatusQueuedOnChannel, stateAccepted: parley.StatusQueuedOnChannel,
		stateDelivered: parley.StatusDelivered, stateExpired: parley.StatusFailed, stateDeleted: parley.StatusFailed,
		stateUndeliverable: parley.StatusFailed, stateRejected: parley.StatusFailed, stateUnknown: parley.StatusFailed,
	} {
		got := (&receipt{messageID: "1", state: state}).meaning()
		if got.Status != want || (got.Reason != nil) != (want == parley.StatusFailed) {
			t.Errorf("state %d: %+v, want %s", state, got, want)
		}
	}
	if got := (&receipt{state: stateUndeliverable, intermediate: true}).meaning(); got.Status != parley.StatusQueuedOnChannel {
		t.Errorf("an intermediate notification: %s", got.Status)
	}
	keep := &smppSettings{UnknownState: unknownStateKeep}
	if _, ok := keep.inbound(&delivery{receipt: &receipt{state: stateUnknown}}); ok {
		t.Error("state UNKNOWN says something though unknown_state is keep")
	}
	for from, want := range map[string]bool{"15551230001": true, "+": false, "": false} {
		if in, ok := keep.inbound(&delivery{from: from, text: "x"}); ok != want {
			t.Errorf("from %q: got %+v, %t", from, in, ok)
		}
	}
}

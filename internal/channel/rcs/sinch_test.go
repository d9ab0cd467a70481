package rcs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/rcs"
)

const (
	sinchToken  = "sinch-token-of-the-test"
	sinchSecret = "sinch-secret-of-the-test"
)

func sinchCredential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:        parley.ChannelRCS,
		Provider:       "sinch",
		StaticBearer:   &parley.StaticBearer{ClaimedIdentity: agentID, Token: sinchToken},
		CallbackSecret: sinchSecret,
	}
}

func sinchSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel:    rcs.New(),
		Credential: sinchCredential(),
		Testdata:   "testdata/sinch",
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			r.Header.Set("Authorization", "Bearer "+c.Credential.CallbackSecret)
		},
		Check: sinchFits,
	}
}

func TestSinch(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, sinchSuite())
}

func FuzzReceiveSinch(f *testing.F) { channeltest.FuzzReceive(f, sinchSuite()) }

// TestSinchAddress takes callbacks at the address that ends in the secret, and
// at no other.
func TestSinchAddress(t *testing.T) {
	t.Parallel()
	const typing = `{"type":"user_agent_event_rcs","from":"46700000001","event":{"type":"composing"}}`
	for rest, genuine := range map[string]bool{
		sinchSecret: true, sinchSecret + "/": true, "": false, "guessed": false, "x/" + sinchSecret: false,
	} {
		c := conn(sinchCredential(), "")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.SetPathValue("rest", rest)
		got, err := rcs.New().Receive(c, r, []byte(typing))
		if genuine != (err == nil && len(got.Inbound) == 1) || !genuine && !errors.Is(err, channel.ErrForged) {
			t.Errorf("%q: got %+v, %v", rest, got, err)
		}
		c.Credential.CallbackSecret = ""
		if _, err := rcs.New().Receive(c, r, []byte(typing)); !errors.Is(err, channel.ErrForged) {
			t.Errorf("%q without a secret: got %v, want ErrForged", rest, err)
		}
	}
}

func TestSinchCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, field string }{
		{`{"region":"mars"}`, "provider_settings.region"},
		{`{"region":1}`, "provider_settings.region"},
		{`{"client_token":"x"}`, "provider_settings.client_token"},
		{`[]`, "provider_settings"},
		{`{"region":"eu"}`, ""},
		{`null`, ""},
	} {
		cred := sinchCredential()
		cred.ProviderSettings = json.RawMessage(c.settings)
		err := rcs.New().Check(cred)
		if c.field == "" && err != nil || c.field != "" && (err == nil || !strings.Contains(err.Error(), c.field)) {
			t.Errorf("%s: got %v, want an error of %q", c.settings, err, c.field)
		}
	}
	cred := sinchCredential()
	cred.StaticBearer.Token = "two\nlines"
	if err := rcs.New().Check(cred); err == nil || !strings.Contains(err.Error(), "static_bearer.token") {
		t.Errorf("got %v", err)
	}
}

// sinchSends sends a payload and returns what the API was sent.
func sinchSends(t *testing.T, c *channel.Conn, payload string, expires time.Time) (string, error) {
	t.Helper()
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
	}))
	defer server.Close()
	c.BaseURL = server.URL
	_, err := rcs.New().Send(t.Context(), c, channel.Attempt{
		Key: "k", Expires: expires, To: channel.Address{Identity: "+" + phone}, Payload: channel.Payload{Body: json.RawMessage(payload)},
	})
	return sent, err
}

func TestSinchExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)
	for life, want := range map[time.Duration]string{
		time.Hour: `"expire":{"timeout":3600,"revoke":true}`, time.Millisecond: `"timeout":1,`, -time.Minute: `"timeout":1,`,
	} {
		c := conn(sinchCredential(), "")
		c.Now = func() time.Time { return now }
		sent, err := sinchSends(t, c, `{"message":{"type":"text","text":"Hi"}}`, now.Add(life))
		if err != nil || !strings.Contains(sent, want) || !strings.Contains(sent, `"to":"`+phone+`"`) {
			t.Errorf("%v: %v, sent %s, want %s", life, err, sent, want)
		}
	}
}

// TestSinchFiles says of each file what its host says, and counts it where the
// host says nothing.
func TestSinchFiles(t *testing.T) {
	t.Parallel()
	const card = `{"message":{"type":"standalone_rich_card","orientation":"VERTICAL","content":{"media":{"height":"TALL",` +
		`"file":{"file_uri":"https://a.example/%s"},"thumbnail":{"file_uri":"https://a.example/t","mime_type":"image/png","file_size":7}}}}}`
	for _, c := range []struct {
		name    string
		media   channel.Media
		fails   error
		want    string
		reason  parley.ReasonCode
		outcome channel.Outcome
	}{
		{"known", channel.Media{MIME: "image/jpeg", Size: 4711}, nil, `"file_size":4711,"file_uri":"https://a.example/known","mime_type":"image/jpeg"`, "", 0},
		{"unknown", channel.Media{Size: -1}, nil, `"file_size":5,"file_uri":"https://a.example/unknown","mime_type":"application/octet-stream"`, "", 0},
		{"large", channel.Media{Size: 1 << 30}, nil, "", parley.ReasonMediaTooLarge, channel.NotSent},
		{"gone", channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "gone"), "", parley.ReasonMediaNotReachable, channel.NotSent},
	} {
		at := conn(sinchCredential(), "")
		at.OpenMedia = openAs(t, c.media, c.fails)
		sent, err := sinchSends(t, at, fmt.Sprintf(card, c.name), time.Time{})
		if c.reason == "" {
			if err != nil || !strings.Contains(sent, c.want) || !strings.Contains(sent, `"file_size":7,`) {
				t.Errorf("%s: %v, sent %s, want %s", c.name, err, sent, c.want)
			}
			continue
		}
		if e, ok := errors.AsType[*channel.Error](err); !ok || e.Reason.Code != c.reason || e.Outcome != c.outcome || sent != "" {
			t.Errorf("%s: got %v, sent %q", c.name, err, sent)
		}
	}
}

// openAs opens every file as one of five bytes.
func openAs(t *testing.T, m channel.Media, fails error) func(context.Context, string) (channel.Media, error) {
	t.Helper()
	return func(_ context.Context, address string) (channel.Media, error) {
		if strings.HasSuffix(address, "/t") {
			t.Error("a file that is described was asked for")
		}
		m.Body = io.NopCloser(strings.NewReader("media"))
		return m, fails
	}
}

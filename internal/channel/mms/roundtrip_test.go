package mms_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/mms"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

const (
	handset = "/handsets/MMS/15551230001"
)

// A phone is one handset of a simulated provider and the account that writes
// to it.
type phone struct {
	*channeltest.Rig
	t *testing.T
}

func newPhone(t *testing.T, settings string) *phone {
	t.Helper()
	p := &phone{t: t, Rig: (&channeltest.Rig{
		Channel: mms.New(), Provider: simulator.ProviderMMSSinch, To: "15551230001",
		Credential: &parley.ChannelCredential{
			Channel: parley.ChannelMMS, CallbackSecret: "webhook-password", ProviderSettings: json.RawMessage(settings),
			MMS: &parley.MMSCredentials{
				AccountID: "vas", APIKey: "vasp", DefaultSender: "12345",
				BasicAuth: &parley.BasicAuth{Username: "u", Password: "p"},
			},
		},
	}).Start(t)}
	p.Conn.OpenMedia = open("image/png", "a picture")
	p.Do(http.MethodPut, "/accounts/mms-sinch/vasp", map[string]string{
		"vasid": "vas", "username": "u", "password": "p", "webhook_url": p.Conn.WebhookURL, "webhook_password": "webhook-password",
		"number": "12345",
	}, nil)
	return p
}

// open stands for the media of all addresses.
func open(mime, content string) func(context.Context, string) (channel.Media, error) {
	return func(context.Context, string) (channel.Media, error) {
		return channel.Media{Body: io.NopCloser(strings.NewReader(content)), MIME: mime, Size: int64(len(content))}, nil
	}
}

// next waits for what is heard next, apart from receipts of the network.
func (p *phone) next() channel.Inbound {
	p.t.Helper()
	return p.NextLike("anything but the network", func(in *channel.Inbound) bool {
		return in.Receipt == nil || in.Receipt.Status != parley.StatusQueuedOnChannel
	})
}

// send sends a message and returns the last payload's id.
func (p *phone) send(m *parley.AppMessage) (channel.ProviderID, error) {
	p.t.Helper()
	ids, err := p.Send(channeltest.MessageID, m)
	if err != nil {
		return "", err
	}
	return ids[len(ids)-1], nil
}

// item is what the handset shows of a message.
type item struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Subject string `json:"subject"`
	Sender  string `json:"sender"`
	Media   []struct {
		URL  string `json:"url"`
		MIME string `json:"mime"`
		Name string `json:"name"`
	} `json:"media"`
}

func card() *parley.AppMessage {
	return &parley.AppMessage{Card: &parley.CardMessage{
		Title: "Tulips", Description: "Fresh", Media: &parley.MediaMessage{URL: "https://x.example/a.png"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}}},
	}}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{``, `{"media_encoding":"base64","read_reply":true}`, `{"mm7_version":"5.3.0"}`} {
		p := newPhone(t, settings)
		id, err := p.send(card())
		if err != nil {
			t.Fatal(err)
		}
		var shown item
		p.Do(http.MethodGet, handset+"/wait", nil, &shown)
		if shown.Subject != "Tulips" || shown.Text != "Fresh\n> YES" || len(shown.Media) != 1 || shown.Media[0].MIME != "image/png" ||
			shown.Media[0].Name != "a.png" || shown.Sender != "12345" {
			t.Fatalf("the phone shows %+v", shown)
		}
		if got := p.Fetch(shown.Media[0].URL); got != "a picture" {
			t.Errorf("the phone has %q", got)
		}
		if in := p.next(); in.Receipt == nil || in.Receipt.ID != id || in.Receipt.Status != parley.StatusDelivered {
			t.Errorf("got %+v, want the delivery of %s", in, id)
		}
		if strings.Contains(settings, "read_reply") {
			if in := p.next(); in.Receipt == nil || in.Receipt.ID != id || in.Receipt.Status != parley.StatusRead {
				t.Errorf("got %+v, want that %s was read", in, id)
			}
		}
		p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Yes"}, nil)
		if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Yes" || in.To != "12345" {
			t.Errorf("a tapped choice: got %+v, want its words", in)
		}
	}
}

func TestRoundTripFiles(t *testing.T) {
	t.Parallel()
	p := newPhone(t, ``)
	p.Do(http.MethodPost, handset+"/reply", map[string]any{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "more_media": []string{"data:video/mp4;base64,YSBmaWxt"},
		"caption": "Look", "account": "vasp", "subject": "Zoo",
	}, nil)
	for _, want := range []string{"a picture", "a film"} {
		in := p.next()
		if in.Message == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" || in.Media == nil {
			t.Fatalf("got %+v, want media with a caption", in)
		}
		m, err := mms.New().FetchMedia(t.Context(), p.Conn, in.Media.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(m.Body); err != nil || string(got) != want || m.Size != int64(len(want)) {
			t.Errorf("fetched %q of %d bytes, %v", got, m.Size, err)
		}
	}
}

func TestRoundTripFailures(t *testing.T) {
	t.Parallel()
	p := newPhone(t, ``)
	p.Do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "refuse", "fail_code": "3001", "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("refused: %v", err)
	}
	p.Do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "reject", "fail_code": "Expired", "times": 1}, nil)
	if _, err := p.send(card()); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Receipt == nil || in.Receipt.Reason == nil || in.Receipt.Reason.Code != parley.ReasonMessageExpired {
		t.Errorf("rejected: got %+v", in)
	}
	p.Do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "rate_limit", "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Outcome != channel.TryAgain {
		t.Errorf("too fast: %v", err)
	}
	p.Conn.Credential.MMS.BasicAuth.Password = "wrong"
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestMediaLimits tries what can be wrong with media: nothing of it may reach
// the provider.
func TestMediaLimits(t *testing.T) {
	t.Parallel()
	const limit = `{"max_bytes":2048}`
	large := strings.Repeat("x", 3000)
	sized := func(size int64, content string) func(context.Context, string) (channel.Media, error) {
		return func(context.Context, string) (channel.Media, error) {
			return channel.Media{Body: io.NopCloser(strings.NewReader(content)), MIME: "image/png; q=1", Size: size}, nil
		}
	}
	for name, tt := range map[string]struct {
		open   func(context.Context, string) (channel.Media, error)
		strict bool
		reason parley.ReasonCode
	}{
		"of unknown size":  {sized(-1, "small"), true, ""},
		"too large":        {sized(3000, large), false, parley.ReasonMediaTooLarge},
		"turns out large":  {sized(-1, large), false, parley.ReasonMediaTooLarge},
		"larger than said": {sized(10, large), false, parley.ReasonMediaTooLarge},
		"cut short":        {sized(2000, "short"), false, parley.ReasonMediaNotReachable},
		"odd type":         {open("application/zip", "x"), false, ""},
		"strict":           {open("application/zip", "x"), true, parley.ReasonMediaTypeUnsupported},
		"gone": {func(context.Context, string) (channel.Media, error) {
			return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "gone")
		}, false, parley.ReasonMediaNotReachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPhone(t, limit)
			p.Conn.OpenMedia = tt.open
			properties := map[string]string{}
			if tt.strict {
				properties["MMS_STRICT_VALIDATION"] = "true"
			}
			payloads, err := mms.New().Render(&channel.Outgoing{
				To: channel.Address{Identity: "15551230001"}, Message: card(), Credential: p.Conn.Credential, Properties: properties,
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = mms.New().Send(t.Context(), p.Conn, channel.Attempt{Key: channeltest.MessageID + ".0", Payload: payloads[0]})
			got := parley.ReasonCode("")
			if err != nil {
				got = channel.AsError(err).Reason.Code
			}
			if got != tt.reason {
				t.Errorf("%v, want %q", err, tt.reason)
			}
		})
	}
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// relay, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t, ``)
	for name, m := range channeltest.Corpus(t) {
		m = transcode.Select(m, parley.ChannelMMS)
		if _, err := p.send(m); err != nil && channel.AsError(err).Outcome != channel.NotSent ||
			err != nil && m.Template == nil && len(m.ChannelSpecific) == 0 && len(m.ExplicitChannel) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

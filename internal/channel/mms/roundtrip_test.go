package mms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/mms"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

const (
	handset   = "/handsets/MMS/15551230001"
	messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
)

// A phone is one handset of a simulated provider and the account that writes
// to it, both over HTTP.
type phone struct {
	t     *testing.T
	base  string
	hook  string // where the provider calls
	conn  *channel.Conn
	inbox chan channel.Inbound
}

func newPhone(t *testing.T, settings string) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, base: server.URL, inbox: make(chan channel.Inbound, 1024)}
	p.conn = &channel.Conn{
		BaseURL: server.URL + "/mms-sinch", HTTP: server.Client(), Now: time.Now,
		Credential: &parley.ChannelCredential{
			Channel: parley.ChannelMMS, CallbackSecret: "webhook-password", ProviderSettings: json.RawMessage(settings),
			MMS: &parley.MMSCredentials{
				AccountID: "vas", APIKey: "vasp", DefaultSender: "12345",
				BasicAuth: &parley.BasicAuth{Username: "u", Password: "p"},
			},
		},
		OpenMedia: open("image/png", "a picture"),
	}
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	p.hook = hook.URL
	p.do(http.MethodPut, "/accounts/mms-sinch/vasp", map[string]string{
		"vasid": "vas", "username": "u", "password": "p", "webhook_url": hook.URL, "webhook_password": "webhook-password",
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

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := mms.New().Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
	w.Header().Set("Content-Type", got.Reply.ContentType)
	_, _ = w.Write(got.Reply.Body)
}

// do calls the simulator's control API.
func (p *phone) do(method, path string, in, out any) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		p.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// next waits for what is heard next, apart from receipts of the network.
func (p *phone) next() channel.Inbound {
	p.t.Helper()
	for {
		select {
		case in := <-p.inbox:
			if in.Receipt != nil && in.Receipt.Status == parley.StatusQueuedOnChannel {
				continue
			}
			return in
		case <-time.After(10 * time.Second):
			p.t.Fatal("nothing was heard")
			return channel.Inbound{}
		}
	}
}

// send sends a message as the engine would and returns the last payload's id.
func (p *phone) send(m *parley.AppMessage) (id channel.ProviderID, err error) {
	p.t.Helper()
	parts, err := transcode.Message(m, mms.New().Capabilities())
	if err != nil {
		return "", err
	}
	for _, part := range parts {
		payloads, err := mms.New().Render(&channel.Outgoing{
			MessageID: messageID, To: channel.Address{Identity: "15551230001"}, Message: part, Credential: p.conn.Credential,
		})
		if err != nil {
			return "", err
		}
		for _, payload := range payloads {
			if id, err = mms.New().Send(p.t.Context(), p.conn, channel.Attempt{Key: messageID + ".0", Payload: payload}); err != nil {
				return "", err
			}
		}
	}
	return id, nil
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
		p.do(http.MethodGet, handset+"/wait", nil, &shown)
		if shown.Subject != "Tulips" || shown.Text != "Fresh\n> YES" || len(shown.Media) != 1 || shown.Media[0].MIME != "image/png" ||
			shown.Media[0].Name != "a.png" || shown.Sender != "12345" {
			t.Fatalf("the phone shows %+v", shown)
		}
		if got := p.bytes(shown.Media[0].URL); got != "a picture" {
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
		p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Yes"}, nil)
		if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Yes" || in.To != "12345" {
			t.Errorf("a tapped choice: got %+v, want its words", in)
		}
	}
}

// bytes fetches a file from the phone.
func (p *phone) bytes(path string) string {
	p.t.Helper()
	resp, err := http.Get(p.base + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}

func TestRoundTripFiles(t *testing.T) {
	t.Parallel()
	p := newPhone(t, ``)
	p.do(http.MethodPost, handset+"/reply", map[string]any{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "more_media": []string{"data:video/mp4;base64,YSBmaWxt"},
		"caption": "Look", "account": "vasp", "subject": "Zoo",
	}, nil)
	for _, want := range []string{"a picture", "a film"} {
		in := p.next()
		if in.Message == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" || in.Media == nil {
			t.Fatalf("got %+v, want media with a caption", in)
		}
		m, err := mms.New().FetchMedia(t.Context(), p.conn, in.Media.Ref)
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
	p.do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "refuse", "fail_code": "3001", "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("refused: %v", err)
	}
	p.do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "reject", "fail_code": "Expired", "times": 1}, nil)
	if _, err := p.send(card()); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Receipt == nil || in.Receipt.Reason == nil || in.Receipt.Reason.Code != parley.ReasonMessageExpired {
		t.Errorf("rejected: got %+v", in)
	}
	p.do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "rate_limit", "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Outcome != channel.TryAgain {
		t.Errorf("too fast: %v", err)
	}
	p.conn.Credential.MMS.BasicAuth.Password = "wrong"
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
			p.conn.OpenMedia = tt.open
			properties := map[string]string{}
			if tt.strict {
				properties["MMS_STRICT_VALIDATION"] = "true"
			}
			payloads, err := mms.New().Render(&channel.Outgoing{
				To: channel.Address{Identity: "15551230001"}, Message: card(), Credential: p.conn.Credential, Properties: properties,
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = mms.New().Send(t.Context(), p.conn, channel.Attempt{Key: messageID + ".0", Payload: payloads[0]})
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

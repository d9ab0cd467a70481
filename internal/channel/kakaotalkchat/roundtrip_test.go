package kakaotalkchat_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/kakaotalkchat"
	"github.com/parley-im/parley/internal/simulator"
)

// A phone is a handset of a simulated KakaoTalk and the channel it writes to.
type phone struct {
	t     *testing.T
	sim   *simulator.Simulator
	conn  *channel.Conn
	inbox chan channel.Inbound
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	p := &phone{t: t, inbox: make(chan channel.Inbound, 64)}
	p.sim = simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(p.sim.Close)
	server := httptest.NewServer(p.sim.Handler())
	t.Cleanup(server.Close)
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	p.conn = &channel.Conn{
		Credential: credential(), BaseURL: server.URL + "/kakaotalkchat", HTTP: http.DefaultClient,
		OpenMedia: func(context.Context, string) (channel.Media, error) {
			return channel.Media{Body: io.NopCloser(strings.NewReader("a file"))}, nil
		},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	err := p.sim.Put(t.Context(), simulator.ProviderKakaoChat, senderKey, simulator.KakaoChatAccount{
		ClientID: "shop", Secret: p.conn.Credential.KakaoTalkChat.APIKey,
		WebhookURL: hook.URL + "/" + p.conn.Credential.CallbackSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	r.SetPathValue("rest", strings.TrimPrefix(r.URL.Path, "/"))
	got, err := kakaotalkchat.New().Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
}

func (p *phone) next() channel.Inbound {
	p.t.Helper()
	select {
	case in := <-p.inbox:
		return in
	case <-time.After(10 * time.Second):
		p.t.Fatal("nothing comes")
		return channel.Inbound{}
	}
}

// send sends a message in as many payloads as it takes.
func (p *phone) send(m *parley.AppMessage, key string) error {
	p.t.Helper()
	payloads, err := kakaotalkchat.New().Render(&channel.Outgoing{
		To: channel.Address{Identity: userKey}, Message: m, Credential: p.conn.Credential,
	})
	if err != nil {
		return err
	}
	for i, payload := range payloads {
		at := channel.Attempt{Key: fmt.Sprintf("%s.%d", key, i), Payload: payload}
		if _, err := kakaotalkchat.New().Send(p.t.Context(), p.conn, at); err != nil {
			return fmt.Errorf("%s: %w", payload.Body, err)
		}
	}
	return nil
}

// TestRoundTrip sends a card with a picture to a simulated phone, and takes in
// what is answered.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	err := p.send(&parley.AppMessage{Card: &parley.CardMessage{
		Title: "Tulips", Media: &parley.MediaMessage{URL: "https://media.example/tulip.jpg"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Buy"}},
			{Call: &parley.CallMessage{Title: "Call us", PhoneNumber: "+82 2 123 4567"}},
		},
	}}, "card")
	if err != nil {
		t.Fatal(err)
	}
	tapped, err := p.sim.Tap(simulator.ChannelKakaoTalkChat, userKey, simulator.Tap{Choice: "Call us"})
	if err != nil || tapped.Opened != "tel:+8221234567" {
		t.Errorf("tap opens %q, error %v", tapped.Opened, err)
	}
	if _, err := p.sim.Tap(simulator.ChannelKakaoTalkChat, userKey, simulator.Tap{Choice: "Buy"}); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Buy" || in.From.Identity != userKey {
		t.Errorf("tapped: got %+v", in)
	}
	reply := simulator.Reply{MediaURL: "/media/sample.png"}
	if _, err := p.sim.Reply(t.Context(), simulator.ChannelKakaoTalkChat, userKey, reply); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Message == nil || in.Message.Media == nil || in.Media == nil || !strings.Contains(in.Media.Ref, "/media/") {
		t.Errorf("picture: got %+v", in)
	}
}

// TestRefusals has the simulated KakaoTalk refuse.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	hello := &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	if err := p.sim.SetBehaviour(simulator.ChannelKakaoTalkChat, userKey, simulator.Behaviour{WindowClosed: true}); err != nil {
		t.Fatal(err)
	}
	if e := channel.AsError(p.send(hello, "late")); e.Reason.Code != parley.ReasonOutsideAllowedSendingWindow || e.Outcome != channel.NotSent {
		t.Errorf("without a session: got %v", e)
	}
	p.conn.Credential.KakaoTalkChat.APIKey = "another"
	if e := channel.AsError(p.send(hello, "stranger")); e.Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("another's key: got %v", e)
	}
}

// TestRoundTripCorpus hands what the corpus becomes to the simulated
// KakaoTalk, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	for name, m := range channeltest.Corpus(t) {
		if strings.HasPrefix(name, "explicit") {
			continue
		}
		err := p.send(m, name)
		if e := channel.AsError(err); err != nil && e.Reason.Code != parley.ReasonBadRequest && e.Reason.Code != parley.ReasonUnsupportedOperation {
			t.Errorf("%s: %v", name, err)
		}
	}
}

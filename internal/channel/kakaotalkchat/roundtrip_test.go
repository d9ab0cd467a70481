package kakaotalkchat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/kakaotalkchat"
	"github.com/parley-im/parley/internal/simulator"
)

// A phone is a handset of a simulated KakaoTalk and the channel it writes to.
type phone struct {
	*channeltest.Rig
	t *testing.T
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	p := &phone{t: t, Rig: (&channeltest.Rig{
		Channel: kakaotalkchat.New(), Credential: credential(), Provider: simulator.ProviderKakaoChat, To: userKey,
	}).Start(t)}
	p.Put(senderKey, simulator.KakaoChatAccount{
		ClientID: "shop", Secret: p.Conn.Credential.KakaoTalkChat.APIKey,
		WebhookURL: p.Conn.WebhookURL + "/" + p.Conn.Credential.CallbackSecret,
	})
	return p
}

// send sends a message in as many payloads as it takes.
func (p *phone) send(m *parley.AppMessage, key string) error {
	p.t.Helper()
	_, err := p.Send(key, m)
	return err
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
	tapped, err := p.Sim.Tap(simulator.ChannelKakaoTalkChat, userKey, simulator.Tap{Choice: "Call us"})
	if err != nil || tapped.Opened != "tel:+8221234567" {
		t.Errorf("tap opens %q, error %v", tapped.Opened, err)
	}
	if _, err := p.Sim.Tap(simulator.ChannelKakaoTalkChat, userKey, simulator.Tap{Choice: "Buy"}); err != nil {
		t.Fatal(err)
	}
	if in := p.Next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Buy" || in.From.Identity != userKey {
		t.Errorf("tapped: got %+v", in)
	}
	reply := simulator.Reply{MediaURL: "/media/sample.png"}
	if _, err := p.Sim.Reply(t.Context(), simulator.ChannelKakaoTalkChat, userKey, reply); err != nil {
		t.Fatal(err)
	}
	if in := p.Next(); in.Message == nil || in.Message.Media == nil || in.Media == nil || !strings.Contains(in.Media.Ref, "/media/") {
		t.Errorf("picture: got %+v", in)
	}
}

// TestRefusals has the simulated KakaoTalk refuse.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	hello := &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	if err := p.Sim.SetBehaviour(simulator.ChannelKakaoTalkChat, userKey, simulator.Behaviour{WindowClosed: true}); err != nil {
		t.Fatal(err)
	}
	if e := channel.AsError(p.send(hello, "late")); e.Reason.Code != parley.ReasonOutsideAllowedSendingWindow || e.Outcome != channel.NotSent {
		t.Errorf("without a session: got %v", e)
	}
	p.Conn.Credential.KakaoTalkChat.APIKey = "another"
	if e := channel.AsError(p.send(hello, "stranger")); e.Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("another's key: got %v", e)
	}
}

// TestRoundTripCorpus hands what the corpus becomes to the simulated
// KakaoTalk, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	refusals := []parley.ReasonCode{parley.ReasonBadRequest, parley.ReasonUnsupportedOperation, parley.ReasonTemplateNotFound}
	for name, m := range channeltest.Corpus(t) {
		if strings.HasPrefix(name, "explicit") {
			continue
		}
		err := p.send(m, name)
		if err != nil && !slices.Contains(refusals, channel.AsError(err).Reason.Code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

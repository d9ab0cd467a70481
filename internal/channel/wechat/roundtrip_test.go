package wechat_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/wechat"
	"github.com/parley-im/parley/internal/simulator"
)

// A phone is one follower of an account at a simulated WeChat.
type phone struct {
	*channeltest.Rig
	t  *testing.T
	ch *wechat.WeChat
}

func newPhone(t *testing.T, plain bool) *phone {
	t.Helper()
	p := &phone{t: t, ch: wechat.New()}
	p.Rig = (&channeltest.Rig{Channel: p.ch, Credential: credential(), Provider: simulator.ProviderWeChat, To: openID}).Start(t)
	c := p.Conn.Credential.WeChat
	account := simulator.WeChatAccount{AppSecret: c.AppSecret, Token: c.Token, AESKey: c.AESKey, WebhookURL: p.Conn.WebhookURL}
	if plain {
		account.AESKey = ""
	}
	p.Put(c.AppID, account)
	if _, err := p.ch.Connect(t.Context(), p.Conn); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) send(m *parley.AppMessage) error {
	p.t.Helper()
	_, err := p.Send("k", m)
	return err
}

func (p *phone) reply(r simulator.Reply) channel.Inbound {
	p.t.Helper()
	if _, err := p.Sim.Reply(p.t.Context(), simulator.ChannelWeChat, openID, r); err != nil {
		p.t.Fatal(err)
	}
	return p.Next()
}

func (p *phone) event(e simulator.Event) channel.Inbound {
	p.t.Helper()
	if _, err := p.Sim.Event(simulator.ChannelWeChat, openID, e); err != nil {
		p.t.Fatal(err)
	}
	return p.Next()
}

// TestSimulatorTakesTheCorpus sends every message of the corpus.
func TestSimulatorTakesTheCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t, false)
	for name, m := range channeltest.Corpus(t) {
		if m.Content() == nil || m.Template != nil || m.ExplicitChannel[parley.ChannelWeChat] != "" {
			continue // another channel's own
		}
		if err := p.send(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t, false)
	if in := p.event(simulator.Event{Type: simulator.EventOptIn, Payload: "7"}); !in.OptIn || in.From.Identity != openID {
		t.Errorf("subscribe: got %+v", in)
	}
	err := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea & cake?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}}, {URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	th, _ := p.Sim.Thread(simulator.ChannelWeChat, openID)
	last := th.Items[len(th.Items)-1]
	if last.Text != "Tea & cake?\nShop" || len(last.Choices) != 2 {
		t.Errorf("the phone shows %+v", last)
	}
	if tapped, err := p.Sim.Tap(simulator.ChannelWeChat, openID, simulator.Tap{Choice: "Shop"}); err != nil || tapped.Opened != "https://shop.example" {
		t.Errorf("tap of a link: %+v, %v", tapped, err)
	}
	if _, err := p.Sim.Tap(simulator.ChannelWeChat, openID, simulator.Tap{Choice: "Yes"}); err != nil {
		t.Fatal(err)
	}
	if in := p.Next(); in.Message.ChoiceResponse == nil || in.Message.ChoiceResponse.PostbackData != channel.Token(channeltest.MessageID, 0) {
		t.Errorf("tap: got %+v", in.Message)
	}
	if in := p.event(simulator.Event{Type: simulator.EventStart, Payload: "MENU_1"}); in.Message.ChoiceResponse.PostbackData != "MENU_1" {
		t.Errorf("menu: got %+v", in.Message)
	}
	for _, name := range []string{"composing_event", "composing_end_event"} {
		e := &parley.AppEvent{Composing: &parley.Empty{}}
		if name == "composing_end_event" {
			e = &parley.AppEvent{ComposingEnd: &parley.Empty{}}
		}
		if _, err := p.ch.SendEvent(t.Context(), p.Conn, &channel.OutgoingEvent{To: channel.Address{Identity: openID}, Event: e}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if in := p.event(simulator.Event{Type: simulator.EventOptOut}); !in.OptOut {
		t.Errorf("unsubscribe: got %+v", in)
	}
	if err := p.send(&parley.AppMessage{Text: &parley.TextMessage{Text: "Hello?"}}); channel.AsError(err).Reason.Code != parley.ReasonOutsideAllowedSendingWindow {
		t.Errorf("to one who left: %v", err)
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]bool{"encrypted": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPhone(t, plain)
			words := "Hello <你好> & \"so\""
			if in := p.reply(simulator.Reply{Text: &words}); cmp.Diff(&parley.TextMessage{Text: words}, in.Message.Text) != "" || in.ID == "" {
				t.Errorf("text: got %+v", in.Message)
			}
			at := simulator.Location{Latitude: 55.5, Longitude: 13.25, Address: "Malmö"}
			if in := p.reply(simulator.Reply{Location: &at}); in.Message.Location == nil || in.Message.Location.Label != "Malmö" || in.Message.Location.Coordinates.Latitude != 55.5 {
				t.Errorf("location: got %+v", in.Message)
			}
			if in := p.reply(simulator.Reply{MediaURL: "/media/sample.png"}); in.Message.Media == nil || !strings.HasPrefix(in.Message.Media.URL, "http://") {
				t.Errorf("picture: got %+v", in.Message)
			}
			for kind, content := range map[string]string{"audio/amr": "#!AMR", "video/mp4": "moving"} {
				in := p.reply(simulator.Reply{MediaURL: "data:" + kind + "," + content})
				if in.Media == nil || in.Media.MIME != kind {
					t.Errorf("%s: got %+v", kind, in)
					continue
				}
				media, err := p.ch.FetchMedia(t.Context(), p.Conn, in.Media.Ref)
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				if body, err := io.ReadAll(media.Body); err != nil || string(body) != content {
					t.Errorf("%s: got %q, %v", kind, body, err)
				}
				media.Body.Close()
			}
		})
	}
}

func TestTemplateReport(t *testing.T) {
	t.Parallel()
	p := newPhone(t, false)
	if err := p.Sim.SetBehaviour(simulator.ChannelWeChat, openID, simulator.Behaviour{Deliver: simulator.DeliverReject}); err != nil {
		t.Fatal(err)
	}
	err := p.send(&parley.AppMessage{Template: &parley.TemplateMessage{ChannelTemplate: map[parley.Channel]parley.TemplateReference{
		parley.ChannelWeChat: {TemplateID: "t1", Parameters: map[string]string{"thing1": "Tea"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if in := p.Next(); in.Receipt == nil || in.Receipt.Status != parley.StatusFailed || in.Receipt.Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("got %+v, want a failed receipt", in)
	}
	for code, want := range map[simulator.FailCode]parley.ReasonCode{
		"45047": parley.ReasonOutsideAllowedSendingWindow, "45011": parley.ReasonRateLimited, "87014": parley.ReasonDeliveryRejectedDueToPolicy,
	} {
		if err := p.Sim.SetBehaviour(simulator.ChannelWeChat, openID, simulator.Behaviour{Deliver: simulator.DeliverRefuse, FailCode: code}); err != nil {
			t.Fatal(err)
		}
		if err := p.send(&parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}); channel.AsError(err).Reason.Code != want {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

package wechat_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/wechat"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

const messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// A phone is one follower of an account at a simulated WeChat.
type phone struct {
	t     *testing.T
	sim   *simulator.Simulator
	ch    *wechat.WeChat
	conn  *channel.Conn
	inbox chan channel.Inbound
}

func newPhone(t *testing.T, plain bool) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, sim: sim, ch: wechat.New(), inbox: make(chan channel.Inbound, 16)}
	p.conn = &channel.Conn{
		Credential: credential(), BaseURL: server.URL + "/wechat", HTTP: server.Client(), Now: time.Now,
	}
	p.conn.OpenMedia = p.openMedia
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	c := p.conn.Credential.WeChat
	account := simulator.WeChatAccount{AppSecret: c.AppSecret, Token: c.Token, AESKey: c.AESKey, WebhookURL: hook.URL}
	if plain {
		account.AESKey = ""
	}
	if err := sim.Put(t.Context(), simulator.ProviderWeChat, c.AppID, account); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ch.Connect(t.Context(), p.conn); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := p.ch.Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
	_, _ = w.Write(got.Reply.Body)
}

// openMedia stands for the files that messages name.
func (p *phone) openMedia(context.Context, string) (channel.Media, error) {
	return channel.Media{Body: io.NopCloser(strings.NewReader("media")), Size: 5}, nil
}

// next waits for what the account hears next.
func (p *phone) next() channel.Inbound {
	p.t.Helper()
	select {
	case in := <-p.inbox:
		return in
	case <-time.After(10 * time.Second):
		p.t.Fatal("the account heard nothing")
		return channel.Inbound{}
	}
}

// send sends a message as the engine does.
func (p *phone) send(m *parley.AppMessage) error {
	p.t.Helper()
	tagged := channel.Tagged(transcode.Select(m, parley.ChannelWeChat), messageID)
	parts, err := transcode.Message(tagged, p.ch.Capabilities())
	if err != nil {
		p.t.Fatal(err)
	}
	to := channel.Address{Identity: openID}
	for _, part := range parts {
		payloads, err := p.ch.Render(&channel.Outgoing{MessageID: messageID, To: to, Message: part})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, payload := range payloads {
			if _, err := p.ch.Send(p.t.Context(), p.conn, channel.Attempt{Key: "k", To: to, Payload: payload}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *phone) reply(r simulator.Reply) channel.Inbound {
	p.t.Helper()
	if _, err := p.sim.Reply(p.t.Context(), simulator.ChannelWeChat, openID, r); err != nil {
		p.t.Fatal(err)
	}
	return p.next()
}

func (p *phone) event(e simulator.Event) channel.Inbound {
	p.t.Helper()
	if _, err := p.sim.Event(simulator.ChannelWeChat, openID, e); err != nil {
		p.t.Fatal(err)
	}
	return p.next()
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
	th, _ := p.sim.Thread(simulator.ChannelWeChat, openID)
	last := th.Items[len(th.Items)-1]
	if last.Text != "Tea & cake?\nShop" || len(last.Choices) != 2 {
		t.Errorf("the phone shows %+v", last)
	}
	if tapped, err := p.sim.Tap(simulator.ChannelWeChat, openID, simulator.Tap{Choice: "Shop"}); err != nil || tapped.Opened != "https://shop.example" {
		t.Errorf("tap of a link: %+v, %v", tapped, err)
	}
	if _, err := p.sim.Tap(simulator.ChannelWeChat, openID, simulator.Tap{Choice: "Yes"}); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Message.ChoiceResponse == nil || in.Message.ChoiceResponse.PostbackData != channel.Token(messageID, 0) {
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
		if _, err := p.ch.SendEvent(t.Context(), p.conn, &channel.OutgoingEvent{To: channel.Address{Identity: openID}, Event: e}); err != nil {
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
				media, err := p.ch.FetchMedia(t.Context(), p.conn, in.Media.Ref)
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
	if err := p.sim.SetBehaviour(simulator.ChannelWeChat, openID, simulator.Behaviour{Deliver: simulator.DeliverReject}); err != nil {
		t.Fatal(err)
	}
	err := p.send(&parley.AppMessage{Template: &parley.TemplateMessage{ChannelTemplate: map[parley.Channel]parley.TemplateReference{
		parley.ChannelWeChat: {TemplateID: "t1", Parameters: map[string]string{"thing1": "Tea"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Receipt == nil || in.Receipt.Status != parley.StatusFailed || in.Receipt.Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("got %+v, want a failed receipt", in)
	}
	for code, want := range map[simulator.FailCode]parley.ReasonCode{
		"45047": parley.ReasonOutsideAllowedSendingWindow, "45011": parley.ReasonRateLimited, "87014": parley.ReasonDeliveryRejectedDueToPolicy,
	} {
		if err := p.sim.SetBehaviour(simulator.ChannelWeChat, openID, simulator.Behaviour{Deliver: simulator.DeliverRefuse, FailCode: code}); err != nil {
			t.Fatal(err)
		}
		if err := p.send(&parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}); channel.AsError(err).Reason.Code != want {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

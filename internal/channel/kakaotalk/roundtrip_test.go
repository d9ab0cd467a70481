package kakaotalk_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/kakaotalk"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

// A dealer is a simulated NHN Cloud and the account there.
type dealer struct {
	t    *testing.T
	sim  *simulator.Simulator
	conn *channel.Conn
	told chan channel.Inbound
}

func newDealer(t *testing.T) *dealer {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	d := &dealer{t: t, sim: sim, told: make(chan channel.Inbound, 1000)}
	d.conn = &channel.Conn{
		Credential: credential(), BaseURL: server.URL + "/kakaotalk", HTTP: server.Client(), Now: time.Now,
		OpenMedia: func(context.Context, string) (channel.Media, error) {
			return channel.Media{Body: io.NopCloser(strings.NewReader("picture")), Size: 7}, nil
		},
	}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, err := kakaotalk.New().Receive(d.conn, r, body)
		if err != nil {
			t.Errorf("Receive(%s): %v", body, err)
			w.WriteHeader(http.StatusBadRequest)
		}
		for _, in := range got.Inbound {
			d.told <- in
		}
	}))
	t.Cleanup(hook.Close)
	err := sim.Put(t.Context(), simulator.ProviderKakaoTalk, appKey, simulator.KakaoTalkAccount{
		SecretKey: secretKey, SenderKey: senderKey, PlusFriendID: "@parley", WebhookURL: hook.URL, Signature: "signature-of-webhooks",
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// send sends a message as the engine does, each payload under its own key.
func (d *dealer) send(key string, m *parley.AppMessage) (channel.ProviderID, error) {
	d.t.Helper()
	tagged := channel.Tagged(transcode.Select(m, parley.ChannelKakaoTalk), "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	parts, err := transcode.Message(tagged, kakaotalk.New().Capabilities())
	if err != nil {
		d.t.Fatal(err)
	}
	to, id := channel.Address{Identity: "821012345678"}, channel.ProviderID("")
	for _, part := range parts {
		payloads, err := kakaotalk.New().Render(&channel.Outgoing{To: to, Message: part, Credential: d.conn.Credential})
		if err != nil {
			d.t.Fatal(err)
		}
		for _, p := range payloads {
			key += "x"
			if id, err = kakaotalk.New().Send(d.t.Context(), d.conn, channel.Attempt{Key: key, To: to, Payload: p}); err != nil {
				return "", err
			}
		}
	}
	return id, nil
}

func (d *dealer) next() channel.Inbound {
	d.t.Helper()
	select {
	case in := <-d.told:
		return in
	case <-time.After(10 * time.Second):
		d.t.Fatal("no result came")
		return channel.Inbound{}
	}
}

// TestSimulatorTakesTheCorpus sends every message of the corpus.
func TestSimulatorTakesTheCorpus(t *testing.T) {
	t.Parallel()
	d := newDealer(t)
	for name, m := range channeltest.Corpus(t) {
		if m.Content() == nil || name == "template-omni" || m.ExplicitChannel[parley.ChannelKakaoTalk] != "" {
			continue // another channel's own
		}
		if _, err := d.send(name, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if known, err := kakaotalk.New().Connect(t.Context(), d.conn); err != nil || known != "@parley" {
		t.Errorf("connect: %q, %v", known, err)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	d := newDealer(t)
	m := &parley.AppMessage{Template: &parley.TemplateMessage{ChannelTemplate: map[parley.Channel]parley.TemplateReference{
		parley.ChannelKakaoTalk: {TemplateID: "ORDER01", Parameters: map[string]string{"name": "Kim"}},
	}}}
	id, err := d.send("a", m)
	if err != nil {
		t.Fatal(err)
	}
	if in := d.next(); in.Receipt.ID != id || in.Receipt.Key != "ax" || in.Receipt.Status != parley.StatusDelivered || in.From.Identity != "821012345678" {
		t.Errorf("delivered: got %+v of %+v", in.Receipt, in.From)
	}
	if th, ok := d.sim.Thread(simulator.ChannelKakaoTalk, "821012345678"); !ok || th.Items[0].Text != "Template ORDER01\nname: Kim" {
		t.Errorf("the phone shows %+v", th.Items)
	}
	if _, err := d.send("a", m); channel.AsError(err).Outcome != channel.Unknown {
		t.Errorf("the same key: got %v", err)
	}
	behave := func(b simulator.Behaviour) {
		t.Helper()
		if err := d.sim.SetBehaviour(simulator.ChannelKakaoTalk, "821012345678", b); err != nil {
			t.Fatal(err)
		}
	}
	behave(simulator.Behaviour{Deliver: simulator.DeliverReject, FailCode: "3022"})
	if _, err := d.send("b", m); err != nil {
		t.Fatal(err)
	}
	if in := d.next(); in.Receipt.Status != parley.StatusFailed || in.Receipt.Reason.Code != parley.ReasonOutsideAllowedSendingWindow {
		t.Errorf("rejected: got %+v", in.Receipt)
	}
	behave(simulator.Behaviour{Deliver: simulator.DeliverRefuse})
	if _, err := d.send("c", m); channel.AsError(err).Outcome != channel.TryAgain {
		t.Errorf("refused: got %v", err)
	}
}

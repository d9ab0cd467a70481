package kakaotalk_test

import (
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/kakaotalk"
	"github.com/parley-im/parley/internal/simulator"
)

// A dealer is a simulated NHN Cloud and the account there.
type dealer struct {
	*channeltest.Rig
	t *testing.T
}

func newDealer(t *testing.T) *dealer {
	t.Helper()
	d := &dealer{t: t, Rig: (&channeltest.Rig{
		Channel: kakaotalk.New(), Credential: credential(), Provider: simulator.ProviderKakaoTalk, To: "821012345678",
	}).Start(t)}
	d.Put(appKey, simulator.KakaoTalkAccount{
		SecretKey: secretKey, SenderKey: senderKey, PlusFriendID: "@parley", WebhookURL: d.Conn.WebhookURL, Signature: "signature-of-webhooks",
	})
	return d
}

// send sends a message and returns the last payload's id.
func (d *dealer) send(key string, m *parley.AppMessage) (channel.ProviderID, error) {
	d.t.Helper()
	ids, err := d.Send(key, m)
	if err != nil {
		return "", err
	}
	return ids[len(ids)-1], nil
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
	if known, err := kakaotalk.New().Connect(t.Context(), d.Conn); err != nil || known != "@parley" {
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
	if in := d.Next(); in.Receipt.ID != id || in.Receipt.Key != "a.0" || in.Receipt.Status != parley.StatusDelivered || in.From.Identity != "821012345678" {
		t.Errorf("delivered: got %+v of %+v", in.Receipt, in.From)
	}
	if th, ok := d.Sim.Thread(simulator.ChannelKakaoTalk, "821012345678"); !ok || th.Items[0].Text != "Template ORDER01\nname: Kim" {
		t.Errorf("the phone shows %+v", th.Items)
	}
	if _, err := d.send("a", m); channel.AsError(err).Outcome != channel.Unknown {
		t.Errorf("the same key: got %v", err)
	}
	behave := func(b simulator.Behaviour) {
		t.Helper()
		if err := d.Sim.SetBehaviour(simulator.ChannelKakaoTalk, "821012345678", b); err != nil {
			t.Fatal(err)
		}
	}
	behave(simulator.Behaviour{Deliver: simulator.DeliverReject, FailCode: "3022"})
	if _, err := d.send("b", m); err != nil {
		t.Fatal(err)
	}
	if in := d.Next(); in.Receipt.Status != parley.StatusFailed || in.Receipt.Reason.Code != parley.ReasonOutsideAllowedSendingWindow {
		t.Errorf("rejected: got %+v", in.Receipt)
	}
	behave(simulator.Behaviour{Deliver: simulator.DeliverRefuse})
	if _, err := d.send("c", m); channel.AsError(err).Outcome != channel.TryAgain {
		t.Errorf("refused: got %v", err)
	}
}

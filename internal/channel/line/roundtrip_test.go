package line_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/line"
	"github.com/parley-im/parley/internal/simulator"
)

const handset = "/handsets/LINE/" + userID

// newPhone returns a handset of a simulated LINE and the account it talks to.
func newPhone(t *testing.T) *channeltest.Rig {
	t.Helper()
	p := (&channeltest.Rig{Channel: line.New(), Credential: credential(), Provider: simulator.ProviderLINE, To: userID}).Start(t)
	p.Do(http.MethodPut, "/accounts/line/1653", simulator.LINEAccount{Token: token, Secret: secret, BasicID: "@shop"}, nil)
	p.Do(http.MethodPut, handset, map[string]string{"name": "Nic"}, nil)
	for range 2 { // harmless when repeated
		if known, err := line.New().Connect(t.Context(), p.Conn); err != nil || known != "@shop" {
			t.Fatalf("connect: %q, %v", known, err)
		}
	}
	return p
}

// send sends what a message becomes to an identity.
func send(t *testing.T, p *channeltest.Rig, m *parley.AppMessage, to, key string) ([]channel.ProviderID, error) {
	t.Helper()
	p.To = to
	return p.SendPayloads(key, renderTo(t, m, to))
}

func text(s string) *parley.AppMessage { return &parley.AppMessage{Text: &parley.TextMessage{Text: s}} }

// item is what the handset shows of a message.
type item struct {
	ID      string             `json:"id"`
	Text    string             `json:"text"`
	Choices []simulator.Choice `json:"choices"`
	Cards   []simulator.Card   `json:"cards"`
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	choice := &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}},
			{Call: &parley.CallMessage{Title: "Call", PhoneNumber: "+4670"}},
			{ShareLocation: &parley.ShareLocationMessage{Title: "Here", FallbackURL: "https://x.example"}},
		},
	}}
	ids, err := send(t, p, choice, userID, "k")
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	again, err := send(t, p, choice, userID, "k")
	if err != nil || again[0] != ids[0] {
		t.Errorf("a repeat: %v, %v, want %v", again, err, ids)
	}
	var shown item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 3 || shown.Choices[1].URL != "tel:+4670" || shown.Choices[2].Kind != "location" {
		t.Errorf("the phone shows %+v", shown)
	}
	var info simulator.HandsetInfo
	if p.Do(http.MethodGet, handset, nil, &info); info.Total != 1 {
		t.Errorf("the phone got %d messages, want 1", info.Total)
	}

	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	if in := p.Next(); in.Message == nil || in.Message.ChoiceResponse == nil || in.Message.ChoiceResponse.PostbackData != channel.Token(messageKey, 0) {
		t.Errorf("tap: got %+v", in)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Here"}, nil)
	if in := p.Next(); in.Message == nil || in.Message.Location == nil {
		t.Errorf("a tapped location: got %+v", in)
	}
	p.Do(http.MethodPost, handset+"/reply", map[string]string{"text": "Hi", "reply_to": shown.ID}, nil)
	in := p.Next()
	if in.Message == nil || in.Message.Text == nil || in.ReplyTo != ids[0] || in.From.Identity != userID {
		t.Errorf("a quoting text: got %+v, want a reply to %s", in, ids[0])
	}
	if profile, err := line.New().Profile(t.Context(), p.Conn, in.From); err != nil || profile.Name != "Nic" {
		t.Errorf("profile: %+v, %v", profile, err)
	}
	e := &channel.OutgoingEvent{To: in.From, Event: &parley.AppEvent{Composing: &parley.Empty{}}}
	if _, err := line.New().SendEvent(t.Context(), p.Conn, e); err != nil {
		t.Errorf("composing: %v", err)
	}
	if p.Do(http.MethodGet, handset, nil, &info); !info.Typing {
		t.Error("the phone does not show the loading animation")
	}
}

func TestRoundTripMedia(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.Do(http.MethodPost, handset+"/reply", map[string]string{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "account": "1653",
	}, nil)
	in := p.Next()
	if in.Message == nil || in.Message.Media == nil || in.Media == nil {
		t.Fatalf("got %+v, want media", in)
	}
	m, err := line.New().FetchMedia(t.Context(), p.Conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if got, err := io.ReadAll(m.Body); err != nil || string(got) != "a picture" || m.MIME != "image/jpeg" {
		t.Errorf("fetched %q of type %q, %v", got, m.MIME, err)
	}
}

func TestRoundTripBlocked(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if _, err := send(t, p, text("Hi"), userID, "a"); err != nil {
		t.Fatal(err)
	}
	p.Do(http.MethodPost, handset+"/block", struct{}{}, nil)
	if in := p.Next(); !in.OptOut {
		t.Errorf("block: got %+v, want an opt-out", in)
	}
	if _, err := send(t, p, text("Hi again"), userID, "b"); err != nil {
		t.Errorf("to a blocked phone: %v, want nothing said of it", err)
	}
	p.Do(http.MethodPost, handset+"/unblock", struct{}{}, nil)
	if in := p.Next(); !in.OptIn {
		t.Errorf("unblock: got %+v, want an opt-in", in)
	}
	_, err := send(t, p, text("Hi"), "U123", "c")
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientInvalidChannelIdentity {
		t.Errorf("to nobody: %v, want RECIPIENT_INVALID_CHANNEL_IDENTITY", err)
	}
	p.Do(http.MethodPut, handset+"/behaviour", simulator.Behaviour{Deliver: simulator.DeliverRateLimit, RetryAfter: 2}, nil)
	_, err = send(t, p, text("Hi"), userID, "d")
	if e := channel.AsError(err); err == nil || e.Outcome != channel.TryAgain || e.After != 2*time.Second {
		t.Errorf("too fast: %v", err)
	}
}

// TestRoundTripNotification writes to a phone number, and hears that it
// arrived.
func TestRoundTripNotification(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	const number = "818000001234"
	p.Do(http.MethodPut, "/handsets/LINE/"+number, map[string]string{"name": "Aki"}, nil)
	m := &parley.AppMessage{ChannelSpecific: map[parley.Channel]parley.ChannelSpecificMessage{parley.ChannelLINE: {
		MessageType: "NOTIFICATION_MESSAGE_TEMPLATE",
		Message:     json.RawMessage(`{"template_key":"shipment","body":{"items":[{"item_key":"number","content":"7"}]}}`),
	}}}
	for key, m := range map[string]*parley.AppMessage{"template": m, "free": text("Hi")} {
		ids, err := send(t, p, m, number, key)
		if err != nil || len(ids) != 1 {
			t.Fatalf("%s: %v, %v", key, ids, err)
		}
		if in := p.Next(); in.Receipt == nil || in.Receipt.ID != ids[0] || in.Receipt.Status != parley.StatusDelivered {
			t.Errorf("%s: got %+v, want a receipt for %v", key, in, ids)
		}
	}
	_, err := send(t, p, m, "819099999999", "nobody")
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotReachable {
		t.Errorf("to a number without LINE: %v", err)
	}
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// LINE, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	corpus := channeltest.Corpus(t)
	delete(corpus, "explicit") // shows that nothing is added or lost
	for name, m := range corpus {
		if _, err := send(t, p, m, userID, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

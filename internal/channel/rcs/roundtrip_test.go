package rcs_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/rcs"
	"github.com/parley-im/parley/internal/simulator"
)

const phone = "46700000001"

// A world is the simulated API, connected to the channel.
type world struct {
	*channeltest.Rig
	t    *testing.T
	ch   rcs.Channel
	keys int
}

// newWorld connects an agent of a provider.
func newWorld(t *testing.T, provider string) *world {
	t.Helper()
	cred := sinchCredential()
	if provider == simulator.ProviderRCSGoogle {
		cred = credential(t)
	}
	w := &world{t: t, ch: rcs.New()}
	w.Rig = (&channeltest.Rig{Channel: w.ch, Credential: cred, Provider: provider, To: phone}).Start(t)
	hook := w.Conn.WebhookURL
	var account any = simulator.RCSSinchAccount{Token: sinchToken, WebhookURL: hook + "/" + sinchSecret}
	if provider == simulator.ProviderRCSGoogle {
		account = simulator.RCSGoogleAccount{
			ClientEmail: "agent@parley-test.iam.gserviceaccount.com", PublicKey: publicKey(t),
			ClientToken: clientToken, WebhookURL: hook,
		}
	}
	w.Put(agentID, account)
	return w
}

// everywhere runs a test against each provider.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, provider := range []string{simulator.ProviderRCSGoogle, simulator.ProviderRCSSinch} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, provider))
		})
	}
}

func conn(c *parley.ChannelCredential, base string) *channel.Conn {
	return &channel.Conn{
		Credential: c, BaseURL: base, HTTP: http.DefaultClient, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		OpenMedia: func(_ context.Context, address string) (channel.Media, error) {
			return channel.Media{Body: http.NoBody, MIME: mime.TypeByExtension(path.Ext(address)), Size: 5}, nil
		},
	}
}

// publicKey returns the key that the service account's signatures are checked
// with.
func publicKey(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile("testdata/service-account.json")
	if err != nil {
		t.Fatal(err)
	}
	var account struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal(file, &account); err != nil {
		t.Fatal(err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(account.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public().(*rsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// send sends what m becomes and returns the id of the last message.
func (w *world) send(m *parley.AppMessage) (channel.ProviderID, error) {
	w.t.Helper()
	var id channel.ProviderID
	for _, a := range w.attempts(m) {
		var err error
		if id, err = w.ch.Send(w.t.Context(), w.Conn, a); err != nil {
			return "", err
		}
	}
	return id, nil
}

func (w *world) attempts(m *parley.AppMessage) []channel.Attempt {
	w.t.Helper()
	payloads, err := w.Render(m)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make([]channel.Attempt, len(payloads))
	for i, p := range payloads {
		w.keys++
		out[i] = channel.Attempt{Key: fmt.Sprintf("%s.%d", channeltest.MessageID, w.keys), To: channel.Address{Identity: phone}, Payload: p}
	}
	return out
}

func text(s string) *parley.AppMessage {
	return &parley.AppMessage{Text: &parley.TextMessage{Text: s}}
}

// TestSimulatorTakesAll sends everything the channel can say.
func TestSimulatorTakesAll(t *testing.T) { everywhere(t, simulatorTakesAll) }

func simulatorTakesAll(t *testing.T, w *world) {
	t.Helper()
	for name, m := range channeltest.Corpus(t) {
		if len(m.ExplicitChannel) > 0 || len(m.ChannelSpecific) > 0 || m.Template != nil && m.Template.OmniTemplate == nil {
			continue
		}
		if m.Template != nil {
			continue // resolved before it comes here
		}
		if _, err := w.send(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConversation(t *testing.T) { everywhere(t, conversation) }

func conversation(t *testing.T, w *world) {
	t.Helper()
	id, err := w.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}},
			{URL: &parley.URLMessage{Title: "Menu", URL: "https://menu.example"}},
			{ShareLocation: &parley.ShareLocationMessage{Title: "Where are you?", FallbackURL: "https://where.example"}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead} {
		if r := w.Next().Receipt; r == nil || r.ID != id || r.Status != want {
			t.Errorf("got %+v, want %s of %s", r, want, id)
		}
	}
	for choice, token := range map[string]string{"Yes": ".0", "Menu": ".1", "Where are you?": ".2"} {
		if _, err := w.Sim.Tap(simulator.ChannelRCS, phone, simulator.Tap{Choice: simulator.ChoiceRef(choice)}); err != nil {
			t.Fatal(err)
		}
		in := w.Next()
		if in.Message == nil || in.Message.ChoiceResponse == nil || in.Message.ChoiceResponse.PostbackData != channeltest.MessageID+token {
			t.Errorf("tapped %s: got %+v", choice, in)
		}
		if choice == "Where are you?" {
			if in = w.Next(); in.Message == nil || in.Message.Location == nil {
				t.Errorf("shared location: got %+v", in)
			}
		}
	}
	words := "Hello"
	w.reply(simulator.Reply{Text: &words})
	heard := w.Next()
	if heard.From.Identity != phone || heard.Message.Text.Text != words {
		t.Errorf("text: got %+v", heard)
	}
	w.reply(simulator.Reply{MediaURL: "/media/sample.png"})
	if in := w.Next(); in.Message == nil || in.Message.Media == nil || in.Media == nil || !strings.Contains(in.Media.Ref, "/media/") {
		t.Errorf("file: got %+v", in)
	}
	w.shows(parley.AppEvent{Composing: &parley.Empty{}}, heard.ID)
	w.shows(parley.AppEvent{ReadMessage: &parley.Empty{}}, heard.ID)
	w.happens(simulator.EventTypingOn, func(in channel.Inbound) bool { return in.Event != nil && in.Event.Composing != nil })
	if w.Conn.Credential.Provider == "sinch" {
		return // does not tell who opts out
	}
	w.happens(simulator.EventOptOut, func(in channel.Inbound) bool { return in.OptOut })
	w.happens(simulator.EventOptIn, func(in channel.Inbound) bool { return in.OptIn })
}

func (w *world) reply(r simulator.Reply) {
	w.t.Helper()
	if _, err := w.Sim.Reply(w.t.Context(), simulator.ChannelRCS, phone, r); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) shows(e parley.AppEvent, last channel.ProviderID) {
	w.t.Helper()
	out := &channel.OutgoingEvent{EventID: channeltest.MessageID, To: channel.Address{Identity: phone}, Event: &e, LastInbound: last}
	if _, err := w.ch.SendEvent(w.t.Context(), w.Conn, out); err != nil {
		w.t.Error(err)
	}
}

func (w *world) happens(event string, right func(channel.Inbound) bool) {
	w.t.Helper()
	if _, err := w.Sim.Event(simulator.ChannelRCS, phone, simulator.Event{Type: event}); err != nil {
		w.t.Fatal(err)
	}
	if in := w.Next(); !right(in) {
		w.t.Errorf("%s: got %+v", event, in)
	}
}

// TestRepeat sends a message again whose answer was lost: it is shown once.
func TestRepeat(t *testing.T) { everywhere(t, repeat) }

func repeat(t *testing.T, w *world) {
	t.Helper()
	if err := w.Sim.SetBehaviour(simulator.ChannelRCS, phone, simulator.Behaviour{Hang: simulator.HangAfter, Times: 1}); err != nil {
		t.Fatal(err)
	}
	a := w.attempts(text("Once"))[0]
	_, err := w.ch.Send(t.Context(), w.Conn, a)
	if e, ok := errors.AsType[*channel.Error](err); !ok || e.Outcome != channel.Unknown {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	if _, err := w.ch.Send(t.Context(), w.Conn, a); err != nil {
		t.Fatal(err)
	}
	if th, _ := w.Sim.Thread(simulator.ChannelRCS, phone); len(th.Items) != 1 {
		t.Errorf("the phone shows %d messages, want 1", len(th.Items))
	}
}

// TestExpiry lets a message run out of time at the provider.
func TestExpiry(t *testing.T) { everywhere(t, expiry) }

func expiry(t *testing.T, w *world) {
	t.Helper()
	if err := w.Sim.SetBehaviour(simulator.ChannelRCS, phone, simulator.Behaviour{Deliver: simulator.DeliverNever}); err != nil {
		t.Fatal(err)
	}
	a := w.attempts(text("Now or never"))[0]
	a.Expires = time.Now().Add(time.Second)
	id, err := w.ch.Send(t.Context(), w.Conn, a)
	if err != nil {
		t.Fatal(err)
	}
	r := w.Next().Receipt
	if r == nil || r.ID != id || r.Status != parley.StatusFailed || r.Reason.Code != parley.ReasonMessageExpired {
		t.Errorf("got %+v", r)
	}
}

func TestRetract(t *testing.T) { everywhere(t, retract) }

func retract(t *testing.T, w *world) {
	t.Helper()
	if err := w.Sim.SetBehaviour(simulator.ChannelRCS, phone, simulator.Behaviour{Deliver: simulator.DeliverNever}); err != nil {
		t.Fatal(err)
	}
	id, err := w.send(text("Take me back"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ch.Retract(t.Context(), w.Conn, channel.Address{Identity: phone}, id); err != nil {
		t.Fatal(err)
	}
	th, _ := w.Sim.Thread(simulator.ChannelRCS, phone)
	if got := th.Items[0].Status; got != simulator.StatusCancelled {
		t.Errorf("the message is %s", got)
	}
	if w.Conn.Credential.Provider != "sinch" {
		return // says no more of it
	}
	if r := w.Next().Receipt; r == nil || r.ID != id || r.Status != parley.StatusFailed || r.Reason.Code != parley.ReasonMessageExpired {
		t.Errorf("got %+v", r)
	}
}

func TestReach(t *testing.T) { everywhere(t, reach) }

func reach(t *testing.T, w *world) {
	t.Helper()
	probe := func(want parley.CapabilityStatus) {
		t.Helper()
		got, err := w.ch.Probe(t.Context(), w.Conn, channel.Address{Identity: phone})
		if err != nil || got.Status != want {
			t.Errorf("got %+v, %v; want %s", got, err, want)
		}
	}
	probe(parley.CapabilityFull)
	if err := w.Sim.SetBehaviour(simulator.ChannelRCS, phone, simulator.Behaviour{Deliver: simulator.DeliverRefuse}); err != nil {
		t.Fatal(err)
	}
	probe(parley.CapabilityNone)
	_, err := w.send(text("Hello?"))
	if e, ok := errors.AsType[*channel.Error](err); !ok || e.Reason.Code != parley.ReasonRecipientNotReachable {
		t.Errorf("got %v", err)
	}
}

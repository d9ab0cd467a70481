package whatsapp_test

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/whatsapp"
	"github.com/parley-im/parley/internal/simulator"
)

const phone = "46700000001"

// A world is the simulated Cloud API, connected to the channel.
type world struct {
	*channeltest.Rig
	t *testing.T
}

// newWorld connects a number: its webhook is the channel's Receive.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Rig: (&channeltest.Rig{
		Channel: whatsapp.New(), Credential: credential(), Provider: simulator.ProviderWhatsApp, To: phone,
	}).Start(t)}
	w.Conn.BaseURL = w.URL + "/graph"
	w.Put(numberID, simulator.WhatsAppAccount{
		Token: token, AppSecret: credential().CallbackSecret, VerifyToken: verifyToken, WebhookURL: w.Conn.WebhookURL,
	})
	return w
}

// send sends a message that is one payload.
func (w *world) send(m *parley.AppMessage) (channel.ProviderID, error) {
	w.t.Helper()
	ids, err := w.Send(messageID, m)
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

func (w *world) reply(r simulator.Reply) channel.Inbound {
	w.t.Helper()
	if _, err := w.Sim.Reply(w.t.Context(), simulator.ChannelWhatsApp, phone, r); err != nil {
		w.t.Fatal(err)
	}
	return w.Next()
}

// TestConversation plays both sides: what is sent is shown, reported and
// answered.
func TestConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := whatsapp.New().Connect(t.Context(), w.Conn); err != nil {
		t.Fatal(err)
	}
	choice := &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Coming?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}}, {Text: &parley.TextMessage{Text: "No"}},
		},
	}}
	id, err := w.send(choice)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead} {
		want := &channel.Receipt{ID: id, Key: messageID + ".0", Status: status}
		if diff := cmp.Diff(want, w.Next().Receipt); diff != "" {
			t.Errorf("receipt (-want +got):\n%s", diff)
		}
	}
	if _, err := w.Sim.Tap(simulator.ChannelWhatsApp, phone, simulator.Tap{Choice: "No"}); err != nil {
		t.Fatal(err)
	}
	tapped := w.Next()
	if c := tapped.Message.ChoiceResponse; c == nil || c.PostbackData != channel.Token(messageID, 1) || tapped.ReplyTo != id {
		t.Errorf("tapped: got %+v in reply to %s, want the second choice of %s", c, tapped.ReplyTo, id)
	}
	text := "See you"
	if in := w.reply(simulator.Reply{Text: &text}); in.Message.Text == nil || in.Message.Text.Text != text || in.From.Identity != phone {
		t.Errorf("text: got %+v", in)
	}
	in := w.reply(simulator.Reply{Location: &simulator.Location{Latitude: 55.5, Longitude: 13.25, Title: "HQ"}})
	if l := in.Message.Location; l == nil || l.Title != "HQ" || l.Coordinates != (parley.Coordinates{Latitude: 55.5, Longitude: 13.25}) {
		t.Errorf("location: got %+v", l)
	}
}

// TestEvents: what the contact wrote is shown as read, and the account as
// writing.
func TestEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.send(&parley.AppMessage{Text: &parley.TextMessage{Text: "Anything else?"}}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // sent, delivered, read
		w.Next()
	}
	text := "Yes"
	wrote := w.reply(simulator.Reply{Text: &text})
	show := func(e *parley.AppEvent, last channel.ProviderID) error {
		_, err := whatsapp.New().SendEvent(t.Context(), w.Conn, &channel.OutgoingEvent{
			To: channel.Address{Identity: phone}, Event: e, LastInbound: last,
		})
		return err
	}
	phoneShows := func(status string, typing bool) {
		t.Helper()
		h, _ := w.Sim.Thread(simulator.ChannelWhatsApp, phone)
		if last := h.Items[len(h.Items)-1]; last.Status != status || h.Typing != typing {
			t.Errorf("the phone shows its message as %s, typing %v; want %s, %v", last.Status, h.Typing, status, typing)
		}
	}
	if err := show(&parley.AppEvent{ReadMessage: &parley.Empty{}}, wrote.ID); err != nil {
		t.Fatal(err)
	}
	phoneShows(simulator.StatusRead, false)
	if err := show(&parley.AppEvent{Composing: &parley.Empty{}}, wrote.ID); err != nil {
		t.Fatal(err)
	}
	phoneShows(simulator.StatusRead, true)
	err := show(&parley.AppEvent{Composing: &parley.Empty{}}, "")
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonOutsideAllowedSendingWindow || e.Outcome != channel.NotSent {
		t.Errorf("to somebody who never wrote: %v", err)
	}
	err = show(&parley.AppEvent{ReadMessage: &parley.Empty{}}, "wamid.unknown")
	if e := channel.AsError(err); err == nil || e.Outcome != channel.NotSent {
		t.Errorf("a message that does not exist: %v", err)
	}
}

func TestMediaRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.send(&parley.AppMessage{Text: &parley.TextMessage{Text: "Show me"}}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // sent, delivered, read
		w.Next()
	}
	const file = "\x89PNG\r\n\x1a\n the garden"
	in := w.reply(simulator.Reply{
		MediaURL: "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(file)), Caption: "My garden",
	})
	if in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "My garden" || in.Media == nil {
		t.Fatalf("got %+v", in)
	}
	media, err := whatsapp.New().FetchMedia(t.Context(), w.Conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer media.Body.Close()
	got, err := io.ReadAll(media.Body)
	if err != nil || string(got) != file || media.MIME != "image/png" {
		t.Errorf("got %q of type %s, error %v", got, media.MIME, err)
	}
	_, err = whatsapp.New().FetchMedia(t.Context(), w.Conn, "999")
	if e := channel.AsError(err); e.Outcome != channel.NotSent {
		t.Errorf("unknown media: got %v", err)
	}
}

func TestRejectedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.Sim.SetBehaviour(simulator.ChannelWhatsApp, phone, simulator.Behaviour{WindowClosed: true}); err != nil {
		t.Fatal(err)
	}
	id, err := w.send(&parley.AppMessage{Text: &parley.TextMessage{Text: "Hello?"}})
	if err != nil {
		t.Fatal(err)
	}
	r := w.Next().Receipt
	for r != nil && r.Status == parley.StatusQueuedOnChannel {
		r = w.Next().Receipt
	}
	if r == nil || r.ID != id || r.Status != parley.StatusFailed || r.Reason.Code != parley.ReasonOutsideAllowedSendingWindow {
		t.Errorf("got %+v", r)
	}
}

// TestSimulatorTakesAll sends the simulator everything the channel can say,
// which includes what Meta's OpenAPI does not describe.
func TestSimulatorTakesAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, payloads := range renderAll(t) {
		if strings.Contains(name, "order") {
			continue // payments are beyond the simulator
		}
		for i, p := range payloads {
			_, err := whatsapp.New().Send(t.Context(), w.Conn, channel.Attempt{Key: messageID + ".0", Payload: p})
			if err != nil {
				t.Errorf("%s, payload %d: %v\n%s", name, i+1, err, p.Body)
			}
		}
	}
}

package telegram_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/telegram"
	"github.com/parley-im/parley/internal/simulator"
)

// A phone is one handset of a simulated Telegram and the bot it talks to,
// both over HTTP.
type phone struct {
	t     *testing.T
	base  string
	conn  *channel.Conn
	inbox chan channel.Inbound
}

const handset = "/handsets/TELEGRAM/42"

func newPhone(t *testing.T) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, base: server.URL, conn: conn(server.URL + "/telegram"), inbox: make(chan channel.Inbound, 16)}
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	p.conn.WebhookURL = hook.URL
	p.do(http.MethodPut, "/accounts/telegram/"+token, struct{}{}, nil)
	p.do(http.MethodPut, handset, map[string]string{"name": "Nic"}, nil)
	if _, err := telegram.New().Connect(t.Context(), p.conn); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := telegram.New().Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
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

// next waits for what the bot hears next.
func (p *phone) next() channel.Inbound {
	p.t.Helper()
	select {
	case in := <-p.inbox:
		return in
	case <-time.After(10 * time.Second):
		p.t.Fatal("the bot heard nothing")
		return channel.Inbound{}
	}
}

// send sends a message and returns the ids of its payloads.
func (p *phone) send(m *parley.AppMessage) ([]channel.ProviderID, error) {
	p.t.Helper()
	var ids []channel.ProviderID
	for _, payload := range render(p.t, m, nil) {
		id, err := telegram.New().Send(p.t.Context(), p.conn, channel.Attempt{
			To: channel.Address{Identity: "42"}, Payload: payload,
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// item is what the handset shows of a message.
type item struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Choices []struct {
		Title string `json:"title"`
		Kind  string `json:"kind"`
	} `json:"choices"`
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)

	p.do(http.MethodPost, handset+"/start", map[string]string{"account": token, "payload": "sale"}, nil)
	if in := p.next(); !in.OptIn || in.From != (channel.Address{Identity: "42", Name: "Nic"}) {
		t.Errorf("start: got %+v, want an opt-in", in)
	}
	started := p.next()
	if started.Message == nil || started.Message.Text == nil || started.Message.Text.Text != "/start sale" {
		t.Errorf("start: got %+v, want its text", started)
	}

	ids, err := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}}, {URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
		},
	}})
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	var shown item
	p.do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 2 || shown.Choices[0].Kind != "callback" || shown.Choices[1].Kind != "url" {
		t.Errorf("the phone shows %+v", shown)
	}

	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	tapped := p.next()
	want := &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: channel.Token(messageID, 0)}}
	if diff := cmp.Diff(want, tapped.Message, cmpopts.IgnoreUnexported(parley.ContactMessage{})); diff != "" || tapped.ReplyTo != ids[0] {
		t.Errorf("tap: reply to %s, want %s; (-want +got):\n%s", tapped.ReplyTo, ids[0], diff)
	}
	if err := telegram.New().Acknowledge(t.Context(), p.conn, tapped); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
	composing := &parley.AppEvent{Composing: &parley.Empty{}}
	e := &channel.OutgoingEvent{To: channel.Address{Identity: "42"}, Event: composing}
	if _, err := telegram.New().SendEvent(t.Context(), p.conn, e); err != nil {
		t.Errorf("composing: %v", err)
	}
}

func TestRoundTripMedia(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.do(http.MethodPost, handset+"/reply", map[string]string{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look", "account": token,
	}, nil)
	in := p.next()
	if in.Message == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" || in.Media == nil {
		t.Fatalf("got %+v, want media with a caption", in)
	}
	m, err := telegram.New().FetchMedia(t.Context(), p.conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if got, err := io.ReadAll(m.Body); err != nil || string(got) != "a picture" {
		t.Errorf("fetched %q, %v", got, err)
	}
}

func TestRoundTripLocation(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	_, err := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Where to?"},
		Choices: []parley.Choice{
			{ShareLocation: &parley.ShareLocationMessage{Title: "Here", FallbackURL: "https://x.example"}},
			{Text: &parley.TextMessage{Text: "Nowhere"}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Nowhere"}, nil)
	if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Nowhere" {
		t.Errorf("a tapped text: got %+v, want its words", in)
	}
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Here"}, nil)
	if in := p.next(); in.Message == nil || in.Message.Location == nil {
		t.Errorf("a tapped location: got %+v, want a location", in)
	}
}

func TestRoundTripBlocked(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if _, err := p.send(text("Hi")); err != nil {
		t.Fatal(err)
	}
	p.do(http.MethodPost, handset+"/block", struct{}{}, nil)
	if in := p.next(); !in.OptOut {
		t.Errorf("block: got %+v, want an opt-out", in)
	}
	_, err := p.send(text("Hi again"))
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotOptedIn || e.Outcome != channel.NotSent {
		t.Errorf("to a blocked phone: %v, want RECIPIENT_NOT_OPTED_IN", err)
	}
	p.do(http.MethodPost, handset+"/unblock", struct{}{}, nil)
	if in := p.next(); !in.OptIn {
		t.Errorf("unblock: got %+v, want an opt-in", in)
	}
}

func TestRoundTripReaction(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ids, err := p.send(text("Hi"))
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		ID string `json:"id"`
	}
	p.do(http.MethodGet, handset+"/wait", nil, &shown)
	p.do(http.MethodPost, handset+"/reply", map[string]string{"reaction": "👍", "reply_to": shown.ID}, nil)
	in := p.next()
	want := &parley.ContactMessageEvent{Reaction: &parley.ReactionEvent{Emoji: "👍", Action: parley.ReactionReact}}
	if diff := cmp.Diff(want, in.MessageEvent, cmpopts.IgnoreUnexported(parley.ContactMessageEvent{})); diff != "" || in.ReplyTo != ids[0] {
		t.Errorf("reaction on %s, want %s; (-want +got):\n%s", in.ReplyTo, ids[0], diff)
	}
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// Telegram, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	for name, m := range corpus(t) {
		if _, err := p.send(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

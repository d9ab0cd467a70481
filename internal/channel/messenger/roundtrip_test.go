package messenger_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/messenger"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

// A phone is one handset of a simulated Messenger and the page it writes to,
// both over HTTP.
type phone struct {
	t     *testing.T
	base  string
	conn  *channel.Conn
	inbox chan channel.Inbound
}

const (
	psid    = "6543217890123456"
	handset = "/handsets/MESSENGER/" + psid
)

func newPhone(t *testing.T) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now, ReadAfter: 50 * time.Millisecond})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, base: server.URL, inbox: make(chan channel.Inbound, 256)}
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	c := credential()
	p.conn = &channel.Conn{
		Credential: c, BaseURL: server.URL + "/messenger", WebhookURL: hook.URL,
		HTTP: http.DefaultClient, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	p.do(http.MethodPut, "/accounts/messenger/"+pageID, simulator.PageAccount{
		Token: c.StaticToken.Token, AppSecret: c.CallbackSecret, VerifyToken: "verify-token-of-the-test", WebhookURL: hook.URL,
	}, nil)
	p.do(http.MethodPut, handset, map[string]string{"name": "Ada Lovelace"}, nil)
	return p
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := messenger.New().Receive(p.conn, r, body)
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

// next waits for the next thing the page hears that wanted accepts.
func (p *phone) next(wanted func(channel.Inbound) bool) channel.Inbound {
	p.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case in := <-p.inbox:
			if wanted(in) {
				return in
			}
		case <-late:
			p.t.Fatal("the page heard nothing of the kind")
			return channel.Inbound{}
		}
	}
}

// send sends a message as the engine would and returns the ids of its parts.
func (p *phone) send(m *parley.AppMessage) []channel.ProviderID {
	p.t.Helper()
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	ch := messenger.New()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, ch.Name()), id), ch.Capabilities())
	if err != nil {
		p.t.Fatal(err)
	}
	var ids []channel.ProviderID
	for _, part := range parts {
		to := channel.Address{Identity: psid}
		payloads, err := ch.Render(&channel.Outgoing{MessageID: id, To: to, Message: part, Credential: p.conn.Credential})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, payload := range payloads {
			sent, err := ch.Send(p.t.Context(), p.conn, channel.Attempt{Key: id + ".0", To: to, Payload: payload})
			if err != nil {
				p.t.Fatalf("send %s: %v", payload.Body, err)
			}
			ids = append(ids, sent)
		}
	}
	return ids
}

// TestCorpusIsTaken sends every message there is to a provider that checks
// what the real one does.
func TestCorpusIsTaken(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	go func() { // nobody listens here
		for {
			select {
			case <-p.inbox:
			case <-t.Context().Done():
				return
			}
		}
	}()
	for name, m := range channeltest.Corpus(t) {
		selected := transcode.Select(m, parley.ChannelMessenger)
		if len(selected.ExplicitChannel) > 0 || len(selected.ChannelSpecific) > 0 || selected.Template != nil || selected.Content() == nil {
			continue // its own words, or none
		}
		if ids := p.send(m); len(ids) == 0 {
			t.Errorf("%s: nothing was sent", name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if id, err := messenger.New().Connect(t.Context(), p.conn); id != pageID || err != nil {
		t.Fatalf("connect: got %q, %v", id, err)
	}

	ids := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}}, {URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
		},
	}})
	reports := map[parley.DeliveryStatus]*channel.Receipt{}
	for range 3 { // an echo may come after the delivery
		r := p.next(func(in channel.Inbound) bool { return in.Receipt != nil }).Receipt
		reports[r.Status] = r
	}
	if r := reports[parley.StatusQueuedOnChannel]; r == nil || r.ID != ids[0] || r.Key != "01ARZ3NDEKTSV4RRFFQ69G5FAV.0" {
		t.Errorf("echo: got %+v", r)
	}
	if r := reports[parley.StatusDelivered]; r == nil || r.ID != ids[0] {
		t.Errorf("delivery: got %+v", r)
	}
	if r := reports[parley.StatusRead]; r == nil || r.UpTo.IsZero() {
		t.Errorf("read: got %+v", r)
	}

	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	tapped := p.next(func(in channel.Inbound) bool { return in.Message != nil }).Message.ChoiceResponse
	if tapped == nil || tapped.PostbackData != "01ARZ3NDEKTSV4RRFFQ69G5FAV.0" {
		t.Errorf("tap: got %+v", tapped)
	}

	p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Milk?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}}, {Text: &parley.TextMessage{Text: "No"}}},
	}})
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": "No"}, nil)
	tapped = p.next(func(in channel.Inbound) bool { return in.Message != nil }).Message.ChoiceResponse
	if tapped == nil || tapped.PostbackData != "01ARZ3NDEKTSV4RRFFQ69G5FAV.1" {
		t.Errorf("quick reply: got %+v", tapped)
	}
	p.heard()

	profile, err := messenger.New().Profile(t.Context(), p.conn, channel.Address{Identity: psid})
	if profile.Name != "Ada Lovelace" || err != nil {
		t.Errorf("profile: got %+v, %v", profile, err)
	}
	if _, err = messenger.New().Profile(t.Context(), p.conn, channel.Address{Identity: "1"}); channel.AsError(err).Reason.Code != parley.ReasonNoProfileAvailable {
		t.Errorf("profile of nobody: got %v", err)
	}
}

// heard has the phone send each kind of thing it can.
func (p *phone) heard() {
	p.t.Helper()
	isMessage := func(in channel.Inbound) bool { return in.Message != nil }
	p.do(http.MethodPost, handset+"/reply", map[string]any{"text": "Hello"}, nil)
	if m := p.next(isMessage).Message; m.Text == nil || m.Text.Text != "Hello" {
		p.t.Errorf("text: got %+v", m)
	}
	p.do(http.MethodPost, handset+"/reply", map[string]any{"media_url": "/media/sample.png", "caption": "Look"}, nil)
	if in := p.next(isMessage); in.Media == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" {
		p.t.Errorf("media: got %+v", in)
	}
	p.do(http.MethodPost, handset+"/reply", map[string]any{"location": map[string]any{"latitude": 1.5, "longitude": 2, "title": "Cafe"}}, nil)
	if m := p.next(isMessage).Message; m.Location == nil || m.Location.Title != "Cafe" || m.Location.Coordinates.Latitude != 1.5 {
		p.t.Errorf("location: got %+v", m)
	}
	p.do(http.MethodPost, handset+"/event", map[string]any{"type": "start", "payload": "spring"}, nil)
	isEvent := func(in channel.Inbound) bool { return in.MessageEvent != nil || in.Event != nil }
	if e := p.next(isEvent).MessageEvent; e == nil || e.ShortlinkActivated == nil || e.ShortlinkActivated.Ref != "spring" {
		p.t.Errorf("start: got %+v", e)
	}
	p.do(http.MethodPost, handset+"/event", map[string]any{"type": "comment", "payload": "Nice"}, nil)
	if e := p.next(isEvent).Event; e == nil || e.Comment == nil || e.Comment.Text != "Nice" || e.Comment.User != "Ada Lovelace" {
		p.t.Errorf("comment: got %+v", e)
	}
	p.do(http.MethodPost, handset+"/event", map[string]any{"type": "opt_out"}, nil)
	if in := p.next(func(in channel.Inbound) bool { return in.OptIn || in.OptOut }); !in.OptOut {
		p.t.Errorf("opt-out: got %+v", in)
	}
}

// TestEvents shows typing and reading on the phone.
func TestEvents(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.do(http.MethodPost, handset+"/reply", map[string]any{"text": "Hello"}, nil)
	for _, e := range []*parley.AppEvent{
		{ReadMessage: &parley.Empty{}}, {Composing: &parley.Empty{}}, {ComposingEnd: &parley.Empty{}},
	} {
		_, err := messenger.New().SendEvent(t.Context(), p.conn, &channel.OutgoingEvent{To: channel.Address{Identity: psid}, Event: e})
		if err != nil {
			t.Fatal(err)
		}
		var shown struct {
			Typing bool `json:"typing"`
			Items  []struct {
				Status string `json:"status"`
			} `json:"items"`
		}
		p.do(http.MethodGet, handset, nil, &shown)
		if shown.Typing != (e.Composing != nil) || shown.Items[0].Status != "read" {
			t.Errorf("after %+v the phone shows %+v", e, shown)
		}
	}
}

// TestRefusals has the provider refuse for what may be wrong with the contact.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	for want, behaviour := range map[parley.ReasonCode]map[string]any{
		parley.ReasonOutsideAllowedSendingWindow: {"window_closed": true},
		parley.ReasonRecipientNotReachable:       {"deliver": "reject"},
		parley.ReasonRateLimited:                 {"deliver": "rate_limit"},
		parley.ReasonDeliveryRejectedDueToPolicy: {"deliver": "refuse", "fail_code": "368"},
	} {
		p.do(http.MethodPut, handset+"/behaviour", behaviour, nil)
		_, err := messenger.New().Send(t.Context(), p.conn, channel.Attempt{
			Key: "k", Payload: channel.Payload{Body: json.RawMessage(`{"recipient":{"id":"` + psid + `"},"messaging_type":"RESPONSE","message":{"text":"x"}}`)},
		})
		if got := channel.AsError(err).Reason.Code; got != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
}

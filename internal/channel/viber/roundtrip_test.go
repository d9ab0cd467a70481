package viber_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/viber"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

// A phone is one handset of a simulated Viber and the bot it talks to, both
// over HTTP.
type phone struct {
	t     *testing.T
	base  string
	conn  *channel.Conn
	inbox chan channel.Inbound
}

var handset = "/handsets/VIBER/" + url.PathEscape(userID)

const messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

func newPhone(t *testing.T) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, base: server.URL, inbox: make(chan channel.Inbound, 256)}
	p.conn = &channel.Conn{
		Credential: credential(), BaseURL: server.URL + "/viber", HTTP: http.DefaultClient,
		Log: slog.New(slog.DiscardHandler), Now: time.Now, OpenMedia: openMedia,
	}
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	p.conn.WebhookURL = hook.URL
	p.do(http.MethodPut, "/accounts/viber/"+token, simulator.ViberAccount{Name: "Shop"}, nil)
	p.do(http.MethodPut, handset, map[string]string{"name": "John"}, nil)
	if known, err := viber.New().Connect(t.Context(), p.conn); err != nil || known != "Shop" {
		t.Fatalf("connect: %q, %v", known, err)
	}
	return p
}

// openMedia stands for the media that messages name.
func openMedia(context.Context, string) (channel.Media, error) {
	return channel.Media{Body: io.NopCloser(strings.NewReader("media")), Size: -1}, nil
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := viber.New().Receive(p.conn, r, body)
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

// next waits for the next thing the bot hears that is like it should be.
func (p *phone) next(what string, like func(in *channel.Inbound) bool) channel.Inbound {
	p.t.Helper()
	for {
		select {
		case in := <-p.inbox:
			if like(&in) {
				return in
			}
		case <-time.After(10 * time.Second):
			p.t.Fatalf("the bot heard of no %s", what)
			return channel.Inbound{}
		}
	}
}

// send sends a message and returns the ids of its payloads; none of one that
// is refused before.
func (p *phone) send(m *parley.AppMessage) ([]channel.ProviderID, error) {
	p.t.Helper()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, parley.ChannelViber), messageID), viber.New().Capabilities())
	if err != nil {
		return nil, nil //nolint:nilerr // refused, as other tests expect
	}
	var ids []channel.ProviderID
	for _, part := range parts {
		payloads, err := viber.New().Render(&channel.Outgoing{
			MessageID: messageID, To: channel.Address{Identity: userID}, Message: part, Credential: credential(),
		})
		if err != nil {
			return nil, nil //nolint:nilerr // refused, as other tests expect
		}
		for _, payload := range payloads {
			id, err := viber.New().Send(p.t.Context(), p.conn, channel.Attempt{To: channel.Address{Identity: userID}, Payload: payload})
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func text(s string) *parley.AppMessage { return &parley.AppMessage{Text: &parley.TextMessage{Text: s}} }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ids, err := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes & no"}},
			{URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
			{ShareLocation: &parley.ShareLocationMessage{Title: "Here", FallbackURL: "https://x.example"}},
		},
	}})
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	var shown simulator.Item
	p.do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 3 || shown.Choices[0].Title != "Yes & no" || shown.Choices[1].Kind != "url" {
		t.Errorf("the phone shows %+v", shown)
	}
	for _, status := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead} {
		p.next("receipt "+string(status), func(in *channel.Inbound) bool {
			return in.Receipt != nil && in.Receipt.ID == ids[0] && in.Receipt.Status == status
		})
	}
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	in := p.next("tap", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.ChoiceResponse != nil })
	if in.Message.ChoiceResponse.PostbackData != channel.Token(messageID, 0) || in.From != (channel.Address{Identity: userID, Name: "John"}) {
		t.Errorf("tap: got %+v", in)
	}
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Here"}, nil)
	p.next("location", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.Location != nil })
	p.do(http.MethodPost, handset+"/reply", map[string]string{"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look"}, nil)
	in = p.next("picture", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.MediaCard != nil })
	if in.Media == nil || !strings.HasPrefix(in.Media.Ref, p.base) {
		t.Errorf("picture: %+v", in.Media)
	}
	if profile, err := viber.New().Profile(t.Context(), p.conn, in.From); err != nil || profile.Name != "John" {
		t.Errorf("profile: %+v, %v", profile, err)
	}
	p.do(http.MethodPost, handset+"/event", map[string]string{"type": "start", "payload": "ad-7"}, nil)
	p.next("start", func(in *channel.Inbound) bool { return in.Event != nil && in.Event.Generic != nil })
	p.do(http.MethodPost, handset+"/block", struct{}{}, nil)
	p.next("opt-out", func(in *channel.Inbound) bool { return in.OptOut })
	_, err = p.send(text("Hi again"))
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("to one who unsubscribed: %v, want RECIPIENT_NOT_OPTED_IN", err)
	}
	p.do(http.MethodPost, handset+"/unblock", struct{}{}, nil)
	p.next("opt-in", func(in *channel.Inbound) bool { return in.OptIn })
	p.do(http.MethodPut, handset+"/behaviour", simulator.Behaviour{Deliver: simulator.DeliverReject}, nil)
	if _, err = p.send(text("Hi")); err != nil {
		t.Fatal(err)
	}
	p.next("failure", func(in *channel.Inbound) bool { return in.Receipt != nil && in.Receipt.Status == parley.StatusFailed })
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// Viber, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	go func() { // receipts, which nobody reads here
		for {
			select {
			case <-p.inbox:
			case <-t.Context().Done():
				return
			}
		}
	}()
	corpus := channeltest.Corpus(t)
	delete(corpus, "explicit") // shows that nothing is added or lost
	for name, m := range corpus {
		if _, err := p.send(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
